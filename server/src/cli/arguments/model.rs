//! Arguments about a model: where it comes from, how it is converted and served.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{BOOLEAN, Choice, LogArguments};

const POOLING: Choice = Choice(&["CLS", "LAST", "MEAN"]);
const WEIGHT_DECOMPRESSION: Choice = Choice(&["auto", "never", "load"]);
const WEIGHT_FORMAT: Choice = Choice(&["fp32", "fp16", "int8", "int4"]);

#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArguments {
    /// Model on the hub (org/name or org/name@revision) or a local folder (./folder, /folder).
    #[arg(long = "source_model", value_name = "SOURCE")]
    pub(crate) source_model: Option<String>,
    /// Branch, tag or commit. Default: main.
    #[arg(long = "revision", value_name = "REVISION")]
    pub(crate) revision: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct HubArguments {
    /// Address of the hub. Default: the variable HF_ENDPOINT, else https://huggingface.co.
    #[arg(long = "hf_endpoint", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) hf_endpoint: Option<String>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long = "ca_bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_bundle: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Repository")]
pub(crate) struct RepositoryArguments {
    /// Folder that holds the models. Default: models; OVMS's --pull needs it.
    #[arg(long = "model_repository_path", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) model_repository_path: Option<PathBuf>,
    /// Pull afresh a model that is already there. Default: false.
    #[arg(long = "overwrite_models", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) overwrite_models: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Conversion")]
pub(crate) struct ConversionArguments {
    /// Precision of the weights of a converted model. Default: int8.
    #[arg(long = "weight-format", alias = "weight_format", value_name = "FORMAT", value_parser = WEIGHT_FORMAT)]
    pub(crate) weight_format: Option<String>,
    /// Settings of int8 and int4 as one text in optimum-cli's words: --group-size, --ratio, --sym,
    /// --all-layers, --backup-precision. Default: groups of 64 for int8 and 32 for int4.
    #[arg(long = "extra_quantization_params", value_name = "TEXT")]
    pub(crate) extra_quantization_params: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct ModelArguments {
    /// How token vectors become one. Default: what the model's files say, else CLS.
    #[arg(long = "pooling", value_name = "POOLING", value_parser = POOLING)]
    pub(crate) pooling: Option<String>,
    /// Scale vectors to length 1. Default: true.
    #[arg(long = "normalize", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) normalize: Option<String>,
    /// Cut texts that are too long instead of refusing them. Default: false.
    #[arg(long = "truncate", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) truncate: Option<String>,
    /// Inferences at the same time. Default: by CPU count.
    #[arg(long = "num_streams", value_name = "COUNT")]
    pub(crate) num_streams: Option<String>,
    /// CPU, GPU, GPU.1, NPU. Default: CPU.
    #[arg(long = "target_device", value_name = "DEVICE")]
    pub(crate) target_device: Option<String>,
    /// OpenVINO properties as a JSON object, for example {"PERFORMANCE_HINT":"LATENCY"}.
    #[arg(long = "plugin_config", value_name = "JSON")]
    pub(crate) plugin_config: Option<String>,
    /// Lengths that the request member dimensions may ask for, separated by commas. Default: none.
    #[arg(long = "matryoshka", value_name = "LIST")]
    pub(crate) matryoshka: Option<String>,
    /// Longest text in tokens, special tokens included. Default: the model's.
    #[arg(long = "max_input_tokens", value_name = "TOKENS")]
    pub(crate) max_input_tokens: Option<String>,
    /// Most texts in one request. Default: no limit.
    #[arg(long = "max_batch_inputs", value_name = "COUNT")]
    pub(crate) max_batch_inputs: Option<String>,
    /// Most requests to the model at the same time. Default: no limit.
    #[arg(long = "max_concurrent_requests", value_name = "COUNT")]
    pub(crate) max_concurrent_requests: Option<String>,
    /// Whether compressed weights become f32 when a model is loaded: never for the least memory,
    /// load for the speed of fp32, auto for load where the processor is slower on compressed weights
    /// and memory is plenty. Default: auto.
    #[arg(long = "weight_decompression", value_name = "WHEN", value_parser = WEIGHT_DECOMPRESSION)]
    pub(crate) weight_decompression: Option<String>,
}

/// The options of OVMS's `export_model.py embeddings_ov`, and how to reach the hub.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of export_model.py")]
pub(crate) struct EmbeddingsOvArguments {
    /// Folder that holds the models. Default: models.
    #[arg(long = "model_repository_path", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) model_repository_path: Option<PathBuf>,
    /// Model on the hub or a local folder. Required.
    #[arg(long = "source_model", value_name = "SOURCE")]
    pub(crate) source_model: Option<String>,
    /// Name that clients use, and folder in the repository. Default: the source's.
    #[arg(long = "model_name", value_name = "NAME")]
    pub(crate) model_name: Option<String>,
    /// The config.json that the model is added to. Default: config.json.
    #[arg(long = "config_file_path", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config_file_path: Option<PathBuf>,
    /// Pull and convert afresh a model that is already there. Default: false.
    #[arg(long = "overwrite_models", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) overwrite_models: Option<String>,
    /// CPU, GPU, GPU.1, NPU. Default: CPU.
    #[arg(long = "target_device", value_name = "DEVICE")]
    pub(crate) target_device: Option<String>,
    /// Folder for compiled models. Default: no cache.
    #[arg(long = "ov_cache_dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) ov_cache_dir: Option<PathBuf>,
    /// Do not scale vectors to length 1. Default: false.
    #[arg(long = "skip_normalize", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) skip_normalize: Option<String>,
    /// How token vectors become one. Default: the model's own, else CLS.
    #[arg(long = "pooling", value_name = "POOLING", value_parser = POOLING)]
    pub(crate) pooling: Option<String>,
    /// Cut texts that are too long instead of refusing them. Default: false.
    #[arg(long = "truncate", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) truncate: Option<String>,
    /// Inferences at the same time. Default: what the server finds best for its cores.
    #[arg(long = "num_streams", value_name = "COUNT")]
    pub(crate) num_streams: Option<String>,
    #[command(flatten)]
    pub(crate) conversion: ConversionArguments,
    /// Branch, tag or commit. Default: main.
    #[arg(long = "revision", value_name = "REVISION", help_heading = "Source")]
    pub(crate) revision: Option<String>,
    #[command(flatten)]
    pub(crate) hub: HubArguments,
    #[command(flatten)]
    pub(crate) log: LogArguments,
}
