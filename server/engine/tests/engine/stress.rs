//! Ten thousand requests from many threads at once, each asserting that the answer is its own.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use engine::{
    BatchOutput, Embedder, Input, RequestLimits, Runtime, RuntimeError, Stream, TokenBatch,
};

use crate::gated_runtime::{Reports, engine, hidden_states, spec};

const REQUESTS: usize = 10_000;
const CLIENTS: usize = 64;

/// Answers at once.
struct Immediate;

struct ImmediateStream {
    values: Vec<f32>,
}

impl Runtime for Immediate {
    fn streams(&self) -> usize {
        3
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        Ok(Box::new(ImmediateStream { values: Vec::new() }))
    }
}

impl Stream for ImmediateStream {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        self.values = hidden_states(batch);
        Ok(BatchOutput::Tokens { values: &self.values, hidden: 2 })
    }
}

/// A request whose answer nobody else could have: the mean of each input's tokens is its number.
async fn ask(embedder: &Embedder, number: usize) {
    let count = 1 + number % 7 * (number % 3);
    let value = |index: usize| 1 + (number * 31 + index) % 29_000;
    let length = |index: usize| 1 + (number * 7 + index * 13) % 60;
    let inputs: Vec<Input> =
        (0..count).map(|index| Input::Tokens(vec![value(index) as i64; length(index)])).collect();
    if number % 10 == 9 {
        // Some clients hang up: right away, or after the request is under way.
        let answer = embedder.embed(inputs);
        tokio::select! {
            biased;
            _ = tokio::task::yield_now() => {}
            _ = answer => {}
        }
        return;
    }
    let answer = embedder.embed(inputs).await.unwrap();
    let tokens: usize = (0..count).map(length).sum();
    assert_eq!((answer.prompt_tokens, answer.dimensions), (tokens, 2));
    for (index, row) in answer.rows().enumerate() {
        let error = (row[0] - value(index) as f32).abs() / value(index) as f32;
        assert!(error < 1e-5, "request {number}, input {index}: {row:?}");
        assert_eq!(row[1], 1.0);
    }
    assert_eq!(answer.rows().count(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn ten_thousand_requests_get_their_own_answers() {
    let reports = Arc::new(Reports::default());
    let mut spec = spec(Arc::new(Immediate));
    spec.observer = Arc::clone(&reports) as _;
    spec.limits = RequestLimits { max_queued_tokens: 10_000_000, ..RequestLimits::default() };
    let embedder = engine(2).start_model(spec).unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (embedder, next) = (embedder.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= REQUESTS {
                        return;
                    }
                    ask(&embedder, number).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    embedder.drain().await;
    assert_eq!(
        (embedder.in_flight(), embedder.queued_tokens(), embedder.queued_inputs()),
        (0, 0, 0)
    );
    let batches = reports.batches.lock().unwrap();
    assert!(batches.iter().all(|batch| !batch.failed && batch.texts > 0));
    let answered = reports.requests.lock().unwrap().len();
    assert!((9_000..=REQUESTS).contains(&answered), "{answered} answered");
    let texts: usize = batches.iter().map(|batch| batch.texts).sum();
    assert!(batches.len() < texts, "{texts} texts in {} batches", batches.len());
}
