//! One infer thread: waits for work, takes a lane, forms a batch, infers, pools, answers.
//!
//! Whatever the runtime does, the thread goes on: a failing batch fails the requests in it, and a stream that panics
//! is dropped and opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::EmbedError;
use crate::lanes::{Lane, LaneUser};
use crate::model::{Model, StreamChange};
use crate::observer::BatchReport;
use crate::pooling::pool_batch;
use crate::queue::Batch;
use crate::request::{Entry, Row};
use crate::runtime::{Stream, TokenBatch};
use crate::tokenizer::panic_message;
use crate::wide::WideTurn;

/// How long a thread without a stream waits before it tries to open one again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The state of one infer thread.
pub(crate) struct InferThread {
    model: Arc<Model>,
    lanes: Arc<LaneUser>,
    stream: Option<Box<dyn Stream>>,
    /// Vectors of the last batch, kept for its memory.
    vectors: Vec<f32>,
    pause: Duration,
}

impl InferThread {
    pub(crate) fn new(model: Arc<Model>, lanes: Arc<LaneUser>, stream: Box<dyn Stream>) -> Self {
        Self { model, lanes, stream: Some(stream), vectors: Vec::new(), pause: FIRST_PAUSE }
    }

    /// Works until the model ends.
    pub(crate) fn run(mut self) {
        while self.wait_for_stream() && self.model.wait_for_work() {
            if self.stream.is_none() && self.open_stream().is_err() && self.model.open_streams() > 0
            {
                // A healthy stream came back meanwhile and does better with what woke this one.
                self.model.pass_on();
                continue;
            }
            let wanted = Instant::now();
            let lanes = Arc::clone(&self.lanes);
            let mut lane = lanes.take();
            let model = Arc::clone(&self.model);
            if let Some((batch, wide)) = model.take_batch(&mut lane) {
                self.infer(batch, wide, lane, wanted);
            }
        }
        self.drop_stream();
        self.model.thread_ended();
    }

