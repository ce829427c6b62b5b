//! The entries of one model that wait for a batch, in the order of their turns.
//!
//! Requests share the model fairly (a form of start-time fair queuing). The queue has a time of its own, which goes on
//! by the tokens that are served, divided by the requests that wait. The first tokens of a request, a quarter of what
//! a batch holds, have their turn when they come; each further entry has it when all entries of its request before it
//! could have been served at an equal share. So a short text that comes while a request of thousands is served is
//! among the next, small requests are served as they come, and nobody waits for ever.
//!
//! Cancelled entries are only marked, and go when a batch is formed near them or when they are the majority, so
//! that a cancellation costs the same however long the queue is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::request::{Entry, Request, Turn};
use crate::schedule::{BatchPolicy, Chosen, Situation, Waiting, form_batch};
use line::Line;

mod line;

/// Below this many dead entries, sweeping is not worth it.
const SWEEP_FROM: usize = 1_024;

/// Units of the queue's time for a token, so that a token shared by many requests still counts.
const UNITS_PER_TOKEN: u64 = 4_096;

/// Waiting entries and how much is being inferred.
#[derive(Debug)]
pub(crate) struct Queue {
    policy: BatchPolicy,
    max_width: usize,
    packs_texts: bool,
    line: Line,
    /// The queue's own time.
    now: u64,
    next_sequence: u64,
    /// Tokens of a request whose turn is when they come.
    burst: usize,
    /// Entries of dead requests in `line`.
    dead: usize,
    /// Living requests that have entries in `line`.
    waiting_requests: usize,
    /// Tokens of the living entries.
    waiting_tokens: usize,
    /// Real tokens of the batches that are being inferred.
    inferring_tokens: usize,
}

/// A batch out of the queue.
#[derive(Debug)]
pub(crate) struct Batch {
    /// At least one, with where each begins among `rows * width` tokens.
    pub(crate) entries: Vec<(Entry, usize)>,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) tokens: usize,
}

impl Queue {
    /// A queue of a model that reads texts of up to `max_width` tokens, and may have several in a row if it packs them.
    pub(crate) fn new(policy: BatchPolicy, max_width: usize, packs_texts: bool) -> Self {
        let (reach, burst) = match &policy {
            BatchPolicy::Grouped(grouping) => (grouping.window.max(1), grouping.token_budget / 4),
            // In order of arrival, request after request.
            BatchPolicy::OneRequestPerBatch => (usize::MAX, usize::MAX),
        };
        Self {
            policy,
            max_width,
            packs_texts,
            line: Line::new(reach),
            now: 0,
            next_sequence: 0,
            burst,
            dead: 0,
            waiting_requests: 0,
            waiting_tokens: 0,
            inferring_tokens: 0,
        }
    }

    /// Entries that wait and are alive.
    pub(crate) fn len(&self) -> usize {
        self.line.len() - self.dead
    }

    /// Adds entries of a living request.
    pub(crate) fn push(&mut self, entries: Vec<Entry>) {
        for mut entry in entries {
            let accounts = &entry.request.accounts;
            let tokens = entry.tokens.len();
            self.waiting_tokens += tokens;
            accounts.waiting_tokens.fetch_add(tokens, Relaxed);
            if accounts.waiting_entries.fetch_add(1, Relaxed) == 0 {
                self.waiting_requests += 1;
            }
            let before = accounts.queued_tokens.fetch_add(tokens, Relaxed);
            let beyond_burst = (before + tokens).saturating_sub(self.burst.max(before));
            let time = accounts.next_turn.load(Relaxed).max(self.now);
            accounts.next_turn.store(time + beyond_burst as u64 * UNITS_PER_TOKEN, Relaxed);
            entry.turn = Turn { time, sequence: self.next_sequence };
            self.next_sequence += 1;
            self.line.insert(entry);
        }
    }

    /// Counts the entries of a request as dead, after it was marked so.
    pub(crate) fn bury(&mut self, request: &Request) {
        let entries = request.accounts.waiting_entries.swap(0, Relaxed);
        self.waiting_requests -= usize::from(entries > 0);
        self.dead += entries;
        self.waiting_tokens -= request.accounts.waiting_tokens.swap(0, Relaxed);
        if self.dead >= SWEEP_FROM && self.dead * 2 > self.line.len() {
            self.line.sweep(is_alive);
            self.dead = 0;
        }
    }

    /// Takes the next batch out, for one of `parallel` streams; `None` if nothing waits.
    pub(crate) fn take_batch(&mut self, parallel: usize) -> Option<Batch> {
        self.dead -= self.line.fill(is_alive);
        let waiting: Vec<Waiting> = self.window().map(Entry::to_waiting).collect();
        let situation = Situation {
            share: (self.waiting_tokens + self.inferring_tokens).div_ceil(parallel.max(1)),
            max_width: self.max_width,
            packs_texts: self.packs_texts,
        };
        let Chosen { places, rows, width } = form_batch(&waiting, &self.policy, situation)?;
        let youngest = places.last().map_or(0, |place| place.index);
        let mut entries = Vec::with_capacity(places.len());
        let mut places = places.into_iter().peekable();
        self.line.take(|position, mut entry| {
            if let Some(place) = places.next_if(|place| place.index == position) {
                entries.push((entry, place.start));
                return None;
            }
            entry.passed_over += u32::from(position < youngest);
            Some(entry)
        });
        let requests = self.waiting_requests.max(1) as u64;
        let tokens = entries.iter().map(|(entry, _)| self.take_off(entry)).sum();
        self.inferring_tokens += tokens;
        self.now += tokens as u64 * UNITS_PER_TOKEN / requests;
        Some(Batch { entries, rows, width, tokens })
    }

    /// The entries that a batch may be formed of.
    fn window(&self) -> impl Iterator<Item = &Entry> {
        let near = self.line.near();
        let first = near.front().map(|entry| entry.request.id);
        let is_whole_requests = self.policy == BatchPolicy::OneRequestPerBatch;
        near.iter().take_while(move |entry| !is_whole_requests || Some(entry.request.id) == first)
    }

    /// A batch of this many real tokens was inferred, or failed.
    pub(crate) fn batch_done(&mut self, tokens: usize) {
        self.inferring_tokens = self.inferring_tokens.saturating_sub(tokens);
    }

    fn take_off(&mut self, entry: &Entry) -> usize {
        let tokens = entry.tokens.len();
        self.waiting_tokens -= tokens;
        if entry.request.accounts.waiting_entries.fetch_sub(1, Relaxed) == 1 {
            self.waiting_requests -= 1;
        }
        entry.request.accounts.waiting_tokens.fetch_sub(tokens, Relaxed);
        tokens
    }
}

fn is_alive(entry: &Entry) -> bool {
    !entry.request.accounts.is_dead.load(Relaxed)
}

impl Entry {
    /// A text that was tokenized just now.
    pub(crate) fn new(request: &Arc<Request>, index: usize, tokens: Arc<[u32]>) -> Self {
        Self {
            request: Arc::clone(request),
            index,
            tokens,
            queued_at: std::time::Instant::now(),
            passed_over: 0,
            turn: Turn::default(),
        }
    }

    fn to_waiting(&self) -> Waiting {
        Waiting {
            length: self.tokens.len(),
            passed_over: self.passed_over,
            request: self.request.id,
        }
    }
}

#[cfg(test)]
mod tests;
