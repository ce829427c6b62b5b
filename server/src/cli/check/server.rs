//! Checks of what is the same for all models of a server: ports, HTTP, engine, logs.

use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use super::value::{bind_addresses, boolean, choice, count, header_list, number, path, port, size};
use crate::cli::UsageError;
use crate::cli::arguments::{
    CacheArguments, EngineArguments, HttpArguments, ListenArguments, LogArguments,
};
use crate::cli::options::{
    ApiKey, Batching, BindAddress, CorsOptions, LogFormat, LogLevel, LogOptions, Management,
    ServerOptions,
};

const DEFAULT_REST_PORT: u16 = 8000;
pub(super) const DEFAULT_ADDRESS: &str = "0.0.0.0";
const DEFAULT_MAX_BODY_SIZE: usize = 32 << 20;
const DEFAULT_SHUTDOWN_SECONDS: u64 = 25;

/// Which spelling of the command line: the rules about ports differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `serve` and `run`: port 8000 by default, 0 is a free port.
    Subcommand,
    /// OVMS's flags: a port must be given, 0 is no port.
    Ovms,
}

/// Checks what is the same for all models.
pub(super) fn server(
    listen: ListenArguments,
    http: HttpArguments,
    engine: EngineArguments,
    cache: CacheArguments,
    form: Form,
    context: &mut Context<'_>,
) -> Result<ServerOptions, UsageError> {
    let has_port = has_rest_port(&listen, form)?;
    let metrics_enable = metrics(&http, has_port, context)?;
    let listening = listening(listen, form, context)?;
    let batching = choice(
        "batching",
        engine.batching.as_deref(),
        &[("auto", Batching::Auto), ("one_request", Batching::OneRequest)],
    )?;
    Ok(ServerOptions {
        rest_port: listening.rest_port,
        rest_bind_address: listening.rest_bind_address,
        rest_workers: listening.rest_workers,
        management: listening.management,
        shutdown_delay: listening.shutdown_delay,
        shutdown_timeout: listening.shutdown_timeout,
        api_key: api_key(http.api_key_file.clone(), context)?,
        max_body_size: size("max_body_size", http.max_body_size.as_deref(), 1_024..=1 << 30)?
            .unwrap_or(DEFAULT_MAX_BODY_SIZE),
        cors: cors(&http, context)?,
        metrics_enable,
        max_queued_tokens: count(
            "max_queued_tokens",
            engine.max_queued_tokens.as_deref(),
            1..=1_000_000_000,
        )?,
        batching: batching.unwrap_or_default(),
        threads: count("threads", engine.threads.as_deref(), 1..=1_024)?,
        openvino_dir: path("openvino_dir", engine.openvino_dir)?,
        cache_dir: path("cache_dir", cache.cache_dir)?,
    })
}

struct Listening {
    rest_port: u16,
    rest_bind_address: Vec<BindAddress>,
    rest_workers: Option<usize>,
    management: Option<Management>,
    shutdown_delay: Duration,
    shutdown_timeout: Duration,
}

/// Whether there will be an HTTP port; 0 is none in OVMS's form.
fn has_rest_port(listen: &ListenArguments, form: Form) -> Result<bool, UsageError> {
    let rest_port = port("rest_port", listen.rest_port.as_deref())?;
    Ok(form == Form::Subcommand || rest_port.is_some_and(|port| port > 0))
}

