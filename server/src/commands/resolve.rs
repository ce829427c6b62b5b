//! `resolve`: what a pull would do, as JSON; nothing is written.

use std::path::{Path, PathBuf};

use model_hub::{HubOptions, Origin, Resolved, Selection, WeightsKind};
use model_repository::facts::SourceFacts;
use model_repository::job_report::SourceReport;
use model_repository::manifest::Manifest;
use model_repository::resolve::{ResolveError, graph_of};
use serde::Serialize;

use super::listed_files::ListedFiles;
use super::pull_error::PullError;
use super::serve::block_on_workers;
use super::signals::Signals;
use super::{demands, pull, say, source_report, termination};
use crate::cli::{Exit, PullOptions, ResolveOptions};

/// The largest file of optimum-intel's that is read, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;

#[derive(Serialize)]
struct Answer<'a> {
    repo: &'a str,
    endpoint: Option<&'a str>,
    requested_revision: Option<&'a str>,
    commit: &'a str,
    /// Kind of weights, files, and their bytes together.
    #[serde(flatten)]
    selection: &'a Selection,
    /// Where the model would be.
    target: &'a Path,
    /// How weights would be exported; absent where they are served as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<&'a str>,
    /// SHA-256 over the list of files.
    digest: &'a str,
    /// Bytes that the volume must hold at the same time.
    disk_bytes: u64,
    /// Bytes of the weights that would be served.
    weights_bytes: u64,
    /// How they are or would be stored, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_format: Option<&'a str>,
    /// What the model's own files say.
    facts: &'a model_repository::job_report::ModelFacts,
}

/// Prints the answer.
pub(super) fn resolve(options: &ResolveOptions) -> anyhow::Result<Exit> {
    let outcome = block_on_workers(None, async {
        let resolving = described(&options.pull);
        let resolved = Signals::listen()?.unless_asked_to_end(resolving).await;
        resolved.ok_or(PullError::Interrupted)?
    })
    .flatten();
    termination::reported(outcome, options.termination_message_path.as_deref())
}

async fn described(options: &PullOptions) -> anyhow::Result<SourceReport> {
    pull::require_possible(options)?;
    let hub = pull::hub_options(&options.hub)?;
    let resolved: Resolved = model_hub::resolve(&options.source, &hub).await?;
    if let Origin::Folder(folder) = &resolved.origin {
        require_tokenizer(folder)?;
    }
    let selection = pull::select(&resolved, options)?;
    let export = match selection.kind {
        WeightsKind::Safetensors => Some(pull::weight_options(options)?),
        WeightsKind::OpenVinoIr | WeightsKind::Onnx => None,
    };
    let mut facts = facts(&resolved, &selection, options, &hub).await?;
    if let (Origin::Folder(folder), None) = (&resolved.origin, &export) {
        keep_settings(folder, &mut facts)?;
    }
    let mut report = source_report::before_pull(&resolved, &selection, &facts, export.as_ref());
    if let (Origin::Folder(folder), None) = (&resolved.origin, &export) {
        report.weight_format = stored_format(folder);
    }
    let (export, target): (_, PathBuf) =
        (export.map(|export| export.to_string()), options.model_dir());
    let answer = Answer {
        repo: &resolved.repo,
        endpoint: resolved.endpoint.as_deref(),
        requested_revision: resolved.requested_revision.as_deref(),
        commit: &resolved.commit,
        selection: &selection,
        target: &target,
        export: export.as_deref(),
        digest: &report.digest,
        disk_bytes: report.disk_bytes,
        weights_bytes: report.weights_bytes,
        weight_format: report.weight_format.as_deref(),
        facts: &report.facts,
    };
    say(&serde_json::to_string_pretty(&answer)?)?;
    Ok(report)
}

/// The facts of the model's folder to be, and the demanded hashes as far as they can be compared.
/// A folder may be served where it is, so all of its files count.
async fn facts(
    resolved: &Resolved,
    selection: &Selection,
    options: &PullOptions,
    hub: &HubOptions,
) -> anyhow::Result<SourceFacts> {
    let listed = ListedFiles::read(resolved, selection, hub).await?;
    let files = match &resolved.origin {
        Origin::Hub => &selection.files,
        Origin::Folder(_) => &resolved.files,
    };
    demands::check_listed(&options.wishes.sha256, files, selection, &listed.read)?;
    Ok(listed.facts(selection.kind, options.model.pooling)?)
}

/// Says what is missing in a folder that was made for OpenVINO Model Server, whose tokenizer is
/// another file.
fn require_tokenizer(folder: &Path) -> Result<(), PullError> {
    let has = |name: &str| folder.join(name).is_file();
    let has_vocabulary = ["tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model"]
        .iter()
        .chain(&["sentencepiece.bpe.model", "spiece.model"])
        .any(|name| has(name));
    if has("openvino_tokenizer.xml") && !has_vocabulary {
        return Err(PullError::OnlyOpenVinoTokenizer { folder: folder.display().to_string() });
    }
    Ok(())
}

/// A folder that is served where it is keeps what its `graph.pbtxt` says of pooling, scaling and cutting: vectors
/// would be others, and folders made by OpenVINO Model Server's tools say it nowhere else.
fn keep_settings(folder: &Path, facts: &mut SourceFacts) -> Result<(), ResolveError> {
    let Some(graph) = graph_of(folder)? else { return Ok(()) };
    let options = graph.options;
    if let Some(pooling) = options.pooling {
        facts.pooling = Some(pooling);
        facts.unsupported_pooling = None;
    }
    facts.normalize = Some(options.normalize_embeddings);
    facts.truncate = Some(options.truncate);
    Ok(())
}

/// How the weights of a finished folder are stored: as our manifest says, or the file that
/// optimum-intel writes.
fn stored_format(folder: &Path) -> Option<String> {
    if let Ok(Some(manifest)) = Manifest::read(folder) {
        return manifest.weight_format;
    }
    let path = folder.join("openvino_config.json");
    let is_small = std::fs::metadata(&path).ok()?.len() <= LARGEST_CONFIG;
    let text = is_small.then(|| std::fs::read_to_string(&path).ok())??;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    config.get("dtype")?.as_str().map(str::to_owned)
}
