//! `resolve`: what a pull would do, as JSON; nothing is written.

use std::path::Path;

use model_hub::{Resolved, Selection};
use serde::Serialize;

use super::{block_on, pull, say};
use crate::cli::{Exit, PullOptions};

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
    export: Option<String>,
}

/// Prints the answer.
pub(super) fn resolve(options: &PullOptions) -> anyhow::Result<Exit> {
    pull::require_possible(options)?;
    let hub = pull::hub_options(&options.hub)?;
    let resolved: Resolved = block_on(model_hub::resolve(&options.source, &hub))??;
    let selection = pull::select(&resolved, options)?;
    let export = match selection.kind {
        model_hub::WeightsKind::Safetensors => Some(pull::weight_options(options)?.to_string()),
        model_hub::WeightsKind::OpenVinoIr | model_hub::WeightsKind::Onnx => None,
    };
    let target = options.model_dir();
    let answer = Answer {
        repo: &resolved.repo,
        endpoint: resolved.endpoint.as_deref(),
        requested_revision: resolved.requested_revision.as_deref(),
        commit: &resolved.commit,
        selection: &selection,
        target: &target,
        export,
    };
    say(&serde_json::to_string_pretty(&answer)?)
}
