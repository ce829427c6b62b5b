//! Turns one planned model into one that has computed a real embedding on its device.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use engine::{
    BatchPolicy, Embedder, Embeddings, Engine, Grouping, Input, ModelSpec, RequestLimits,
    TextTokenizer, Truncate,
};
use model_repository::resolve::Servable;
use model_repository::settings::WeightDecompression;
use model_repository::{Pooling, sizing};
use openvino_runtime::{ModelOptions, OpenVino, OpenVinoModel};
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::fingerprint;
use super::model::{LoadTimings, ModelInfo, ServedModel};
use super::registry::chain;
use crate::metrics::Metrics;

/// Loads a model; blocking. The error is one line for people, with the remedy.
pub trait Load: Send + Sync + 'static {
    /// Loads and tests one model.
    ///
    /// # Errors
    /// Why it cannot be served.
    fn load(&self, servable: &Servable) -> Result<ServedModel, String>;
}

/// For registries whose models never change.
pub(super) struct LoadNothing;

impl Load for LoadNothing {
    fn load(&self, _: &Servable) -> Result<ServedModel, String> {
        Err("the served models are fixed".to_owned())
    }
}

/// Loads with OpenVINO.
pub struct OpenVinoLoader {
    /// The loaded libraries.
    pub openvino: Arc<OpenVino>,
    /// Tokenizer threads and CPU lanes, shared by all models.
    pub engine: Arc<Engine>,
    /// CPU cores this process may use.
    pub cores: usize,
    /// Where OpenVINO keeps compiled models, unless a model's own settings say.
    pub cache_dir: Option<PathBuf>,
    /// The most tokens that may wait for one model; `None`: by size.
    pub max_queued_tokens: Option<usize>,
    /// Whether every request is one padded batch, as OVMS does it, for comparisons.
    pub one_request_per_batch: bool,
    /// Where the engine's reports are counted.
    pub metrics: Arc<Metrics>,
    /// Runs the self test.
    pub runtime: Handle,
}

impl Load for OpenVinoLoader {
    fn load(&self, servable: &Servable) -> Result<ServedModel, String> {
        for notice in &servable.notices {
            info!(model = %servable.name, "{notice}");
        }
        match self.load_on(servable, &servable.device) {
            Err(error) if servable.device_fallback.is_some() && servable.device != "CPU" => {
                warn!(model = %servable.name, device = %servable.device, %error, "falling back to the CPU");
                let mut model = self.load_on(servable, "CPU")?;
                model.info.fallback_reason = Some(error);
                Ok(model)
            }
            outcome => outcome,
        }
    }
}

impl OpenVinoLoader {
    fn load_on(&self, servable: &Servable, device: &str) -> Result<ServedModel, String> {
        let tokenizer = read_tokenizer(&servable.tokenizer_json)?;
        let streams = sizing::streams(self.cores, servable.requested_streams());
        let model = OpenVinoModel::load(
            &self.openvino,
            ModelOptions {
                xml_or_onnx: servable.model_file.clone(),
                device: device.to_owned(),
                plugin_config: plugin_config(servable, device),
                streams: (device == "CPU").then_some(streams),
                threads: Some(sizing::infer_threads(self.cores, streams)),
                wide_threads: match self.one_request_per_batch {
                    true => None,
                    false => sizing::wide_threads(self.cores, servable.weights_bytes),
                },
                cache_dir: self.cache_dir.clone(),
                weight_decompression: match servable.weight_decompression {
                    WeightDecompression::Auto => openvino_runtime::WeightDecompression::Auto,
                    WeightDecompression::Never => openvino_runtime::WeightDecompression::Never,
                    WeightDecompression::Load => openvino_runtime::WeightDecompression::Load,
                },
            },
        )
        .map_err(|error| chain(&error))?;
        let facts = model.facts().clone();
        let model = Arc::new(model);

        let budget = sizing::token_budget(device, servable.weights_bytes);
        let embedder = self
            .engine
            .start_model(ModelSpec {
                name: servable.name.clone(),
                vocabulary_size: servable
                    .facts
                    .vocabulary_size
                    .unwrap_or(tokenizer.vocabulary_size()),
                pad_token_id: tokenizer.pad_token_id().or(servable.facts.pad_token_id).unwrap_or(0),
                tokenizer: Arc::new(tokenizer),
                runtime: model,
                pooling: match servable.pooling {
                    Pooling::Cls => engine::Pooling::Cls,
                    Pooling::Last => engine::Pooling::Last,
                    Pooling::Mean => engine::Pooling::Mean,
                },
                normalize: servable.normalize,
                truncate: servable.truncate.map_or(Truncate::Never, Truncate::To),
                max_tokens: servable.max_tokens,
                limits: RequestLimits {
                    max_batch_inputs: servable.max_batch_inputs,
                    max_concurrent_requests: servable.max_concurrent_requests,
                    max_queued_tokens: self
                        .max_queued_tokens
                        .unwrap_or_else(|| sizing::queue_limit(budget, streams)),
                },
                batching: match self.one_request_per_batch {
                    true => BatchPolicy::OneRequestPerBatch,
                    false => BatchPolicy::Grouped(Grouping {
                        token_budget: budget,
                        ..Grouping::default()
                    }),
                },
                observer: self.metrics.model_observer(&servable.name),
            })
            .map_err(|error| chain(&error))?;

        let started = Instant::now();
        let first = self.self_test(&embedder, servable)?;
        let first_embedding_seconds = started.elapsed().as_secs_f64();
        let dimensions = first.len();
        let mut vectors = vec![first];
        for text in &fingerprint::TEXTS[1..] {
            // Each alone: with settings that trade exactness for speed, a vector depends on the
            // other texts of its batch.
            vectors.push(self.embed(&embedder, servable, text)?.values);
        }
        let fingerprint = fingerprint::of(servable, &facts.precision, &vectors);
        let manifest = servable.manifest.as_ref();
        let info = ModelInfo {
            name: servable.name.clone(),
            repo: manifest.map(|manifest| manifest.repo.clone()),
            revision: manifest.and_then(|manifest| manifest.revision.clone()),
            commit: manifest.map(|manifest| manifest.commit.clone()),
            architecture: servable.facts.architecture.clone(),
            device_requested: servable.device.clone(),
            device: facts.execution_devices.join(","),
            fallback_reason: None,
            device_name: facts.device_name,
            driver: facts.driver,
            precision: facts.precision,
            weight_format: servable.precision.clone(),
            weight_decompression: facts.weight_decompression.map(|choice| choice.as_str()),
            fingerprint,
            dimensions,
            pooling: servable.pooling.to_string(),
            normalize: servable.normalize,
            truncate: servable.truncate.is_some(),
            max_tokens: servable.max_tokens,
            max_seq_length: servable.max_seq_length,
            matryoshka: servable.matryoshka.clone(),
            prompts: servable.prompts.keys().cloned().collect(),
            streams: facts.streams,
            threads: facts.threads,
            wide_threads: facts.wide_threads,
            packs_texts: facts.packs_texts,
            plugin_properties: facts.properties,
            timings: LoadTimings {
                read_seconds: facts.read.as_secs_f64(),
                compile_seconds: facts.compile.as_secs_f64(),
                first_embedding_seconds,
            },
        };
        Ok(ServedModel {
            name: servable.name.clone(),
            embedder,
            info,
            matryoshka: servable.matryoshka.clone(),
            prompts: servable.prompts.clone(),
            loaded_at: SystemTime::now(),
        })
    }

