//! Model folders on disk, a loader that the test watches and holds, and models without OpenVINO.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use engine::{
    BatchOutput, BatchPolicy, Engine, EngineOptions, Input, ModelSpec, Pooling, RequestLimits,
    Runtime, RuntimeError, Stream, TextTokenizer, TokenBatch, Truncate, Unobserved,
};
use model_repository::graph::Graph;
use model_repository::resolve::Servable;
use serde_json::json;
use tempfile::TempDir;

use crate::cli::LimitOptions;
use crate::serving::{Load, Lookup, ModelInfo, Registry, ServedModel, ServingSource};

/// How long a test waits before it fails; none needs it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// Closed, nothing passes; opened, everything goes on.
#[derive(Clone, Default)]
pub(super) struct Gate {
    closed: Arc<(Mutex<bool>, Condvar)>,
    waiting: Arc<AtomicUsize>,
}

impl Gate {
    pub(super) fn set_closed(&self, closed: bool) {
        *self.closed.0.lock().expect("no panic while held") = closed;
        self.closed.1.notify_all();
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        let closed = self.closed.0.lock().expect("no panic while held");
        self.waiting.fetch_add(1, Ordering::SeqCst);
        drop(self.closed.1.wait_while(closed, |closed| *closed).expect("no panic while held"));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers every text with one number, which its files say.
struct FakeRuntime {
    number: f32,
    gate: Gate,
}

struct FakeStream {
    number: f32,
    gate: Gate,
    values: Vec<f32>,
}

impl Runtime for FakeRuntime {
    fn streams(&self) -> usize {
        1
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        let (number, gate) = (self.number, self.gate.clone());
        Ok(Box::new(FakeStream { number, gate, values: Vec::new() }))
    }
}

impl Stream for FakeStream {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        self.gate.pass();
        self.values = vec![self.number; batch.texts.len()];
        Ok(BatchOutput::Sentences { values: &self.values, hidden: 1 })
    }
}

/// Loads what [`Site`] writes: the weights are the number to answer, or what is wrong with them.
pub(super) struct FakeLoader {
    engine: Arc<Engine>,
    /// Holds loads before they have read the files.
    pub(super) before: Gate,
    /// Holds loads after they have read the files.
    pub(super) after: Gate,
    /// Holds inferences.
    pub(super) inference: Gate,
    loads: Mutex<Vec<String>>,
}

impl FakeLoader {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            engine: Engine::new(EngineOptions { tokenizer_threads: 1, lanes: 2 }),
            before: Gate::default(),
            after: Gate::default(),
            inference: Gate::default(),
            loads: Mutex::default(),
        })
    }

    /// The names that were loaded so far, in order.
    pub(super) fn loads(&self) -> Vec<String> {
        self.loads.lock().expect("no panic while held").clone()
    }
}

impl Load for FakeLoader {
    fn load(&self, servable: &Servable) -> Result<ServedModel, String> {
        self.loads.lock().expect("no panic while held").push(servable.name.clone());
        self.before.pass();
        let weights = servable.model_file.with_extension("bin");
        let weights = std::fs::read_to_string(weights).map_err(|error| error.to_string())?;
        self.after.pass();
        assert_ne!(weights, "panic");
        let number = weights.parse().map_err(|_| format!("{weights:?} is no number"))?;
        let runtime = FakeRuntime { number, gate: self.inference.clone() };
        let embedder = self
            .engine
            .start_model(ModelSpec {
                name: servable.name.clone(),
                tokenizer: Arc::new(
                    TextTokenizer::from_bytes(tokenizer().as_bytes()).expect("valid"),
                ),
                runtime: Arc::new(runtime),
                pooling: Pooling::Mean,
                normalize: false,
                truncate: Truncate::Never,
                max_tokens: 8,
                vocabulary_size: 8,
                pad_token_id: 0,
                limits: RequestLimits::default(),
                batching: BatchPolicy::default(),
                observer: Arc::new(Unobserved),
            })
            .expect("a valid model");
        Ok(ServedModel {
            name: servable.name.clone(),
            embedder,
            info: ModelInfo::default(),
            matryoshka: Vec::new(),
            prompts: BTreeMap::new(),
            loaded_at: SystemTime::now(),
        })
    }
}

