//! Wires the operator: the log, the client, the Lease, the controller and the HTTP port.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::cli::{LogFormat, RunArguments};
use crate::controller::{self, Start};
use crate::http::{self, Readiness};
use crate::leader::Election;
use crate::metrics::Metrics;

/// Where a pod finds its own namespace.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Reconciles until SIGTERM or SIGINT, or until another process may have taken over.
///
/// # Errors
/// A cluster that cannot be reached, a port that is taken, or a Lease that was lost.
pub async fn run(arguments: RunArguments) -> anyhow::Result<()> {
    log(&arguments)?;
    let config = Config::infer().await.context("no cluster: set KUBECONFIG, or run in a pod")?;
    let client = Client::try_from(config).context("the cluster's configuration cannot be used")?;
    let version = client.apiserver_version().await.context("the API server cannot be reached")?;
    info!(kubernetes = version.git_version, "started");
    require_definition(&client).await?;

    let own = std::fs::read_to_string(OWN_NAMESPACE).ok();
    let settings = arguments.settings(own.as_deref().map(str::trim));
    let metrics = Arc::new(Metrics::new());
    let (tell, readiness) = watch::channel(Readiness::Starting);
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!("{} cannot be listened on: choose another --listen", arguments.listen)
    })?;
    tokio::spawn(http::serve(listener, http::router(Arc::clone(&metrics), readiness)));

    let mut signals = Signals::listen()?;
    let identity = identity();
    let leadership = match arguments.no_leader_election {
        true => None,
        false => {
            tell.send_replace(Readiness::Waiting);
            let election = Election::new(
                client.clone(),
                &settings.namespace,
                &arguments.lease_name,
                identity.clone(),
            );
            tokio::select! {
                leadership = election.win() => Some(leadership),
                () = signals.asked_to_end() => return Ok(()),
            }
        }
    };
    tell.send_replace(Readiness::Leading);
    metrics.set_leader(true);
    let (stop, mut stopped) = watch::channel(false);
    let start = Start {
        client,
        settings,
        pod_access: arguments.pod_access,
        metrics: Arc::clone(&metrics),
        instance: Some(identity),
    };
    let mut controller = tokio::spawn(controller::run(start, async move {
        // A sender that is gone is an end too.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let mut leadership = leadership;
    let lost = async {
        match &mut leadership {
            Some(leadership) => leadership.keep().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = lost => bail!("the lease {} was lost: another operator leads", arguments.lease_name),
        ended = &mut controller => {
            ended.context("the controller ended unexpectedly")??;
            bail!("the controller ended unexpectedly");
        }
        () = signals.asked_to_end() => {}
    }
    tell.send_replace(Readiness::Ending);
    info!("asked to end: reconciles that have begun are finished");
    stop.send_replace(true);
    let finished = tokio::time::timeout(std::time::Duration::from_secs(10), controller).await;
    if let Some(leadership) = leadership {
        leadership.give_back().await;
    }
    finished.map_or(Ok(()), |ended| Ok(ended.context("the controller ended unexpectedly")??))
}

/// Says in words what is missing before anything else fails for it.
async fn require_definition(client: &Client) -> anyhow::Result<()> {
    match client.list_api_group_resources(crds::API_VERSION).await {
        Ok(list) if list.resources.iter().any(|it| it.kind == crds::KIND) => Ok(()),
        Ok(_) => bail!(
            "the cluster has no {}: apply the output of `embedserve-operator crd` first",
            crds::KIND
        ),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            bail!(
                "the cluster has no {}: apply the output of `embedserve-operator crd` first",
                crds::KIND
            )
        }
        Err(error) => Err(error).context("it could not be found out what kinds the cluster has"),
    }
}

/// A name that no other process has.
fn identity() -> String {
    let host = std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok())
        .unwrap_or_default();
    let start = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("{}_{}_{start:x}", host.trim(), std::process::id())
}

fn log(arguments: &RunArguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log)
        .with_context(|| format!("--log {} is no filter", arguments.log))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match arguments.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("signals cannot be received")?,
            interrupt: signal(SignalKind::interrupt()).context("signals cannot be received")?,
        })
    }

    async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