    /// Makes sure that this thread may take work: it has a stream, or nobody has one, so that requests fail at once
    /// instead of waiting for ever. `false` once the model has ended.
    fn wait_for_stream(&mut self) -> bool {
        while self.stream.is_none() && self.open_stream().is_err() && self.model.open_streams() > 0
        {
            if !self.model.pause(self.pause) {
                return false;
            }
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        true
    }

    fn open_stream(&mut self) -> Result<(), String> {
        let runtime = Arc::clone(&self.model.spec.runtime);
        let opened = catch_unwind(AssertUnwindSafe(|| runtime.open_stream()))
            .map_err(|panic| {
                format!("opening a stream panicked: {}", panic_message(panic.as_ref()))
            })
            .and_then(|opened| opened.map_err(|error| error.message));
        match opened {
            Ok(stream) => {
                tracing::info!(model = %self.model.spec.name, "stream opened again");
                self.stream = Some(stream);
                self.pause = FIRST_PAUSE;
                self.model.count_stream(StreamChange::Opened);
                Ok(())
            }
            Err(error) => {
                tracing::error!(model = %self.model.spec.name, error, "cannot open a stream");
                Err(error)
            }
        }
    }

    fn drop_stream(&mut self) {
        close(&mut self.stream, &self.model.spec.name);
    }

    fn infer(
        &mut self,
        batch: Batch,
        mut wide: Option<WideTurn<'_>>,
        lane: Lane<'_>,
        wanted: Instant,
    ) {
        let Batch { mut entries, rows, width, tokens } = batch;
        // Texts of one request side by side, so that each request is locked once.
        entries.sort_by_key(|(entry, _)| entry.request.id);
        let (entries, starts): (Vec<Entry>, Vec<usize>) = entries.into_iter().unzip();
        let token_batch = TokenBatch {
            texts: entries.iter().map(|entry| Arc::clone(&entry.tokens)).collect(),
            starts,
            rows,
            width,
            pad_token_id: self.model.spec.pad_token_id,
        };
        let started = Instant::now();
        let outcome = match &mut wide {
            Some(wide) => self.infer_wide(&token_batch, wide.slot()),
            None => self.infer_narrow(&token_batch),
        };
        let inference = started.elapsed();
        drop((wide, lane));
        self.model.batch_done(tokens, wanted.elapsed());
        self.report(BatchReport {
            texts: entries.len(),
            tokens,
            padding: token_batch.padding(),
            inference,
            failed: outcome.is_err(),
        });
        match outcome {
            Ok(hidden) => self.deliver(&entries, hidden, started, inference),
            Err(message) => {
                tracing::error!(model = %self.model.spec.name, texts = entries.len(), rows, width, error = message, "batch failed");
                self.fail(&entries, &message);
            }
        }
    }

    /// Infers a batch on the thread's own stream; one that panics is lost.
    fn infer_narrow(&mut self, batch: &TokenBatch) -> Result<usize, String> {
        let mut slot = self.stream.take();
        let was_open = slot.is_some();
        let outcome = self.infer_and_pool(batch, &mut slot);
        if was_open && slot.is_none() {
            self.model.count_stream(StreamChange::Lost);
        }
        self.stream = slot;
        outcome
    }

    /// The same on the wide stream, which is opened again after a panic; the others go on if it cannot be.
    fn infer_wide(
        &mut self,
        batch: &TokenBatch,
        slot: &mut Option<Box<dyn Stream>>,
    ) -> Result<usize, String> {
        let outcome = self.infer_and_pool(batch, slot);
        if slot.is_none() {
            let runtime = &self.model.spec.runtime;
            match catch_unwind(AssertUnwindSafe(|| runtime.open_wide_stream())) {
                Ok(Ok(wide)) => *slot = wide.map(|wide| wide.stream),
                _ => tracing::error!(model = %self.model.spec.name, "cannot open the wide stream"),
            }
        }
        outcome
    }

    /// Runs a stream and pools its output into `self.vectors`; returns the numbers per vector. A stream that panics
    /// is dropped from its slot.
    fn infer_and_pool(
        &mut self,
        batch: &TokenBatch,
        slot: &mut Option<Box<dyn Stream>>,
    ) -> Result<usize, String> {
        let Some(stream) = slot else {
            return Err("the model has no open stream".to_owned());
        };
        let (pooling, normalize) = (self.model.spec.pooling, self.model.spec.normalize);
        let vectors = &mut self.vectors;
        let run = || {
            let output = stream.infer(batch).map_err(|error| error.message)?;
            pool_batch(batch, &output, pooling, normalize, vectors)
        };
        let hidden = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(outcome) => outcome?,
            Err(panic) => {
                close(slot, &self.model.spec.name);
                return Err(format!("the stream panicked: {}", panic_message(panic.as_ref())));
            }
        };
        let known = *self.model.dimensions.get_or_init(|| hidden);
        if known != hidden {
            return Err(format!(
                "the model returned {hidden} numbers per vector after {known} before"
            ));
        }
        Ok(hidden)
    }

    fn report(&self, report: BatchReport) {
        let observer = &self.model.spec.observer;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| observer.batch_done(&report))) {
            let error = panic_message(panic.as_ref());
            tracing::error!(model = %self.model.spec.name, error, "observing a batch panicked");
        }
    }

    fn deliver(&self, entries: &[Entry], hidden: usize, started: Instant, inference: Duration) {
        let mut vectors = self.vectors.chunks_exact(hidden);
        for entries in entries.chunk_by(|one, next| one.request.id == next.request.id) {
            let rows: Vec<Row<'_>> = entries
                .iter()
                .zip(vectors.by_ref())
                .map(|(entry, vector)| Row {
                    index: entry.index,
                    tokens: entry.tokens.len(),
                    waited: started.saturating_duration_since(entry.queued_at),
                    vector,
                })
                .collect();
            let request = &entries[0].request;
            if let Some(answer) = request.store_rows(&rows, inference) {
                self.model.leave(request);
                answer.send();
            }
        }
    }

    fn fail(&self, entries: &[Entry], message: &str) {
        for entries in entries.chunk_by(|one, next| one.request.id == next.request.id) {
            let request = &entries[0].request;
            self.model.leave(request);
            let message = message.to_owned();
            if let Some(answer) = request.fail(EmbedError::Inference { message }) {
                answer.send();
            }
        }
    }
}

/// Drops a stream, whatever that does.
fn close(slot: &mut Option<Box<dyn Stream>>, model: &str) {
    let stream = slot.take();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(stream))) {
        let error = panic_message(panic.as_ref());
        tracing::error!(model, error, "dropping a stream panicked");
    }
}
