//! One model that is being served, and what `/info` says about it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use engine::Embedder;
use serde::Serialize;

/// A model that has loaded and has computed one real embedding on its device.
///
/// Requests hold it by `Arc` for as long as they run, so a model that was replaced ends only
/// after its last request.
#[derive(Clone)]
pub struct ServedModel {
    /// The name that requests use as `model`.
    pub name: String,
    /// Where texts become vectors.
    pub embedder: Embedder,
    /// What `/info` shows.
    pub info: ModelInfo,
    /// Allowed values of the request member `dimensions`, ascending; empty: it is ignored.
    pub matryoshka: Vec<usize>,
    /// Prompt texts by name, for the request member `input_type`.
    pub prompts: BTreeMap<String, String>,
    /// When the model became available.
    pub loaded_at: SystemTime,
}

/// Facts about a served model, as `/info` shows them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelInfo {
    /// The served name.
    pub name: String,
    /// Repository that the files came from, if they were pulled.
    pub repo: Option<String>,
    /// Revision that was asked for.
    pub revision: Option<String>,
    /// Commit that the revision resolved to.
    pub commit: Option<String>,
    /// `model_type` or class name of the exported model.
    pub architecture: Option<String>,
    /// Device that was asked for.
    pub device_requested: String,
    /// Device that OpenVINO reports to execute on.
    pub device: String,
    /// Why it is not the one that was asked for.
    pub fallback_reason: Option<String>,
    /// The device's own name, such as the CPU model.
    pub device_name: String,
    /// Version of the device's driver, where OpenVINO reports one.
    pub driver: Option<String>,
    /// Precision of inference, such as `f32`.
    pub precision: String,
    /// Format of the stored weights, such as `fp32`, where known.
    pub weight_format: Option<String>,
    /// What became of compressed weights: `never` if they stayed so, `load` if they were restored;
    /// nothing where no weights are compressed.
    pub weight_decompression: Option<&'static str>,
    /// Hexadecimal; equal where vectors may be compared with each other.
    pub fingerprint: String,
    /// Length of a vector.
    pub dimensions: usize,
    /// `CLS`, `LAST` or `MEAN`.
    pub pooling: String,
    /// Whether vectors have length 1.
    pub normalize: bool,
    /// Whether long texts are cut instead of refused.
    pub truncate: bool,
    /// Hard limit of a text in tokens, special tokens included.
    pub max_tokens: usize,
    /// sentence-transformers' own limit, where the model states one.
    pub max_seq_length: Option<usize>,
    /// Allowed values of `dimensions`; empty: ignored.
    pub matryoshka: Vec<usize>,
    /// Names that `input_type` accepts.
    pub prompts: Vec<String>,
    /// OpenVINO streams, each with one infer thread of the engine.
    pub streams: usize,
    /// CPU threads over all streams; 0 when the device is not the CPU.
    pub threads: usize,
    /// Threads of the wide stream, which answers small batches while the others would idle; none on other devices, for
    /// large models, and where the settings decide about streams or threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wide_threads: Option<usize>,
    /// Whether several short texts share a row of a batch, which then has hardly any padding: on the CPU, for models that
    /// were exported so.
    pub packs_texts: bool,
    /// The properties that OpenVINO was given, with the values that it says are in effect.
    pub plugin_properties: BTreeMap<String, String>,
    /// How long loading took.
    pub timings: LoadTimings,
}

/// Seconds that each part of loading took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LoadTimings {
    /// Reading the model files.
    pub read_seconds: f64,
    /// Compiling for the device.
    pub compile_seconds: f64,
    /// The self test: tokenizing and inferring one text.
    pub first_embedding_seconds: f64,
}
