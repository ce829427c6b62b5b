//! `export`: a folder with safetensors becomes a folder that can be served.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use indicatif::HumanBytes;
use model_export::{WeightFormat, export as export_weights};
use model_hub::{Progress, Selection, WeightsKind};
use tracing::debug;

use super::progress::Shown;
use super::{model_files, pull, say, tokenizer_file};
use crate::cli::{Exit, ExportOptions, FolderExport, PullJob};

/// Exports a folder, or does what OVMS's `export_model.py embeddings_ov` does.
pub(super) fn export(options: &ExportOptions) -> anyhow::Result<Exit> {
    match options {
        ExportOptions::Folder(options) => folder(options),
        ExportOptions::EmbeddingsOv(options) => {
            pull::pull_command(&PullJob::from((**options).clone()))
        }
    }
}

fn folder(options: &FolderExport) -> anyhow::Result<Exit> {
    let source = &options.source_dir;
    let output = options.output_dir.as_deref().unwrap_or(source);
    let model = output.join("openvino_model.xml");
    if model.exists() && !options.overwrite_models {
        bail!("{} exists: add --overwrite_models to replace it", model.display());
    }
    if source.canonicalize().is_err() {
        bail!("the folder {} does not exist", source.display());
    }
    let mut weights =
        weight_options(options.weight_format, options.extra_quantization_params.as_deref())?;
    weights.pooling = options.model.pooling;
    let tokenizer = tokenizer_file::check(source, &source.display().to_string())?;
    let is_new = !output.exists();
    std::fs::create_dir_all(output)
        .with_context(|| format!("cannot make the folder {}", output.display()))?;
    let exported = to_ir(source, output, &weights, None, &Shown::new("exporting"));
    if exported.is_err() && is_new {
        // Only if it is empty; what was written stays to be looked at.
        let _ = std::fs::remove_dir(output);
    }
    exported?;
    model_files::copy_companions(source, output)?;
    tokenizer.write(output)?;
    model_files::write_served(output, output, &options.clone().into())?;
    say(&format!("Model: {} exported to: {}", source.display(), output.display()))?;
    say(&format!("Graph: graph.pbtxt created in: {}", output.display()))
}

/// Exports the weights with its progress on `shown`. A refusal names the repository of
/// `named` and the folder that the model is for, rather than those that the files are in for the
/// moment.
pub(super) fn to_ir(
    source: &Path,
    output: &Path,
    options: &model_export::ExportOptions,
    named: Option<(&str, &Path)>,
    shown: &Shown,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut total = None;
    let exported = export_weights(source, output, options, &mut |done, bytes| {
        if total != Some(bytes) {
            shown.start(bytes, 1);
            total = Some(bytes);
        }
        shown.set(done);
    })
    .map_err(|error| match named {
        Some((repo, place)) => error.with_names(repo, place),
        None => error,
    })?;
    shown.finish();
    debug!(
        architecture = %exported.architecture,
        parameters = exported.parameters,
        bytes = %HumanBytes(exported.bytes),
        seconds = started.elapsed().as_secs_f64(),
        "weights exported"
    );
    Ok(())
}

/// How weights are to be stored; refuses what cannot be, before anything is downloaded.
pub(super) fn weight_options(
    format: Option<WeightFormat>,
    quantization: Option<&str>,
) -> anyhow::Result<model_export::ExportOptions> {
    let settings = quantization.unwrap_or_default();
    model_export::ExportOptions::parse(format.unwrap_or_default(), settings)
        .map_err(|error| anyhow::anyhow!("--extra_quantization_params: {error}"))
}

/// Bytes that an export will write beside the download: as many as the weights have, which is
/// exact for fp32 weights in fp32.
pub(super) fn bytes_needed(selection: &Selection) -> u64 {
    match selection.kind {
        WeightsKind::Safetensors => {
            let weights = selection.files.iter().filter(|file| file.path.ends_with(".safetensors"));
            weights.map(|file| file.size).sum()
        }
        WeightsKind::OpenVinoIr | WeightsKind::Onnx => 0,
    }
}
