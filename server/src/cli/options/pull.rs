//! Options of `pull`, `resolve` and `export`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model_export::WeightFormat;
use model_hub::Source;

use super::{LogOptions, Management, ModelOptions};
use crate::cli::Secret;

/// How to reach the hub; `None`: what the hub's client takes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HubAccess {
    /// `http://` or `https://` address without a slash at the end
    /// (`--hf_endpoint`, `HF_ENDPOINT`).
    pub endpoint: Option<String>,
    /// Token for gated and private repositories (`EMBEDSERVE_HF_TOKEN`, `HF_TOKEN`).
    pub token: Option<Secret>,
    /// PEM file of certificate authorities to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
}

/// When weights are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conversion {
    /// OpenVINO IR or ONNX is taken as it is; safetensors are converted.
    #[default]
    IfNeeded,
    /// A weight format or settings of it were named: safetensors are converted even where IR is
    /// there.
    Asked,
    /// What would have to be converted is refused.
    Never,
}

/// Which files of a repository are wanted besides the usual choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileWishes {
    /// Patterns of files to fetch too.
    pub include: Vec<String>,
    /// Patterns of files to leave out.
    pub exclude: Vec<String>,
    /// SHA-256 that files must have, by path.
    pub sha256: BTreeMap<String, String>,
}

/// What becomes of an `embedserve.json` that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlierSettings {
    /// What is not said anew stays: people edit that file.
    #[default]
    Keep,
    /// Only what is said now counts.
    Forget,
}

/// `pull`, `--pull`, the pull before serving, and `export embeddings_ov`.
#[derive(Debug, Clone, PartialEq)]
pub struct PullOptions {
    /// What to pull; its revision is the one of `--revision` or of `org/name@revision`.
    pub source: Source,
    /// How to reach the hub.
    pub hub: HubAccess,
    /// Repository of models.
    pub model_repository_path: PathBuf,
    /// Exact folder of the model; `None`: see [`PullOptions::model_dir`].
    pub output_dir: Option<PathBuf>,
    /// Name that clients use.
    pub model_name: String,
    /// What graph.pbtxt and embedserve.json will say.
    pub model: ModelOptions,
    /// Folder for compiled models, to be written into the model's `plugin_config`.
    pub cache_dir: Option<PathBuf>,
    /// Precision of exported weights; `None`: the program's default.
    pub weight_format: Option<WeightFormat>,
    /// When weights are converted.
    pub conversion: Conversion,
    /// Which files, and what must hold for them.
    pub wishes: FileWishes,
    /// What becomes of settings that are there already.
    pub earlier_settings: EarlierSettings,
    /// optimum-cli's further options, as one text.
    pub extra_quantization_params: Option<String>,
    /// Whether a model that is already there is pulled afresh.
    pub overwrite_models: bool,
    /// The `config.json` to add the model to afterwards.
    pub add_to_config: Option<PathBuf>,
    /// Logging.
    pub log: LogOptions,
}

impl PullOptions {
    /// The model's folder: `--output_dir`, or OVMS's `<repository>/<org>/<name>`. A local folder
    /// as source lands in `<repository>/<model_name>`.
    pub fn model_dir(&self) -> PathBuf {
        if let Some(dir) = &self.output_dir {
            return dir.clone();
        }
        match &self.source {
            Source::Hub { repo, .. } => self.model_repository_path.join(repo),
            Source::Folder(_) => self.model_repository_path.join(&self.model_name),
        }
    }
}

/// `pull` and `--pull`: a pull, and who is told how it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct PullJob {
    /// What to do.
    pub pull: PullOptions,
    /// Where it can be watched.
    pub management: Option<Management>,
    /// File that gets the outcome.
    pub termination_message_path: Option<PathBuf>,
}

impl From<PullOptions> for PullJob {
    fn from(pull: PullOptions) -> Self {
        Self { pull, management: None, termination_message_path: None }
    }
}

/// `resolve`: the pull that is to be described, not done.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolveOptions {
    /// The pull in question.
    pub pull: PullOptions,
    /// File that gets the outcome.
    pub termination_message_path: Option<PathBuf>,
}

/// `remove`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveOptions {
    /// The model's folder.
    pub folder: PathBuf,
    /// Folder that holds all models; `None`: the one above.
    pub model_repository_path: Option<PathBuf>,
    /// File that gets the outcome.
    pub termination_message_path: Option<PathBuf>,
    /// Logging.
    pub log: LogOptions,
}

/// `export`.
#[derive(Debug, Clone, PartialEq)]
pub enum ExportOptions {
    /// A folder with safetensors becomes a folder that can be served.
    Folder(Box<FolderExport>),
    /// The options of OVMS's `export_model.py embeddings_ov`: pull, export, add to a config.
    EmbeddingsOv(Box<PullOptions>),
}

/// `export FOLDER`.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderExport {
    /// Folder with `config.json` and safetensors.
    pub source_dir: PathBuf,
    /// Folder of the result; `None`: the source folder itself.
    pub output_dir: Option<PathBuf>,
    /// Name that clients use; `None`: the folder's.
    pub model_name: Option<String>,
    /// What graph.pbtxt and embedserve.json will say.
    pub model: ModelOptions,
    /// Folder for compiled models, to be written into the model's `plugin_config`.
    pub cache_dir: Option<PathBuf>,
    /// Precision of exported weights; `None`: the program's default.
    pub weight_format: Option<WeightFormat>,
    /// optimum-cli's further options, as one text.
    pub extra_quantization_params: Option<String>,
    /// Whether an exported model that is already there is replaced.
    pub overwrite_models: bool,
    /// Logging.
    pub log: LogOptions,
}
