//! Arguments of the server: ports, HTTP, engine, logs.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{BOOLEAN, Choice, TASK};

#[derive(Debug, Args)]
#[command(next_help_heading = "Models")]
pub(crate) struct ServedArguments {
    /// The config.json that lists the models, or the folder that holds it.
    #[arg(long = "config_path", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config_path: Option<PathBuf>,
    /// Name of the one model to serve.
    #[arg(long = "model_name", value_name = "NAME")]
    pub(crate) model_name: Option<String>,
    /// Folder of the one model to serve.
    #[arg(long = "model_path", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) model_path: Option<PathBuf>,
    /// Only embeddings. OVMS's --pull needs it.
    #[arg(long = "task", value_name = "TASK", value_parser = TASK)]
    pub(crate) task: Option<String>,
    /// Seconds between two looks at config.json; 0: never look. Default: 1.
    #[arg(long = "file_system_poll_wait_seconds", value_name = "SECONDS")]
    pub(crate) file_system_poll_wait_seconds: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Ports")]
pub(crate) struct ListenArguments {
    /// HTTP port. Default of serve and run: 8000 (0: a free one); OVMS's form needs it.
    #[arg(long = "rest_port", value_name = "PORT")]
    pub(crate) rest_port: Option<String>,
    /// Addresses to listen on, separated by commas. Default: 0.0.0.0.
    #[arg(long = "rest_bind_address", value_name = "ADDRESSES")]
    pub(crate) rest_bind_address: Option<String>,
    /// HTTP threads, 2 to 10000. Default: what the CPU quota allows.
    #[arg(long = "rest_workers", value_name = "COUNT")]
    pub(crate) rest_workers: Option<String>,
    /// Port for /info, /metrics and reload, without API key. Default: they are on rest_port.
    #[arg(long = "management_port", value_name = "PORT")]
    pub(crate) management_port: Option<String>,
    /// Addresses of the management port. Default: those of rest_bind_address.
    #[arg(long = "management_bind_address", value_name = "ADDRESSES")]
    pub(crate) management_bind_address: Option<String>,
    /// Most seconds to finish running requests after SIGTERM. Default: 25.
    #[arg(long = "shutdown_timeout", value_name = "SECONDS")]
    pub(crate) shutdown_timeout: Option<String>,
    /// Seconds to go on serving after SIGTERM while /v2/health/ready answers 503, for load balancers to
    /// notice; comes before --shutdown_timeout. Default: 0.
    #[arg(long = "shutdown_delay", value_name = "SECONDS")]
    pub(crate) shutdown_delay: Option<String>,
    /// gRPC port. gRPC is not served; the option has no effect beside rest_port.
    #[arg(long = "port", value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// Addresses of the gRPC port. No effect: gRPC is not served.
    #[arg(long = "grpc_bind_address", value_name = "ADDRESSES")]
    pub(crate) grpc_bind_address: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpArguments {
    /// File whose first line is the API key. Default: the variable API_KEY, else no key.
    #[arg(long = "api_key_file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Largest request body: bytes, or a number with KB, MB, GB, KiB, MiB, GiB. Default: 32MiB.
    #[arg(long = "max_body_size", value_name = "SIZE")]
    pub(crate) max_body_size: Option<String>,
    /// Origins that browsers may call from, separated by commas. Default: *.
    #[arg(long = "allowed_origins", value_name = "LIST")]
    pub(crate) allowed_origins: Option<String>,
    /// Methods that browsers may use, separated by commas. Default: *.
    #[arg(long = "allowed_methods", value_name = "LIST")]
    pub(crate) allowed_methods: Option<String>,
    /// Headers that browsers may send, separated by commas. Default: *.
    #[arg(long = "allowed_headers", value_name = "LIST")]
    pub(crate) allowed_headers: Option<String>,
    /// Whether browsers may send credentials. Default: false.
    #[arg(long = "allow_credentials", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) allow_credentials: Option<String>,
    /// Whether /metrics answers. Default: true.
    #[arg(long = "metrics_enable", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) metrics_enable: Option<String>,
    /// Metric names, separated by commas. No effect: all metrics are shown.
    #[arg(long = "metrics_list", value_name = "LIST")]
    pub(crate) metrics_list: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArguments {
    /// CPU threads to use. Default: what the CPU quota allows.
    #[arg(long = "threads", value_name = "COUNT")]
    pub(crate) threads: Option<String>,
    /// Form batches over all requests, or one padded batch a request. Default: auto.
    #[arg(long = "batching", value_name = "WAY", value_parser = Choice(&["auto", "one_request"]))]
    pub(crate) batching: Option<String>,
    /// Most tokens that may wait before requests are answered with 429. Default: by CPU count.
    #[arg(long = "max_queued_tokens", value_name = "TOKENS")]
    pub(crate) max_queued_tokens: Option<String>,
    /// Folder of OpenVINO's libraries. Default: lib/openvino beside the program, the cache, the system.
    #[arg(long = "openvino_dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) openvino_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct CacheArguments {
    /// Folder for compiled models, which makes later starts faster. Default: /opt/cache if it exists, else no cache.
    #[arg(long = "cache_dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct LogArguments {
    /// Least severe level to write. Default: INFO.
    #[arg(long = "log_level", value_name = "LEVEL", value_parser = Choice(&["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"]))]
    pub(crate) log_level: Option<String>,
    /// File to write the log to, besides stderr.
    #[arg(long = "log_path", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log_path: Option<PathBuf>,
    /// Lines of text or JSON objects. Default: text.
    #[arg(long = "log_format", value_name = "FORMAT", value_parser = Choice(&["text", "json"]))]
    pub(crate) log_format: Option<String>,
}
