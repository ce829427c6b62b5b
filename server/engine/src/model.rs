//! The shared state of one started model: what is admitted, what waits, and who is still at work.
//!
//! One lock guards all of it. It is held shortly: to admit a request, to queue the texts of a chunk, to form
//! a batch. A request's own lock is never taken while it is held.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::admission::Admission;
use crate::error::EmbedError;
use crate::lanes::Lane;
use crate::queue::{Batch, Queue};
use crate::request::{Answer, Entry, Request};
use crate::schedule::BatchPolicy;
use crate::spec::{Input, ModelSpec, Truncate};
use crate::wide::{Wide, WideTurn};

/// One started model, shared by its embedders, its infer threads and the jobs of its requests.
pub(crate) struct Model {
    pub(crate) spec: ModelSpec,
    /// Numbers per vector, known after the first batch.
    pub(crate) dimensions: OnceLock<usize>,
    /// How many batches can run at once.
    parallel: usize,
    wide: Option<Wide>,
    next_request: AtomicU64,
    state: Mutex<State>,
    /// Signalled when entries wait.
    work: Condvar,
    /// Signalled when the model has ended.
    ended: Condvar,
    /// Signalled when a request leaves or an infer thread ends.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    admission: Admission,
    queue: Queue,
    /// Infer threads that run.
    threads: usize,
    /// Infer threads that wait for work. Waking nobody would be a system call all the same.
    idle: usize,
    /// Streams that are open.
    streams: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Nothing new is accepted.
    Draining,
    /// The infer threads end.
    Ended,
}