fn listening(
    arguments: ListenArguments,
    form: Form,
    context: &mut Context<'_>,
) -> Result<Listening, UsageError> {
    let has_port = has_rest_port(&arguments, form)?;
    let grpc_port = port("port", arguments.port.as_deref())?.filter(|port| *port > 0);
    let rest_port = port("rest_port", arguments.rest_port.as_deref())?.unwrap_or(DEFAULT_REST_PORT);
    if !has_port && grpc_port.is_none() {
        return Err(UsageError::new("port and rest_port cannot both be unset")
            .with_hint("add --rest_port 8000"));
    }
    let rest_workers = count("rest_workers", arguments.rest_workers.as_deref(), 0..=u32::MAX)?;
    if rest_workers.is_some_and(|workers| !(2..=10_000).contains(&workers)) {
        return Err(UsageError::of("rest_workers", "rest_workers count should be from 2 to 10000"));
    }
    if rest_workers.is_some() && !has_port {
        return Err(UsageError::new(
            "rest_workers is set but rest_port is not set. rest_port is required to start rest servers",
        ));
    }
    let rest_bind_address = bind_addresses(
        "rest_bind_address",
        arguments.rest_bind_address.as_deref().unwrap_or(DEFAULT_ADDRESS),
    )?;
    if let Some(address) = &arguments.grpc_bind_address {
        bind_addresses("grpc_bind_address", address)?;
        context.warn("gRPC is not served: --grpc_bind_address has no effect");
    }
    if let Some(grpc_port) = grpc_port {
        if !has_port {
            return Err(UsageError::of("port", "gRPC is not served: --port alone is not enough")
                .with_hint("add --rest_port 8000"));
        }
        if grpc_port == rest_port {
            return Err(UsageError::new("port and rest_port cannot have the same values"));
        }
        context.warn(format!("gRPC is not served: --port {grpc_port} has no effect"));
    }
    let management_port = port("management_port", arguments.management_port.as_deref())?
        .filter(|port| *port > 0 || form == Form::Subcommand);
    if management_port.is_some_and(|port| port > 0 && port == rest_port) {
        return Err(UsageError::new("management_port and rest_port cannot have the same values"));
    }
    let management_address = match &arguments.management_bind_address {
        Some(address) => bind_addresses("management_bind_address", address)?,
        None => rest_bind_address.clone(),
    };
    let delay = number("shutdown_delay", arguments.shutdown_delay.as_deref(), 0..=86_400)?;
    let shutdown = number("shutdown_timeout", arguments.shutdown_timeout.as_deref(), 0..=86_400)?;
    Ok(Listening {
        rest_port,
        rest_bind_address,
        rest_workers,
        management: management_port
            .map(|port| Management { port, bind_address: management_address }),
        shutdown_delay: Duration::from_secs(delay.unwrap_or(0)),
        shutdown_timeout: Duration::from_secs(shutdown.unwrap_or(DEFAULT_SHUTDOWN_SECONDS)),
    })
}

/// Metrics are on unless switched off; the checks are OVMS's, where they are off by default.
fn metrics(
    http: &HttpArguments,
    has_port: bool,
    context: &mut Context<'_>,
) -> Result<bool, UsageError> {
    let given = http.metrics_enable.as_deref();
    let enable = boolean("metrics_enable", given, true)?;
    if enable && given.is_some() && !has_port {
        return Err(UsageError::new(
            "rest_port setting is missing, metrics are enabled on rest port",
        ));
    }
    if http.metrics_list.as_ref().is_some_and(|list| !list.is_empty()) {
        if given.is_none() || !enable {
            return Err(UsageError::new(
                "metrics_enable setting is missing, required when metrics_list is provided",
            ));
        }
        context.warn("--metrics_list has no effect: all metrics are shown");
    }
    Ok(enable)
}

/// Where the API key is.
pub(super) fn api_key(file: Option<PathBuf>, context: &Context<'_>) -> Result<ApiKey, UsageError> {
    if let Some(file) = path("api_key_file", file)? {
        return Ok(ApiKey::File(file));
    }
    Ok(context.secret("API_KEY")?.map_or(ApiKey::Open, ApiKey::Value))
}

fn cors(http: &HttpArguments, context: &mut Context<'_>) -> Result<CorsOptions, UsageError> {
    let options = CorsOptions {
        allowed_origins: header_list("allowed_origins", http.allowed_origins.as_deref(), "*")?,
        allowed_methods: header_list("allowed_methods", http.allowed_methods.as_deref(), "*")?,
        allowed_headers: header_list("allowed_headers", http.allowed_headers.as_deref(), "*")?,
        allow_credentials: boolean("allow_credentials", http.allow_credentials.as_deref(), false)?,
    };
    if options.allow_credentials && options.allowed_origins.iter().any(|origin| origin == "*") {
        context.warn("browsers send no credentials while --allowed_origins is *");
    }
    Ok(options)
}

/// Checks where and how much to log.
pub(super) fn log(arguments: LogArguments) -> Result<LogOptions, UsageError> {
    let levels = [
        ("TRACE", LogLevel::Trace),
        ("DEBUG", LogLevel::Debug),
        ("INFO", LogLevel::Info),
        ("WARNING", LogLevel::Warning),
        ("ERROR", LogLevel::Error),
    ];
    let level = choice("log_level", arguments.log_level.as_deref(), &levels).map_err(|_| {
        UsageError::of(
            "log_level",
            "log_level should be one of: TRACE, DEBUG, INFO, WARNING, ERROR",
        )
    })?;
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Ok(LogOptions {
        level: level.unwrap_or_default(),
        path: path("log_path", arguments.log_path)?,
        format: choice("log_format", arguments.log_format.as_deref(), &formats)?
            .unwrap_or_default(),
    })
}
