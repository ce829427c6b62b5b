//! Arguments of commands that a Job runs: which files, and who is told how it goes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

use super::{Choice, LogArguments, PullArguments};

const CONVERSION: Choice = Choice(&["if_needed", "never"]);

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Source")]
pub(crate) struct WishArguments {
    /// Files to fetch besides the usual choice, e.g. onnx/*. Several by commas or by repeating.
    #[arg(long = "include", value_name = "PATTERNS", action = ArgAction::Append)]
    pub(crate) include: Vec<String>,
    /// Files to treat as if they were not there. Several by commas or by repeating.
    #[arg(long = "exclude", value_name = "PATTERNS", action = ArgAction::Append)]
    pub(crate) exclude: Vec<String>,
    /// SHA-256 that a file must have, as PATH=HEX. Several by commas or by repeating.
    #[arg(long = "sha256", value_name = "PATH=HEX", action = ArgAction::Append)]
    pub(crate) sha256: Vec<String>,
    /// Whether safetensors are converted where nothing ready is there. Default: if_needed; a weight
    /// format without this option asks to convert in any case.
    #[arg(long = "conversion", value_name = "WHEN", help_heading = "Conversion", value_parser = CONVERSION)]
    pub(crate) conversion: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct ReportArguments {
    /// File that gets the outcome as JSON at the end, such as /dev/termination-log. Default: none.
    #[arg(long = "termination_message_path", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) termination_message_path: Option<PathBuf>,
}

/// `pull`: what `resolve` takes too, and where it can be watched.
#[derive(Debug, Args)]
pub(crate) struct PullJobArguments {
    #[command(flatten)]
    pub(crate) pull: PullArguments,
    /// Port for /progress and /v2/health/live while pulling (0: a free one). Default: none.
    #[arg(long = "management_port", value_name = "PORT", help_heading = "Job")]
    pub(crate) management_port: Option<String>,
    /// Addresses of the management port. Default: 0.0.0.0.
    #[arg(long = "management_bind_address", value_name = "ADDRESSES", help_heading = "Job")]
    pub(crate) management_bind_address: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Folder of a model that a pull has made.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
    /// Folder that holds the models, as the pull was told. Default: the one above FOLDER.
    #[arg(long = "model_repository_path", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) model_repository_path: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) report: ReportArguments,
    #[command(flatten)]
    pub(crate) log: LogArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RenderGroupArguments {
    #[command(flatten)]
    pub(crate) report: ReportArguments,
}
