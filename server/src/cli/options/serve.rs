//! Options of the server: `serve`, `run` and OVMS's serving flags.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{HubAccess, LimitOptions, LogOptions, ModelOptions, PullOptions};
use crate::cli::Secret;

/// `serve` and OVMS's serving flags.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeOptions {
    /// Which models.
    pub models: ServedModels,
    /// How they are served.
    pub server: ServerOptions,
    /// Logging.
    pub log: LogOptions,
}

/// Which models a server serves.
#[derive(Debug, Clone, PartialEq)]
pub enum ServedModels {
    /// Everything in a `config.json` (`--config_path`).
    ConfigFile {
        /// The file, or the folder that holds a `config.json`.
        path: PathBuf,
        /// Time between two looks at the file; `None`: it is not watched.
        poll: Option<Duration>,
        /// A limit that is given here wins over every model's own.
        limits: LimitOptions,
    },
    /// One folder (`--model_name` with `--model_path`).
    Folder {
        /// Name that clients use.
        name: String,
        /// Folder with graph.pbtxt or a model.
        path: PathBuf,
        /// What is given here wins over the folder's files.
        overrides: ModelOptions,
    },
    /// One model that is pulled first (`--source_model`).
    Pull(Box<PullOptions>),
}

/// `run`: a manifest instead of model options.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOptions {
    /// YAML file with an `EmbeddingModel`.
    pub manifest: PathBuf,
    /// How to reach the hub where the manifest does not say.
    pub hub: HubAccess,
    /// Repository that the model is pulled into.
    pub model_repository_path: PathBuf,
    /// Whether a model that is already there is pulled afresh.
    pub overwrite_models: bool,
    /// How it is served.
    pub server: ServerOptions,
    /// Logging.
    pub log: LogOptions,
}

/// What is the same for all models of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerOptions {
    /// HTTP port; 0 (only from `serve` and `run`): a free one.
    pub rest_port: u16,
    /// Addresses to listen on; at least one.
    pub rest_bind_address: Vec<BindAddress>,
    /// Threads of the HTTP side; `None`: what the CPU quota allows.
    pub rest_workers: Option<usize>,
    /// Where `/info`, `/metrics` and reload move to; `None`: they stay on the main port.
    pub management: Option<Management>,
    /// What clients must show.
    pub api_key: ApiKey,
    /// What browsers of other origins may do.
    pub cors: CorsOptions,
    /// Largest request body in bytes.
    pub max_body_size: usize,
    /// How long everything goes on after SIGTERM, except that the server is not ready any more.
    pub shutdown_delay: Duration,
    /// Longest wait for running requests after that.
    pub shutdown_timeout: Duration,
    /// Whether `/metrics` answers.
    pub metrics_enable: bool,
    /// Most tokens that may wait; `None`: the engine's default.
    pub max_queued_tokens: Option<usize>,
    /// How batches are formed.
    pub batching: Batching,
    /// CPU threads to use; `None`: what the CPU quota allows.
    pub threads: Option<usize>,
    /// Folder of OpenVINO's libraries; `None`: search.
    pub openvino_dir: Option<PathBuf>,
    /// Folder for compiled models.
    pub cache_dir: Option<PathBuf>,
}

/// The port of operators and monitoring, without API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// Port; 0 (only from `serve` and `run`): a free one.
    pub port: u16,
    /// Addresses to listen on; at least one.
    pub bind_address: Vec<BindAddress>,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindAddress {
    /// A number.
    Ip(IpAddr),
    /// A host name, to be resolved at start.
    Host(String),
}

impl fmt::Display for BindAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(formatter),
            Self::Host(name) => formatter.write_str(name),
        }
    }
}

/// The key of `Authorization: Bearer ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// Everybody may ask.
    Open,
    /// First line of a file, read again when it changes.
    File(PathBuf),
    /// From `EMBEDSERVE_API_KEY` or `API_KEY`; ends are trimmed, never empty.
    Value(Secret),
}

/// Values of the `access-control-allow-*` headers; each list holds at least one item, `*` means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOptions {
    /// `--allowed_origins`
    pub allowed_origins: Vec<String>,
    /// `--allowed_methods`
    pub allowed_methods: Vec<String>,
    /// `--allowed_headers`
    pub allowed_headers: Vec<String>,
    /// `--allow_credentials`
    pub allow_credentials: bool,
}

/// How requests become batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batching {
    /// Texts of all requests, grouped by length.
    #[default]
    Auto,
    /// Each request is one padded batch, as OVMS does: for comparisons.
    OneRequest,
}
