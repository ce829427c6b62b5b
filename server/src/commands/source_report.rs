//! What is known of a source, in numbers: for `resolve`, for Jobs, and for whoever sizes volumes.

use std::path::Path;

use model_export::{CompressionOptions, ExportOptions, WeightFormat};
use model_hub::{RepoFile, Resolved, Selection, WeightsKind, sha256};
use model_repository::facts::SourceFacts;
use model_repository::job_report::{ModelFacts, SourceReport};
use model_repository::manifest::{FileOrigin, Manifest, ManifestFile};

use super::export;

/// What is known before a pull. `export` says how weights are converted if they are.
pub(super) fn before_pull(
    resolved: &Resolved,
    selection: &Selection,
    facts: &SourceFacts,
    export: Option<&ExportOptions>,
) -> SourceReport {
    let listed = selection.files.iter().map(|file| (file.path.as_str(), file.size));
    let weights_bytes = match selection.kind {
        WeightsKind::Safetensors => {
            let format = export.cloned().unwrap_or_default();
            weights_after_export(source_weights(selection), facts, &format)
        }
        WeightsKind::OpenVinoIr | WeightsKind::Onnx => weights_bytes(&selection.model, listed),
    };
    SourceReport {
        commit: resolved.commit.clone(),
        digest: digest(&selection.files),
        files: u32::try_from(selection.files.len()).unwrap_or(u32::MAX),
        download_bytes: selection.bytes,
        // An export to a larger type needs more than the source's own bytes.
        disk_bytes: selection.bytes.saturating_add(match selection.kind {
            WeightsKind::Safetensors => export::bytes_needed(selection).max(weights_bytes),
            WeightsKind::OpenVinoIr | WeightsKind::Onnx => 0,
        }),
        weights_bytes,
        weight_format: export.map(ToString::to_string),
        facts: ModelFacts::from(facts),
    }
}

/// What is known after a pull, of the folder itself. `selection` is absent where nothing had to be
/// fetched and the same pull could not be chosen again.
pub(super) fn after_pull(
    folder: &Path,
    resolved: &Resolved,
    selection: Option<&Selection>,
) -> anyhow::Result<SourceReport> {
    let facts = SourceFacts::read(folder)?;
    let manifest = Manifest::read(folder)?;
    let placed = manifest.iter().flat_map(|manifest| &manifest.files);
    let fetched: Vec<RepoFile> = match selection {
        Some(selection) => selection.files.clone(),
        None => placed.clone().filter_map(as_fetched).collect(),
    };
    let download_bytes = fetched.iter().map(|file| file.size).sum();
    let model = facts.files.model.as_deref().unwrap_or_default();
    let files = placed.map(|file| (file.path.as_str(), file.size));
    Ok(SourceReport {
        commit: resolved.commit.clone(),
        digest: digest(&fetched),
        files: u32::try_from(fetched.len()).unwrap_or(u32::MAX),
        download_bytes,
        disk_bytes: download_bytes.saturating_add(selection.map_or(0, export::bytes_needed)),
        weights_bytes: weights_bytes(model, files),
        weight_format: manifest.as_ref().and_then(|manifest| manifest.weight_format.clone()),
        facts: ModelFacts::from(&facts),
    })
}

fn as_fetched(file: &ManifestFile) -> Option<RepoFile> {
    let is_fetched = file.origin != FileOrigin::Exported;
    is_fetched.then(|| RepoFile {
        path: file.path.clone(),
        size: file.size,
        sha256: Some(file.sha256.clone()),
        git_oid: None,
    })
}

/// SHA-256 over path, size and hash of each file, ordered by path. The hash is the strongest that
/// the source states, so that nothing has to be read for it.
fn digest(files: &[RepoFile]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .map(|file| {
            let hash = file.sha256.as_deref().or(file.git_oid.as_deref()).unwrap_or("-");
            format!("{}\t{}\t{hash}\n", file.path, file.size)
        })
        .collect();
    lines.sort();
    sha256(lines.concat().as_bytes())
}

