//! A runtime that shows each batch to the test and waits for its word.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{
    BatchOutput, BatchPolicy, EmbedError, Embedder, Embeddings, Engine, EngineOptions, Input,
    ModelSpec, Observer, Pooling, RequestLimits, Runtime, RuntimeError, Stream, TextTokenizer,
    TokenBatch, Truncate, Unobserved, WideStream,
};
use tokio::task::JoinHandle;

/// After this long a test that waits for something has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a test lets a batch do.
pub(crate) enum Verdict {
    Finish,
    Fail(&'static str),
    Panic,
    WrongShape,
    NotANumber,
}

/// A batch that is being inferred.
pub(crate) struct Running {
    pub(crate) rows: Vec<Vec<u32>>,
    pub(crate) width: usize,
    /// Whether it is on the wide stream.
    pub(crate) is_wide: bool,
    verdict: Sender<Verdict>,
}

impl Running {
    pub(crate) fn end(self, verdict: Verdict) {
        self.verdict.send(verdict).unwrap();
    }

    pub(crate) fn finish(self) {
        self.end(Verdict::Finish);
    }

    /// The first token of each row, in ascending order.
    pub(crate) fn first_tokens(&self) -> Vec<u32> {
        let mut tokens: Vec<u32> = self.rows.iter().map(|row| row[0]).collect();
        tokens.sort_unstable();
        tokens
    }
}

/// The test's side.
pub(crate) struct Gate {
    batches: Receiver<Running>,
    pub(crate) runtime: Arc<GatedRuntime>,
}

impl Gate {
    /// The next batch that starts.
    pub(crate) fn next(&self) -> Running {
        self.batches.recv_timeout(PATIENCE).expect("a batch should have started")
    }

    /// The next batch, if it has started already.
    pub(crate) fn started(&self) -> Option<Running> {
        self.batches.try_recv().ok()
    }

    /// Whether no batch has started that the test has not seen.
    pub(crate) fn is_idle(&self) -> bool {
        self.batches.try_recv().is_err()
    }
}

/// The engine's side.
pub(crate) struct GatedRuntime {
    streams: usize,
    /// The lanes of the wide stream, if there is one.
    wide: Option<usize>,
    batches: Mutex<Sender<Running>>,
    pub(crate) opened: AtomicUsize,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) refuses_to_open: AtomicBool,
}

pub(crate) fn gated(streams: usize) -> Gate {
    gated_with_wide(streams, None)
}

/// The same with a wide stream of so many lanes.
pub(crate) fn gated_with_wide(streams: usize, wide: Option<usize>) -> Gate {
    let (sender, batches) = channel();
    let runtime = Arc::new(GatedRuntime {
        streams,
        wide,
        batches: Mutex::new(sender),
        opened: AtomicUsize::new(0),
        open: Arc::default(),
        refuses_to_open: AtomicBool::new(false),
    });
    Gate { batches, runtime }
}

impl Runtime for GatedRuntime {
    fn streams(&self) -> usize {
        self.streams
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        if self.refuses_to_open.load(Ordering::SeqCst) {
            return Err(RuntimeError::new("no device"));
        }
        Ok(self.stream(false))
    }

    fn open_wide_stream(&self) -> Result<Option<WideStream>, RuntimeError> {
        Ok(self.wide.map(|lanes| WideStream { stream: self.stream(true), lanes }))
    }
}

impl GatedRuntime {
    fn stream(&self, is_wide: bool) -> Box<dyn Stream> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        Box::new(GatedStream {
            is_wide,
            batches: self.batches.lock().unwrap().clone(),
            values: Vec::new(),
            open: Arc::clone(&self.open),
        })
    }
}

struct GatedStream {
    is_wide: bool,
    batches: Sender<Running>,
    values: Vec<f32>,
    open: Arc<AtomicUsize>,
}

impl Stream for GatedStream {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        let (verdict, decision) = channel();
        let running = Running {
            rows: batch.texts.iter().map(|text| text.to_vec()).collect(),
            width: batch.width,
            is_wide: self.is_wide,
            verdict,
        };
        // A test that has ended wants no more batches.
        if self.batches.send(running).is_err() {
            return Err(RuntimeError::new("the test has ended"));
        }
        let value = match decision.recv().unwrap_or(Verdict::Fail("the test has ended")) {
            Verdict::Finish => None,
            Verdict::NotANumber => Some(f32::NAN),
            Verdict::Fail(message) => return Err(RuntimeError::new(message)),
            Verdict::Panic => panic!("the device is gone"),
            Verdict::WrongShape => {
                return Ok(BatchOutput::Tokens { values: &[1.0], hidden: 2 });
            }
        };
        self.values = hidden_states(batch);
        if let Some(value) = value {
            self.values.fill(value);
        }
        Ok(BatchOutput::Tokens { values: &self.values, hidden: 2 })
    }
}