    /// Embeds one text, or the least there is where it is too long for the model.
    fn embed(
        &self,
        embedder: &Embedder,
        servable: &Servable,
        text: &str,
    ) -> Result<Embeddings, String> {
        let input = match embedder.tokenizer().encode(text, engine::SpecialTokens::Add) {
            Ok(tokens) if tokens.len() <= servable.max_tokens => Input::Text(text.to_owned()),
            _ => Input::Tokens(vec![0]),
        };
        self.runtime
            .block_on(embedder.embed(vec![input]))
            .map_err(|error| format!("the self test failed: {}", chain(&error)))
    }

    /// Embeds one text for real, and checks that the vector is one.
    fn self_test(&self, embedder: &Embedder, servable: &Servable) -> Result<Vec<f32>, String> {
        let vector = self.embed(embedder, servable, fingerprint::TEXTS[0])?;
        let length: f64 = vector.values.iter().map(|value| f64::from(*value).powi(2)).sum();
        if !length.is_finite() || (servable.normalize && (length.sqrt() - 1.0).abs() > 1e-3) {
            return Err(format!(
                "the self test gave a vector of length {}: the model's files are unusable on this device",
                length.sqrt()
            ));
        }
        let widest = servable.matryoshka.last().copied().unwrap_or(0);
        if widest > vector.dimensions {
            return Err(format!(
                "matryoshka allows {widest} dimensions and the model has {}: correct embedserve.json",
                vector.dimensions
            ));
        }
        Ok(vector.values)
    }
}

/// The model's properties, with exact arithmetic on a CPU unless they say otherwise.
///
/// OpenVINO would compute in bf16 on processors that have it, and vectors that were stored from
/// one kind of node would differ from those of another. `INFERENCE_PRECISION_HINT` or
/// `EXECUTION_MODE_HINT` in `plugin_config` choose speed instead.
///
/// It would also round activations to 8 bits before they are multiplied with compressed weights
/// (on processors with VNNI), by which a text's vector comes to depend on the other texts of its
/// batch: cosines down to 0.9998 between the same text alone and among others, MiniLM in int8.
/// `DYNAMIC_QUANTIZATION_GROUP_SIZE` in `plugin_config` chooses that speed.
fn plugin_config(servable: &Servable, device: &str) -> BTreeMap<String, String> {
    let mut properties = servable.plugin_config.clone();
    if device == "CPU" && !properties.contains_key("EXECUTION_MODE_HINT") {
        for (name, exact) in
            [("INFERENCE_PRECISION_HINT", "f32"), ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "0")]
        {
            properties.entry(name.to_owned()).or_insert_with(|| exact.to_owned());
        }
    }
    properties
}

fn read_tokenizer(path: &Path) -> Result<TextTokenizer, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    TextTokenizer::from_bytes(&bytes).map_err(|error| format!("{shown}: {}", chain(&error)))
}