/// Bytes of the weights that `model` (an `.xml` or an `.onnx`) needs of these files.
pub(super) fn weights_bytes<'a>(model: &str, files: impl Iterator<Item = (&'a str, u64)>) -> u64 {
    let beside = model.strip_suffix(".xml").map(|stem| format!("{stem}.bin"));
    let is_weights = |path: &str| match &beside {
        Some(bin) => path == bin,
        // What ONNX keeps outside of the model begins with the model's name.
        None => path.starts_with(model),
    };
    files.filter(|(path, _)| is_weights(path)).map(|(_, size)| size).sum()
}

fn source_weights(selection: &Selection) -> u64 {
    let weights = selection.files.iter().filter(|file| file.path.ends_with(".safetensors"));
    weights.map(|file| file.size).sum()
}

/// An estimate of the bytes of exported weights.
///
/// The number of values is the source's bytes over the bytes of one: 4 or 2, whichever makes the
/// number that the configuration implies; without the sizes for that, as the configuration names
/// the type, else 2, so that the estimate is rather too high. A value then takes 4 or 2 bytes in
/// fp32 and fp16; in int8 one and 3 bytes of scale and zero point for each group of 64, where tables
/// have one group a row; in int4, of which tables and about a sixth of the layers stay in 8 bits, half
/// of one and 2.5 bytes for each group of 32. Other settings of groups count as groups of 32 in
/// 8 bits. Vectors, which stay in fp32, are a thousandth of a model.
fn weights_after_export(source_bytes: u64, facts: &SourceFacts, options: &ExportOptions) -> u64 {
    let values = source_bytes as f64 / bytes_a_value(source_bytes, facts);
    let tables = match (facts.vocabulary_size, facts.hidden_size) {
        (Some(rows), Some(columns)) => ((rows * columns) as f64).min(values),
        _ => values,
    };
    let layers = values - tables;
    let is_usual = options.compression == CompressionOptions::default();
    let in_eight = if is_usual { 1.0 + 3.0 / 64.0 } else { 1.0 + 3.0 / 32.0 };
    let bytes = match options.weight_format {
        WeightFormat::Fp32 => 4.0 * values,
        WeightFormat::Fp16 => 2.0 * values,
        WeightFormat::Int4 if is_usual => {
            let in_four = 0.5 + 2.5 / 32.0;
            1.01 * tables + layers * (in_four * 5.0 + in_eight) / 6.0
        }
        WeightFormat::Int8 | WeightFormat::Int4 => 1.01 * tables + in_eight * layers,
    };
    (bytes * 1.002) as u64
}

/// 4 or 2: how the source stores a value.
fn bytes_a_value(source_bytes: u64, facts: &SourceFacts) -> f64 {
    if let Some(values) = values_by_configuration(facts) {
        let ratio = source_bytes as f64 / values;
        // The middle between 2 and 4 in what they make of an error by a factor.
        return if ratio > 8_f64.sqrt() { 4.0 } else { 2.0 };
    }
    match facts.precision.as_deref() {
        Some("float32") => 4.0,
        _ => 2.0,
    }
}

/// Tables, attention and feed-forward parts of an encoder; gated and grouped ones have a little
/// more or less.
fn values_by_configuration(facts: &SourceFacts) -> Option<f64> {
    let (rows, width) = (facts.vocabulary_size? as f64, facts.hidden_size? as f64);
    let (layers, inner) = (facts.layers? as f64, facts.intermediate_size? as f64);
    let positions = facts.usable_tokens.filter(|tokens| *tokens <= 8_192).unwrap_or(0) as f64;
    Some((rows + positions) * width + layers * (4.0 * width * width + 2.0 * width * inner))
}

#[cfg(test)]
#[path = "source_report_tests.rs"]
mod tests;
