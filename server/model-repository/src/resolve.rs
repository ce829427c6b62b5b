//! From everything that is known of a model to everything a server needs to load it.
//!
//! [`resolve`] and [`files_to_write`] are pure and shared: the server loads by the first, and pull,
//! `run` and the operator write by the second what the first will read. [`resolve_folder`] does the
//! reading. Precedence is the same everywhere: the command line, then `graph.pbtxt` and
//! `embedserve.json`, then the model's own files, then a default.

mod decide;
mod error;
mod files;
mod folder;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use decide::check_device;
pub use error::ResolveError;
pub use files::{ModelFiles, PullOptions, files_to_write};
pub use folder::{FolderRequest, graph_of, resolve_folder};

use crate::Pooling;
use crate::facts::SourceFacts;
use crate::graph::EmbeddingsOptions;
use crate::manifest::Manifest;
use crate::plugin_config::PluginConfig;
use crate::settings::{
    DeviceFallback, FingerprintInputs, Settings, SettingsOverrides, WeightDecompression,
};

/// The device when nobody names one.
pub const DEFAULT_DEVICE: &str = "CPU";

/// Options given outside of the files, e.g. on the command line; each that is given wins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// The pooling mode.
    pub pooling: Option<Pooling>,
    /// Whether vectors are scaled to length 1.
    pub normalize: Option<bool>,
    /// Whether too long texts are cut.
    pub truncate: Option<bool>,
    /// The device.
    pub target_device: Option<String>,
    /// Plugin properties; they replace those of the graph name by name.
    pub plugin_config: PluginConfig,
    /// Settings of `embedserve.json`.
    pub settings: SettingsOverrides,
}

/// Where the files of one model are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name that requests use.
    pub name: String,
    /// The model's folder.
    pub directory: PathBuf,
    /// The OpenVINO (`.xml`) or ONNX model.
    pub model_file: PathBuf,
    /// The tokenizer.
    pub tokenizer_json: PathBuf,
    /// Bytes of the weights, for [`crate::sizing`].
    pub weights_bytes: u64,
    /// The folder's manifest, if it has one.
    pub manifest: Option<Manifest>,
}

/// Everything a server needs to load one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servable {
    /// The name that requests use.
    pub name: String,
    /// The model's folder.
    pub directory: PathBuf,
    /// The OpenVINO (`.xml`) or ONNX model.
    pub model_file: PathBuf,
    /// The tokenizer.
    pub tokenizer_json: PathBuf,
    /// Bytes of the weights, for [`crate::sizing`].
    pub weights_bytes: u64,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// The length in tokens that longer texts are cut to, special tokens kept; `None`: a text longer
    /// than `max_tokens` is an error.
    pub truncate: Option<usize>,
    /// The most tokens of a text, special tokens included.
    pub max_tokens: usize,
    /// Where sentence-transformers cuts, for information; at most the model's limit.
    pub max_seq_length: Option<usize>,
    /// The device, e.g. `CPU` or `GPU.1`; never one that chooses by itself.
    pub device: String,
    /// The device that takes the model when `device` cannot.
    pub device_fallback: Option<DeviceFallback>,
    /// What becomes of compressed weights when the model is loaded.
    pub weight_decompression: WeightDecompression,
    /// Properties for OpenVINO's plugin.
    pub plugin_config: PluginConfig,
    /// Values that the request member `dimensions` may have; empty: it is ignored.
    pub matryoshka: Vec<usize>,
    /// Prompts by name.
    pub prompts: BTreeMap<String, String>,
    /// The prompt that sentence-transformers uses when none is named; for information only.
    pub default_prompt_name: Option<String>,
    /// The most texts of one request.
    pub max_batch_inputs: Option<usize>,
    /// The most requests at the same time.
    pub max_concurrent_requests: Option<usize>,
    /// The format of the weights as exported, else the type of the source's, e.g. `fp32`, `float32`.
    pub precision: Option<String>,
    /// Which weights these are; `None` when neither settings nor manifest say.
    pub fingerprint: Option<FingerprintInputs>,
    /// Where the files came from, if the folder has a manifest.
    pub manifest: Option<Manifest>,
    /// What the model's own files say.
    pub facts: SourceFacts,
    /// What an operator of the server should know, as sentences without full stop.
    pub notices: Vec<String>,
}

impl Servable {
    /// The streams that `NUM_STREAMS` asks for; `None` when it is absent or not a number above zero.
    pub fn requested_streams(&self) -> Option<usize> {
        self.plugin_config.get("NUM_STREAMS")?.parse().ok().filter(|streams| *streams > 0)
    }
}

/// Puts together what is known of a model.
///
/// # Errors
/// Options that contradict the model or each other; every message names the remedy.
pub fn resolve(
    place: Place,
    facts: SourceFacts,
    options: &EmbeddingsOptions,
    settings: Settings,
    overrides: &Overrides,
) -> Result<Servable, ResolveError> {
    let settings = settings.merged(&overrides.settings);
    let decision = decide::decide(&facts, options, &settings, overrides)?;
    let Place { name, directory, model_file, tokenizer_json, weights_bytes, manifest } = place;

    let mut plugin_config = options.plugin_config.clone();
    plugin_config.extend(overrides.plugin_config.clone());
    let mut prompts = facts.prompts.clone();
    prompts.extend(settings.prompts);
    let mut notices = decision.notices;
    if facts.pooling_excludes_prompt && !prompts.is_empty() {
        notices.push(
            "sentence-transformers leaves the tokens of a prompt out when it pools this model; here \
             they are pooled like all others"
                .to_owned(),
        );
    }
    let weight_format = settings.weight_format.or_else(|| manifest.as_ref()?.weight_format.clone());
    let fingerprint = settings.fingerprint.or_else(|| {
        let manifest = manifest.as_ref()?;
        Some(FingerprintInputs {
            repo: manifest.repo.clone(),
            commit: manifest.commit.clone(),
            weight_format: weight_format.clone(),
        })
    });

    Ok(Servable {
        name,
        directory,
        model_file,
        tokenizer_json,
        weights_bytes,
        pooling: decision.pooling,
        normalize: overrides.normalize.unwrap_or(options.normalize_embeddings),
        truncate: decision.truncate,
        max_tokens: decision.max_tokens,
        max_seq_length: decision.max_seq_length,
        device: decision.device,
        device_fallback: settings.device_fallback,
        weight_decompression: settings.weight_decompression.unwrap_or_default(),
        plugin_config,
        matryoshka: settings.matryoshka,
        prompts,
        default_prompt_name: facts.default_prompt_name.clone(),
        max_batch_inputs: settings.max_batch_inputs,
        max_concurrent_requests: settings.max_concurrent_requests,
        precision: weight_format.or_else(|| facts.precision.clone()),
        fingerprint,
        manifest,
        facts,
        notices,
    })
}

#[cfg(test)]
mod tests;
