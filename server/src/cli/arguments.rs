//! The command line as clap sees it: names, groups and help texts.
//!
//! Values are kept as text; checking them is the task of `super::check`, which can then use
//! OVMS's words for OVMS's errors and say when a value came from the environment.

use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

mod bench;
mod embed;
mod job;
mod model;
mod ovms;
mod serve;

pub(super) use bench::BenchArguments;
pub(super) use embed::{ApiAccessArguments, EmbedArguments};
pub(super) use job::{
    PullJobArguments, RemoveArguments, RenderGroupArguments, ReportArguments, WishArguments,
};
pub(super) use model::{
    ConversionArguments, EmbeddingsOvArguments, HubArguments, ModelArguments, RepositoryArguments,
    SourceArguments,
};
pub(super) use ovms::{OvmsArguments, UnusedArguments};
pub(super) use serve::{
    CacheArguments, EngineArguments, HttpArguments, ListenArguments, LogArguments, ServedArguments,
};

const AFTER_HELP: &str = "\
Hyphens and underscores in option names are the same. A boolean option stands \
alone or is followed by true or false. An option --foo_bar can also be given by \
the environment variable EMBEDSERVE_FOO_BAR; the command line wins. API_KEY (or \
EMBEDSERVE_API_KEY) holds the key of clients, HF_TOKEN (or EMBEDSERVE_HF_TOKEN) the token for the \
hub; HF_ENDPOINT and OVMS_MODEL_REPOSITORY_PATH are read too. Exit codes: 0 done, 1 failed, 64 \
wrong command line.";

/// Text-embedding models over OpenAI's API, on OpenVINO.
#[derive(Debug, Parser)]
#[command(
    name = "embedserve",
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    override_usage = "embedserve <COMMAND> [OPTIONS]\n       embedserve [OPTIONS OF OPENVINO MODEL SERVER]",
    max_term_width = 100,
    after_help = AFTER_HELP
)]
pub(super) struct Root {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) ovms: OvmsArguments,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve models over HTTP.
    Serve(Box<ServeArguments>),
    /// Pull and serve what an EmbeddingModel manifest describes, without a cluster.
    Run(Box<RunArguments>),
    /// Show as JSON what pull would do: commit, bytes, files. Nothing is written.
    Resolve(Box<PullArguments>),
    /// Pull a model, convert it if needed, and end.
    Pull(Box<PullJobArguments>),
    /// Convert a folder with safetensors to OpenVINO IR.
    Export(Box<ExportArguments>),
    /// Delete a model folder that a pull has made, and what interrupted pulls of it left.
    Remove(RemoveArguments),
    /// Find the group that owns the render nodes of this machine's GPUs and NPUs.
    RenderGroup(RenderGroupArguments),
    /// Ask a running server for the vectors of texts and print its answer.
    Embed(EmbedArguments),
    /// Measure a running server: send it texts, and print throughput and latencies.
    Bench(Box<BenchArguments>),
    /// List the servables of a model repository.
    List(ListArguments),
    /// Show the version.
    Version,
    /// Print the completion script of a shell.
    Completions(CompletionsArguments),
}

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) served: ServedArguments,
    #[command(flatten)]
    pub(super) listen: ListenArguments,
    #[command(flatten)]
    pub(super) http: HttpArguments,
    #[command(flatten)]
    pub(super) engine: EngineArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    #[command(flatten)]
    pub(super) cache: CacheArguments,
    #[command(flatten)]
    pub(super) source: SourceArguments,
    #[command(flatten)]
    pub(super) hub: HubArguments,
    #[command(flatten)]
    pub(super) repository: RepositoryArguments,
    #[command(flatten)]
    pub(super) conversion: ConversionArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,
    #[command(flatten)]
    pub(super) unused: UnusedArguments,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// YAML file with an EmbeddingModel.
    #[arg(value_name = "MANIFEST", value_hint = clap::ValueHint::FilePath)]
    pub(super) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(super) listen: ListenArguments,
    #[command(flatten)]
    pub(super) http: HttpArguments,
    #[command(flatten)]
    pub(super) engine: EngineArguments,
    #[command(flatten)]
    pub(super) cache: CacheArguments,
    #[command(flatten)]
    pub(super) hub: HubArguments,
    #[command(flatten)]
    pub(super) repository: RepositoryArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,
}

