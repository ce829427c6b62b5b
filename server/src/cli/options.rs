//! Checked, typed options: what the rest of the program sees of the command line.
//!
//! Whatever is here has passed every check that needs no file: ports are ports, devices are
//! named, conflicting options were refused. Nothing here is read from the environment again.

use model_repository::settings::WeightDecompression;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap_complete::Shell;
use model_repository::Pooling;
use model_repository::settings::DeviceFallback;

mod bench;
mod embed;
mod pull;
mod serve;

pub use bench::{BenchOptions, DatasetSource, EncodingFormat, Load};
pub use embed::{ApiAccess, EmbedOptions};
pub use pull::{
    Conversion, EarlierSettings, ExportOptions, FileWishes, FolderExport, HubAccess, PullJob,
    PullOptions, RemoveOptions, ResolveOptions,
};
pub use serve::{
    ApiKey, Batching, BindAddress, CorsOptions, Management, RunOptions, ServeOptions, ServedModels,
    ServerOptions,
};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// Serve models until a signal ends the process.
    Serve(Box<ServeOptions>),
    /// Pull and serve what an `EmbeddingModel` manifest describes.
    Run(Box<RunOptions>),
    /// Say as JSON what a pull would do; nothing is written.
    Resolve(Box<ResolveOptions>),
    /// Pull a model into a repository and end.
    Pull(Box<PullJob>),
    /// Delete a model that a pull made.
    Remove(Box<RemoveOptions>),
    /// Find the group of the render nodes.
    RenderGroup {
        /// File that gets the outcome.
        termination_message_path: Option<std::path::PathBuf>,
    },
    /// Convert a model to OpenVINO IR and end.
    Export(Box<ExportOptions>),
    /// Ask a running server for vectors.
    Embed(Box<EmbedOptions>),
    /// Measure a running server.
    Bench(Box<BenchOptions>),
    /// List the servables of a repository.
    List(ListOptions),
    /// Add a servable to a `config.json`.
    ConfigAdd(ConfigAdd),
    /// Remove a servable from a `config.json`.
    ConfigRemove(ConfigRemove),
    /// Print the version.
    Version,
    /// Print a shell's completion script.
    Completions(Shell),
    /// Print this help text to stdout; success.
    Help(String),
}

/// Where and how much to log. OVMS's flags `--log_level` and `--log_path`, and the format.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Least severe level that is written.
    pub level: LogLevel,
    /// File to append to, besides stderr.
    pub path: Option<PathBuf>,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// OVMS's log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to see.
    #[default]
    Info,
    /// What may need a look.
    Warning,
    /// What failed.
    Error,
}

/// How a log event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line an event.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How a model is served. `None` means: not said, so the model's own files decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelOptions {
    /// How token vectors become one vector.
    pub pooling: Option<Pooling>,
    /// Whether vectors are scaled to length 1.
    pub normalize: Option<bool>,
    /// Whether too long texts are cut rather than refused.
    pub truncate: Option<bool>,
    /// OpenVINO streams. Already `None` where OVMS lets `NUM_STREAMS` of `plugin_config` win.
    pub num_streams: Option<usize>,
    /// `CPU`, `GPU`, `GPU.1`, `NPU`; never a virtual device such as `AUTO`.
    pub target_device: Option<String>,
    /// What takes the model when `target_device` cannot; only a manifest says so.
    pub device_fallback: Option<DeviceFallback>,
    /// OpenVINO properties; numbers and booleans are kept as their JSON text.
    pub plugin_config: BTreeMap<String, String>,
    /// Allowed values of the request member `dimensions`, ascending, without repeats.
    pub matryoshka: Option<Vec<usize>>,
    /// Limits of a request.
    pub limits: LimitOptions,
}

/// Limits of the requests to one model and of its memory; `None`: the model's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitOptions {
    /// Longest text in tokens, special tokens included.
    pub max_input_tokens: Option<usize>,
    /// Most texts in one request.
    pub max_batch_inputs: Option<usize>,
    /// Most requests at the same time.
    pub max_concurrent_requests: Option<usize>,
    /// What becomes of compressed weights when a model is loaded.
    pub weight_decompression: Option<WeightDecompression>,
}

/// `list` and `--list_models`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// Folder whose servables are listed.
    pub model_repository_path: PathBuf,
}

/// `--add_to_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigAdd {
    /// The `config.json`, or the folder that holds one.
    pub config_path: PathBuf,
    /// Name of the servable.
    pub model_name: String,
    /// Stored as given: relative to the folder of `config.json`.
    pub base_path: PathBuf,
    /// Stored with the entry if given.
    pub target_device: Option<String>,
    /// Stored with the entry if not empty.
    pub plugin_config: BTreeMap<String, String>,
}

/// `--remove_from_config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRemove {
    /// The `config.json`, or the folder that holds one.
    pub config_path: PathBuf,
    /// Name of the servable.
    pub model_name: String,
}