impl Model {
    pub(crate) fn new(
        spec: ModelSpec,
        streams: usize,
        parallel: usize,
        wide: Option<Wide>,
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Serving,
            admission: Admission::new(spec.limits),
            queue: Queue::new(spec.batching.clone(), spec.max_tokens, spec.runtime.packs_texts()),
            threads: streams,
            idle: 0,
            streams,
        };
        Arc::new(Self {
            spec,
            dimensions: OnceLock::new(),
            parallel,
            wide,
            next_request: AtomicU64::new(0),
            state: Mutex::new(state),
            work: Condvar::new(),
            ended: Condvar::new(),
            changed: Notify::new(),
        })
    }

    /// Checks the limits of a request and admits it.
    pub(crate) fn admit(
        &self,
        inputs: &[Input],
    ) -> Result<(Arc<Request>, oneshot::Receiver<Answer>), EmbedError> {
        if inputs.is_empty() {
            return Err(EmbedError::NoInput);
        }
        if let Some(limit) = self.spec.limits.max_batch_inputs
            && inputs.len() > limit
        {
            let count = inputs.len();
            return Err(EmbedError::TooManyInputs { count, limit });
        }
        let estimate = inputs.iter().map(|input| self.estimate_tokens(input)).sum();
        let mut state = self.lock();
        if state.phase != Phase::Serving {
            return Err(EmbedError::Unloaded);
        }
        state
            .admission
            .enter(estimate)
            .map_err(|full| EmbedError::QueueFull { retry_after: full.retry_after })?;
        drop(state);
        let (request, receiver) =
            Request::new(self.next_request.fetch_add(1, Relaxed), inputs.len());
        request.accounts.held_tokens.store(estimate, Relaxed);
        Ok((request, receiver))
    }

    /// The tokens that an input is taken for until it is tokenized: a token for every four bytes, and never more
    /// than the model reads, since longer ones are cut or refused.
    pub(crate) fn estimate_tokens(&self, input: &Input) -> usize {
        let longest = match self.spec.truncate {
            Truncate::Never => self.spec.max_tokens,
            Truncate::To(length) => length.min(self.spec.max_tokens),
        };
        match input {
            Input::Text(text) => (text.len().div_ceil(4)
                + self.spec.tokenizer.special_tokens_per_text())
            .min(longest),
            Input::Tokens(tokens) => tokens.len().min(self.spec.max_tokens),
        }
        .max(1)
    }

    /// Queues tokenized inputs of a request that were estimated at `estimated` tokens.
    pub(crate) fn enqueue(&self, request: &Request, entries: Vec<Entry>, estimated: usize) {
        let counted = entries.iter().map(|entry| entry.tokens.len()).sum();
        let mut state = self.lock();
        if request.accounts.is_dead.load(Relaxed) {
            return;
        }
        state.correct(request, estimated, counted);
        state.queue.push(entries);
        self.wake_for_work(state);
    }

    /// Replaces a part of a request's estimate by what was counted, before its inputs are queued.
    pub(crate) fn correct_estimate(&self, request: &Request, estimated: usize, counted: usize) {
        let mut state = self.lock();
        if !request.accounts.is_dead.load(Relaxed) {
            state.correct(request, estimated, counted);
        }
    }

    /// Waits until something waits; `false` once the model has ended.
    pub(crate) fn wait_for_work(&self) -> bool {
        let mut state = self.lock();
        while state.phase != Phase::Ended && state.queue.len() == 0 {
            state.idle += 1;
            state = self.work.wait(state).expect(LOCK);
            state.idle -= 1;
        }
        state.phase != Phase::Ended
    }

    /// Forms the next batch, with the wide stream if it is that one's; `None` if what waited has gone meanwhile. Wakes
    /// another stream if more waits.
    pub(crate) fn take_batch(&self, lane: &mut Lane<'_>) -> Option<(Batch, Option<WideTurn<'_>>)> {
        let mut state = self.lock();
        let waiting = state.queue.len();
        let wide = self.wide.as_ref().and_then(|wide| wide.take(waiting, self.parallel, lane));
        let parallel = if wide.is_some() { 1 } else { self.parallel };
        let batch = state.queue.take_batch(parallel)?;
        for (entry, _) in &batch.entries {
            state.hold(&entry.request, |held| held.saturating_sub(entry.tokens.len()));
        }
        self.wake_for_work(state);
        Some((batch, wide))
    }

    /// Books a batch that was inferred, `elapsed` after its stream wanted a lane.
    pub(crate) fn batch_done(&self, tokens: usize, elapsed: Duration) {
        let mut state = self.lock();
        state.queue.batch_done(tokens);
        state.admission.record_batch(tokens, elapsed, self.parallel);
    }

    /// Lets another stream take what this one was woken for.
    pub(crate) fn pass_on(&self) {
        self.wake_for_work(self.lock());
    }

    /// Wakes an idle infer thread if anything waits.
    fn wake_for_work(&self, state: MutexGuard<'_, State>) {
        let is_awaited = state.idle > 0 && state.queue.len() > 0;
        drop(state);
        if is_awaited {
            self.work.notify_one();
        }
    }

    /// Takes the entries of a request out of the queue; the request still counts as unanswered.
    pub(crate) fn abandon(&self, request: &Request) {
        self.lock().abandon(request);
    }

    /// Takes a request out of the books: it is about to be answered, or its caller has gone. Safe to repeat.
    pub(crate) fn leave(&self, request: &Request) {
        let mut state = self.lock();
        state.abandon(request);
        if !request.accounts.has_left.swap(true, Relaxed) {
            state.admission.leave();
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// Notes that a stream was lost (a panic) or opened again.
    pub(crate) fn count_stream(&self, change: StreamChange) {
        let mut state = self.lock();
        match change {
            StreamChange::Lost => state.streams = state.streams.saturating_sub(1),
            StreamChange::Opened => state.streams += 1,
        }
    }

    /// Streams that are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.lock().streams
    }

    /// Streams whose threads wait for work.
    pub(crate) fn idle_streams(&self) -> usize {
        self.lock().idle
    }

    /// Waits for a while; `false` once the model has ended.
    pub(crate) fn pause(&self, duration: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .ended
            .wait_timeout_while(state, duration, |state| state.phase != Phase::Ended)
            .expect(LOCK);
        state.phase != Phase::Ended
    }

    /// An infer thread has ended.
    pub(crate) fn thread_ended(&self) {
        self.lock().threads -= 1;
        self.changed.notify_waiters();
    }

    /// Refuses new requests from now on.
    pub(crate) fn stop_accepting(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Serving {
            state.phase = Phase::Draining;
        }
    }

    pub(crate) fn is_accepting(&self) -> bool {
        self.lock().phase == Phase::Serving
    }

    /// Ends the infer threads after the batches they are at.
    pub(crate) fn end(&self) {
        self.lock().phase = Phase::Ended;
        self.work.notify_all();
        self.ended.notify_all();
    }

    /// Waits until every request is answered or gone.
    pub(crate) async fn answered(&self) {
        self.until(|state| state.admission.requests() == 0).await;
    }

    /// Waits until every infer thread has ended.
    pub(crate) async fn threads_ended(&self) {
        self.until(|state| state.threads == 0).await;
    }

    async fn until(&self, is_reached: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if is_reached(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.lock().admission.requests()
    }

    pub(crate) fn queued_tokens(&self) -> usize {
        self.lock().admission.tokens()
    }

    pub(crate) fn queued_inputs(&self) -> usize {
        self.lock().queue.len()
    }

    /// Whether the inputs of a request must be queued all at once.
    pub(crate) fn queues_whole_requests(&self) -> bool {
        self.spec.batching == BatchPolicy::OneRequestPerBatch
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(LOCK)
    }
}

/// What happened to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamChange {
    /// It panicked and was dropped.
    Lost,
    /// A lost one was replaced.
    Opened,
}

const LOCK: &str = "nothing panics while it holds a model's lock";

impl State {
    fn correct(&mut self, request: &Request, estimated: usize, counted: usize) {
        self.hold(request, |held| (held + counted).saturating_sub(estimated));
    }

    fn abandon(&mut self, request: &Request) {
        if !request.accounts.is_dead.swap(true, Relaxed) {
            self.hold(request, |_| 0);
            self.queue.bury(request);
        }
    }

    /// Changes the tokens that a request has waiting.
    fn hold(&mut self, request: &Request, change: impl Fn(usize) -> usize) {
        let before = request.accounts.held_tokens.load(Relaxed);
        let after = change(before);
        request.accounts.held_tokens.store(after, Relaxed);
        self.admission.adjust(before, after);
    }
}