fn tokenizer() -> String {
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1}, "unk_token": "[UNK]"}
    })
    .to_string()
}

/// A folder with a `config.json` and model folders, and the registry that serves it.
pub(super) struct Site {
    folder: TempDir,
    pub(super) loader: Arc<FakeLoader>,
    pub(super) registry: Arc<Registry>,
}

impl Site {
    /// These models, `(name, number to answer)`, configured and not loaded yet.
    pub(super) fn new(models: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let loader = FakeLoader::new();
        let source = ServingSource::ConfigFile {
            path: folder.path().join("config.json"),
            limits: LimitOptions::default(),
        };
        let registry = Registry::new(source, loader.clone());
        let site = Self { folder, loader, registry };
        for (name, number) in models {
            site.write_model(name, number);
        }
        let names: Vec<&str> = models.iter().map(|(name, _)| *name).collect();
        site.configure(&names);
        site
    }

    /// The same, loaded.
    pub(super) async fn loaded(models: &[(&str, &str)]) -> Self {
        let site = Self::new(models);
        site.registry.reload().await.expect("all models load");
        site
    }

    pub(super) fn config_path(&self) -> PathBuf {
        self.folder.path().join("config.json")
    }

    /// Writes a `config.json` of these models.
    pub(super) fn configure(&self, names: &[&str]) {
        let list: Vec<_> =
            names.iter().map(|name| json!({"config": {"name": name, "base_path": name}})).collect();
        let text = json!({"model_config_list": list}).to_string();
        std::fs::write(self.config_path(), text).expect("written");
    }

    /// Writes the folder of a model, every file new.
    pub(super) fn write_model(&self, name: &str, number: &str) {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let files: [(&str, String); 5] = [
            ("graph.pbtxt", Graph::default().render()),
            ("config.json", json!({"max_position_embeddings": 8, "vocab_size": 8}).to_string()),
            ("tokenizer.json", tokenizer()),
            ("openvino_model.xml", "<net/>".to_owned()),
            ("openvino_model.bin", number.to_owned()),
        ];
        for (file, text) in files {
            replace_file(&folder.join(file), &text);
        }
    }

    pub(super) fn write_weights(&self, name: &str, number: &str) {
        replace_file(&self.folder.path().join(name).join("openvino_model.bin"), number);
    }

    pub(super) fn write_graph(&self, name: &str, text: &str) {
        replace_file(&self.folder.path().join(name).join("graph.pbtxt"), text);
    }

    pub(super) fn model(&self, name: &str) -> Arc<ServedModel> {
        match self.registry.lookup(name) {
            Lookup::Available(model) => model,
            _ => panic!("{name} does not serve: {:?}", self.registry.statuses()),
        }
    }

    /// What the model that serves under `name` answers.
    pub(super) async fn answer(&self, name: &str) -> f32 {
        answer_of(self.model(name)).await
    }

    /// The status of a name: its state, and what went wrong.
    pub(super) fn status(&self, name: &str) -> (super::ModelState, Option<String>) {
        let statuses = self.registry.statuses();
        let status = statuses.into_iter().find(|status| status.name == name).expect("a status");
        (status.state, status.error)
    }
}

pub(super) async fn answer_of(model: Arc<ServedModel>) -> f32 {
    let inputs = vec![Input::Text("hello".to_owned())];
    model.embedder.embed(inputs).await.expect("an answer").values[0]
}

/// A new file in the place of the old one, so that its identity differs however fast it happens.
fn replace_file(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(beside, path).expect("renamed");
}

/// Waits until a condition comes true.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect("the condition comes true");
}
