//! A server with small models, and a client of its router.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use engine::{
    BatchOutput, BatchPolicy, Embedder, Engine, EngineOptions, ModelSpec, Pooling, RequestLimits,
    Runtime, RuntimeError, Stream, TextTokenizer, TokenBatch, Truncate,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::http::{ServerState, Settings};
use crate::metrics::Metrics;
use crate::serving::{ModelInfo, Registry, ServedModel};

/// The most tokens that the models read.
pub(crate) const MAX_TOKENS: usize = 12;
/// Token ids from here on are outside the vocabulary.
pub(crate) const VOCABULARY: usize = 30_522;

/// Held infer threads: closed, nothing is inferred; opened, everything goes on.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    closed: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    pub(crate) fn set_closed(&self, closed: bool) {
        *self.closed.0.lock().expect("no panic while held") = closed;
        self.closed.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.closed.0.lock().expect("no panic while held");
        drop(self.closed.1.wait_while(closed, |closed| *closed).expect("no panic while held"));
    }
}

/// Vectors `[3, 4, 0, 0]`, scaled by the number of tokens; a token 666 makes inference fail, and
/// 999 makes a value that is no number.
struct FakeRuntime {
    gate: Gate,
}

struct FakeStream {
    gate: Gate,
    values: Vec<f32>,
}

impl Runtime for FakeRuntime {
    fn streams(&self) -> usize {
        1
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        Ok(Box::new(FakeStream { gate: self.gate.clone(), values: Vec::new() }))
    }
}

impl Stream for FakeStream {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        self.gate.pass();
        self.values.clear();
        for text in &batch.texts {
            if text.contains(&666) {
                return Err(RuntimeError::new("secret of the device"));
            }
            let scale = if text.contains(&999) { f32::NAN } else { text.len() as f32 };
            self.values.extend([3.0 * scale, 4.0 * scale, 0.0, 0.0]);
        }
        Ok(BatchOutput::Sentences { values: &self.values, hidden: 4 })
    }
}

/// What one test needs of a model.
pub(crate) struct ModelUnderTest {
    pub(crate) name: &'static str,
    pub(crate) prompts: &'static [(&'static str, &'static str)],
    pub(crate) matryoshka: &'static [usize],
    pub(crate) limits: RequestLimits,
    pub(crate) gate: Gate,
}

impl Default for ModelUnderTest {
    fn default() -> Self {
        Self {
            name: "org/m",
            prompts: &[],
            matryoshka: &[],
            limits: RequestLimits::default(),
            gate: Gate::default(),
        }
    }
}

/// A server of these models.
pub(crate) fn state(models: Vec<ModelUnderTest>, settings: Settings) -> ServerState {
    let metrics = Arc::new(Metrics::new());
    let engine = Engine::new(EngineOptions { tokenizer_threads: 1, lanes: 1 });
    let models = models.into_iter().map(|model| serve(&engine, &metrics, model)).collect();
    ServerState::new(Registry::with_models(models), metrics, settings).expect("valid settings")
}

/// A server of one plain model, `org/m`.
pub(crate) fn plain() -> Router {
    crate::http::router(state(vec![ModelUnderTest::default()], Settings::default()))
}

fn serve(engine: &Arc<Engine>, metrics: &Metrics, model: ModelUnderTest) -> ServedModel {
    let ModelUnderTest { name, prompts, matryoshka, limits, gate } = model;
    let embedder: Embedder = engine
        .start_model(ModelSpec {
            name: name.into(),
            tokenizer: Arc::new(tokenizer()),
            runtime: Arc::new(FakeRuntime { gate }),
            pooling: Pooling::Mean,
            normalize: true,
            truncate: Truncate::Never,
            max_tokens: MAX_TOKENS,
            vocabulary_size: VOCABULARY,
            pad_token_id: 0,
            limits,
            batching: BatchPolicy::default(),
            observer: metrics.model_observer(name),
        })
        .expect("a valid model");
    let info = ModelInfo {
        name: name.into(),
        device: "CPU".into(),
        fingerprint: "f00d".into(),
        dimensions: 4,
        max_tokens: MAX_TOKENS,
        ..ModelInfo::default()
    };
    let prompts: BTreeMap<String, String> =
        prompts.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    let loaded_at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    ServedModel {
        name: name.into(),
        embedder,
        info,
        matryoshka: matryoshka.into(),
        prompts,
        loaded_at,
    }
}

/// Words that BERT's uncased vocabulary has, under the ids that they have there.
fn tokenizer() -> TextTokenizer {
    let special = |id: u32, content: &str| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        })
    };
    let token = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [
            special(0, "[PAD]"), special(100, "[UNK]"), special(101, "[CLS]"), special(102, "[SEP]")
        ],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]")],
            "pair": [token("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]"),
                {"Sequence": {"id": "B", "type_id": 1}}, token("[SEP]")],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [102], "tokens": ["[SEP]"]}
            }
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {
                "[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "world": 2088,
                "hello": 7592, "query": 23032, ":": 1024, "fail": 666, "nan": 999
            }
        }
    });
    TextTokenizer::from_bytes(json.to_string().as_bytes()).expect("a tokenizer")
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body of text")
    }

    /// The message of an error, after checking that it is OpenAI's error object.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let members: Vec<&String> = body["error"].as_object().expect("an object").keys().collect();
        assert_eq!(members, ["message", "type", "param", "code"]);
        body["error"]["message"].as_str().expect("a text").to_owned()
    }
}

/// Asks with headers and a body.
pub(crate) async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("routers do not fail");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
    Answer { status: head.status, headers: head.headers, body }
}

pub(crate) async fn get(router: &Router, path: &str) -> Answer {
    ask(router, "GET", path, &[], Body::empty()).await
}

pub(crate) async fn post(router: &Router, path: &str, json: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    ask(router, "POST", path, &headers, json.to_owned()).await
}