impl Drop for GatedStream {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `[id, 1]` for each token and not-a-number for padding, so that the mean of a row is `[mean of its ids, 1]`.
pub(crate) fn hidden_states(batch: &TokenBatch) -> Vec<f32> {
    let mut values = vec![f32::NAN; batch.rows * batch.width * 2];
    for (start, text) in batch.places() {
        let states = values[start * 2..].chunks_exact_mut(2);
        for (state, id) in states.zip(text) {
            state.copy_from_slice(&[*id as f32, 1.0]);
        }
    }
    values
}

/// Words a, b, c with ids 1, 2, 3 between special tokens 8 and 9; anything else is unknown (5); padding is 0.
pub(crate) fn tokenizer() -> Arc<TextTokenizer> {
    let json = r#"{"version":"1.0","truncation":null,
        "padding":{"strategy":{"Fixed":6},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"p"},
        "added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"decoder":null,
        "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<","type_id":0}},
        {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":">","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
        "special_tokens":{"<":{"id":"<","ids":[8],"tokens":["<"]},">":{"id":">","ids":[9],"tokens":[">"]}}},
        "model":{"type":"WordLevel","vocab":{"p":0,"a":1,"b":2,"c":3,"?":5,"<":8,">":9},"unk_token":"?"}}"#;
    Arc::new(TextTokenizer::from_bytes(json.as_bytes()).unwrap())
}

pub(crate) fn engine(lanes: usize) -> Arc<Engine> {
    Engine::new(EngineOptions { tokenizer_threads: 2, lanes })
}

pub(crate) fn spec(runtime: Arc<dyn Runtime>) -> ModelSpec {
    ModelSpec {
        name: "gated".to_owned(),
        tokenizer: tokenizer(),
        runtime,
        pooling: Pooling::Mean,
        normalize: false,
        truncate: Truncate::Never,
        max_tokens: 512,
        vocabulary_size: 30_000,
        pad_token_id: 0,
        limits: RequestLimits::default(),
        batching: BatchPolicy::default(),
        observer: Arc::new(Unobserved),
    }
}

/// A model on a runtime of its own, with as many lanes as streams.
pub(crate) fn start(streams: usize, change: impl FnOnce(&mut ModelSpec)) -> (Gate, Embedder) {
    let gate = gated(streams);
    let mut spec = spec(Arc::clone(&gate.runtime) as Arc<dyn Runtime>);
    change(&mut spec);
    let embedder = engine(streams).start_model(spec).unwrap();
    (gate, embedder)
}

/// A document of `length` tokens, all `id`.
pub(crate) fn tokens(id: i64, length: usize) -> Input {
    Input::Tokens(vec![id; length])
}

pub(crate) type Answer = Result<Embeddings, EmbedError>;

pub(crate) fn embed(embedder: &Embedder, inputs: Vec<Input>) -> JoinHandle<Answer> {
    let embedder = embedder.clone();
    tokio::spawn(async move { embedder.embed(inputs).await })
}

/// Starts a request and waits until its inputs are in the queue behind those that are there.
pub(crate) async fn embed_and_queue(embedder: &Embedder, inputs: Vec<Input>) -> JoinHandle<Answer> {
    let expected = embedder.queued_inputs() + inputs.len();
    let request = embed(embedder, inputs);
    until(|| embedder.queued_inputs() == expected).await;
    request
}

/// Waits for a condition that the engine will bring about.
pub(crate) async fn until(is_reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_reached() {
        assert!(start.elapsed() < PATIENCE, "the condition should have been reached");
        tokio::task::yield_now().await;
    }
}

/// Keeps every stream busy with a batch of one row, and returns those batches.
pub(crate) async fn occupy(
    gate: &Gate,
    embedder: &Embedder,
    streams: usize,
) -> Vec<(Running, JoinHandle<Answer>)> {
    let mut occupied = Vec::new();
    for _ in 0..streams {
        let request = embed(embedder, vec![tokens(99, 4)]);
        occupied.push((gate.next(), request));
    }
    occupied
}

/// Collects reports.
#[derive(Default)]
pub(crate) struct Reports {
    pub(crate) batches: Mutex<Vec<engine::BatchReport>>,
    pub(crate) requests: Mutex<Vec<engine::RequestReport>>,
}

impl Observer for Reports {
    fn batch_done(&self, report: &engine::BatchReport) {
        self.batches.lock().unwrap().push(report.clone());
    }

    fn request_done(&self, report: &engine::RequestReport) {
        self.requests.lock().unwrap().push(report.clone());
    }
}