#[derive(Debug, Args)]
pub(super) struct PullArguments {
    /// Model on the hub (org/name or org/name@revision) or a local folder (./folder, /folder).
    #[arg(value_name = "SOURCE")]
    pub(super) positional: Option<String>,
    #[command(flatten)]
    pub(super) source: SourceArguments,
    #[command(flatten)]
    pub(super) hub: HubArguments,
    #[command(flatten)]
    pub(super) repository: RepositoryArguments,
    /// Name that clients use. Default: the source's.
    #[arg(long = "model_name", value_name = "NAME", help_heading = "Model")]
    pub(super) model_name: Option<String>,
    /// Exact folder for the model, instead of a folder in the repository.
    #[arg(long = "output_dir", value_name = "DIR", help_heading = "Repository", value_hint = clap::ValueHint::DirPath)]
    pub(super) output_dir: Option<PathBuf>,
    /// Add the model to the file of --config_path afterwards. Default: false.
    #[arg(long = "add_to_config", value_name = "BOOL", help_heading = "Repository", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(super) add_to_config: Option<String>,
    /// The config.json that --add_to_config changes. Default: config.json in the repository.
    #[arg(long = "config_path", value_name = "FILE", help_heading = "Repository", value_hint = clap::ValueHint::FilePath)]
    pub(super) config_path: Option<PathBuf>,
    /// Only embeddings.
    #[arg(long = "task", value_name = "TASK", help_heading = "Model", value_parser = TASK)]
    pub(super) task: Option<String>,
    #[command(flatten)]
    pub(super) conversion: ConversionArguments,
    #[command(flatten)]
    pub(super) wishes: WishArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    #[command(flatten)]
    pub(super) cache: CacheArguments,
    #[command(flatten)]
    pub(super) report: ReportArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "embedserve export <FOLDER> [OPTIONS]\n       embedserve export embeddings_ov --source_model <SOURCE> [OPTIONS]"
)]
pub(super) struct ExportArguments {
    #[command(subcommand)]
    pub(super) form: Option<ExportForm>,
    /// Folder with config.json and safetensors.
    #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub(super) folder: Option<PathBuf>,
    /// Folder of the result. Default: the source folder itself.
    #[arg(long = "output_dir", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) output_dir: Option<PathBuf>,
    /// Name that clients use. Default: the folder's.
    #[arg(long = "model_name", value_name = "NAME")]
    pub(super) model_name: Option<String>,
    /// Replace a model that is already there. Default: false.
    #[arg(long = "overwrite_models", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(super) overwrite_models: Option<String>,
    #[command(flatten)]
    pub(super) conversion: ConversionArguments,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    #[command(flatten)]
    pub(super) cache: CacheArguments,
    #[command(flatten)]
    pub(super) log: LogArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportForm {
    /// Pull, convert and add to a config.json, with the options of OVMS's export_model.py.
    #[command(name = "embeddings_ov")]
    EmbeddingsOv(Box<EmbeddingsOvArguments>),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Folder that holds the models. Default: models.
    #[arg(long = "model_repository_path", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) model_repository_path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum, required = true)]
    pub(super) shell: Shell,
}

/// The whole command tree, as it is parsed and documented.
pub(super) fn command() -> clap::Command {
    Root::command()
}

/// Parses any UTF-8 text but shows the values that will be accepted: refusing others, in OVMS's
/// words, is not clap's task here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice(&'static [&'static str]);

pub(super) const BOOLEAN: Choice = Choice(&["true", "false"]);
pub(super) const TASK: Choice = Choice(&["embeddings"]);

impl TypedValueParser for Choice {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
