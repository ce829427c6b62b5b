//! `serve`: bind, load in the background, answer until a signal, finish what runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, anyhow};
use engine::{Engine, EngineOptions};
use model_repository::sizing;
use openvino_runtime::{OpenVino, find_libraries};
use tokio::net::{TcpListener, lookup_host};
use tracing::{error, info};

use super::signals::Signals;
use super::{VERSION, config, pull};
use crate::cli::{ApiKey, Batching, BindAddress, Exit, ServeOptions, ServedModels, ServerOptions};
use crate::http::{self, ApiKeySource, CorsSettings, ServerState};
use crate::metrics::Metrics;
use crate::serving::{OpenVinoLoader, PlannedFolder, Registry, Reload, ServingSource};

/// How long what is left of blocking work may take once everything has had its time to finish.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Serves until a signal ends the process.
pub(super) fn serve(options: ServeOptions) -> anyhow::Result<Exit> {
    block_on_workers(options.server.rest_workers, async move {
        let mut signals = Signals::listen()?;
        let (source, poll) = match options.models {
            ServedModels::ConfigFile { path, poll, limits } => {
                (ServingSource::ConfigFile { path: config::config_file(&path), limits }, poll)
            }
            ServedModels::Folder { name, path, overrides } => {
                (ServingSource::Folders(vec![PlannedFolder { name, path, overrides }]), None)
            }
            ServedModels::Pull(options) => {
                let unwatched = Arc::default();
                let pulling = signals.unless_asked_to_end(pull::pull(&options, &unwatched));
                let Some(pulled) = pulling.await else { return Ok(Exit::Ok) };
                (ServingSource::Folders(vec![pulled?.served()]), None)
            }
        };
        serve_source(source, poll, options.server, signals).await
    })?
}

/// Runs a future on a runtime of as many threads as HTTP may use.
pub(super) fn block_on_workers<F: Future>(
    workers: Option<usize>,
    future: F,
) -> anyhow::Result<F::Output> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build().context("cannot start the HTTP threads")?;
    let output = runtime.block_on(future);
    runtime.shutdown_timeout(LAST_MOMENT);
    Ok(output)
}

/// Serves what `source` says. A source of folders that cannot be loaded at all ends the process:
/// nothing can mend it but a new start. A `config.json` can be mended, so the server stays.
pub(super) async fn serve_source(
    source: ServingSource,
    poll: Option<Duration>,
    options: ServerOptions,
    mut signals: Signals,
) -> anyhow::Result<Exit> {
    let main = listen(&options.rest_bind_address, options.rest_port).await?;
    let management = match &options.management {
        Some(management) => listen(&management.bind_address, management.port).await?,
        None => Vec::new(),
    };
    let metrics = Arc::new(Metrics::new());
    let must_load = matches!(source, ServingSource::Folders(_));
    let registry = Registry::new(source, Arc::new(loader(&options, &metrics)?));
    let state = ServerState::new(registry.clone(), metrics.clone(), http_settings(&options))?;

    for listener in &main {
        info!(address = %listener.local_addr()?, version = VERSION, "listening");
    }
    for listener in &management {
        info!(address = %listener.local_addr()?, "listening for management");
    }
    let first_load = tokio::spawn({
        let registry = registry.clone();
        async move {
            let outcome = registry.reload().await;
            if must_load && let Err(error) = outcome { Some(anyhow!(error)) } else { None }
        }
    });
    let keep_current = async {
        let Some(every) = poll else { return std::future::pending().await };
        // The first load looks; a moment later is soon enough for the next look.
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // What went wrong is in the log and in the status of the models.
            let outcome = registry.refresh().await;
            if !matches!(outcome, Ok(Reload::Unchanged)) {
                metrics.count_reload(&outcome);
            }
        }
    };
    let mut failure = None;
    let until = async {
        let failed_load = async {
            match first_load.await {
                Ok(Some(error)) => error,
                Ok(None) => std::future::pending().await,
                Err(panic) => anyhow!("loading the models panicked: {panic}"),
            }
        };
        tokio::select! {
            () = signals.asked_to_end() => {
                // Whoever sends requests here has to hear of the end before it comes.
                registry.begin_shutdown();
                let delay = options.shutdown_delay;
                info!(delay_seconds = delay.as_secs(), "asked to end, not ready any more");
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = signals.asked_to_end() => info!("asked again: ending now"),
                }
            }
            () = keep_current => {}
            error = failed_load => failure = Some(error),
        }
    };
    http::serve(main, management, state, until, options.shutdown_timeout).await?;
    let unloading = registry.unload();
    if tokio::time::timeout(options.shutdown_timeout, unloading).await.is_err() {
        error!("models did not end in time");
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(Exit::Ok),
    }
}

fn loader(options: &ServerOptions, metrics: &Arc<Metrics>) -> anyhow::Result<OpenVinoLoader> {
    let libraries = find_libraries(options.openvino_dir.as_deref())?;
    let openvino = OpenVino::load(&libraries)?;
    let cores = options
        .threads
        .unwrap_or_else(|| available_parallelism().map_or(1, std::num::NonZero::get));
    info!(version = %openvino.version(), folder = %libraries.display(), cores, "OpenVINO loaded");
    let lanes = cores;
    let tokenizer_threads = sizing::tokenizer_threads(cores);
    Ok(OpenVinoLoader {
        openvino,
        engine: Engine::new(EngineOptions { tokenizer_threads, lanes }),
        cores,
        cache_dir: options.cache_dir.clone().or_else(usual_cache_dir),
        max_queued_tokens: options.max_queued_tokens,
        one_request_per_batch: options.batching == Batching::OneRequest,
        metrics: metrics.clone(),
        runtime: tokio::runtime::Handle::current(),
    })
}

/// The folder that OVMS's images keep compiled models in, if this machine has it.
fn usual_cache_dir() -> Option<PathBuf> {
    Some(PathBuf::from("/opt/cache")).filter(|folder| folder.is_dir())
}

fn http_settings(options: &ServerOptions) -> http::Settings {
    let cors = &options.cors;
    http::Settings {
        body_limit: options.max_body_size,
        body_memory: options.max_body_size.saturating_mul(16),
        cors: CorsSettings {
            allowed_origins: cors.allowed_origins.join(","),
            allowed_methods: cors.allowed_methods.join(","),
            allowed_headers: cors.allowed_headers.join(","),
            allow_credentials: cors.allow_credentials,
        },
        api_key: match &options.api_key {
            ApiKey::Open => ApiKeySource::None,
            ApiKey::File(path) => ApiKeySource::File(path.clone()),
            ApiKey::Value(key) => ApiKeySource::Value(key.expose().to_owned()),
        },
        metrics_enable: options.metrics_enable,
        ..http::Settings::default()
    }
}

/// Binds a port on every address.
pub(super) async fn listen(
    addresses: &[BindAddress],
    port: u16,
) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let resolved: Vec<SocketAddr> = match address {
            BindAddress::Ip(ip) => vec![(*ip, port).into()],
            BindAddress::Host(name) => lookup_host((name.as_str(), port))
                .await
                .with_context(|| format!("cannot resolve the bind address {name}"))?
                .collect(),
        };
        for address in resolved {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address}: is the port taken, or the address not here?")
            })?;
            listeners.push(listener);
        }
    }
    Ok(listeners)
}
