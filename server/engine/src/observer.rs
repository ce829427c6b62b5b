//! What the engine tells about its work; the server turns it into metrics.

use std::time::Duration;

/// Is told of every batch and every answered request of one model.
///
/// [`batch_done`](Observer::batch_done) is called on an infer thread and [`request_done`](Observer::request_done) on
/// the caller's thread, so both must be quick and must not block.
pub trait Observer: Send + Sync + 'static {
    /// A batch was inferred, or failed.
    fn batch_done(&self, _report: &BatchReport) {}

    /// A request was answered with vectors. Requests that fail or are cancelled are not reported here.
    fn request_done(&self, _report: &RequestReport) {}
}

/// An observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// One batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// Texts in the batch, from one or more requests.
    pub texts: usize,
    /// Real tokens, special tokens included, padding not.
    pub tokens: usize,
    /// Padding tokens.
    pub padding: usize,
    /// Inference and pooling.
    pub inference: Duration,
    /// Whether the runtime failed or panicked, so that every request of the batch failed.
    pub failed: bool,
}

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestReport {
    /// How many inputs it had.
    pub inputs: usize,
    /// Tokens of all its inputs, special tokens included.
    pub tokens: usize,
    /// See [`RequestTimings::tokenize`](crate::RequestTimings::tokenize).
    pub tokenize: Duration,
    /// See [`RequestTimings::queue`](crate::RequestTimings::queue).
    pub queue: Duration,
    /// See [`RequestTimings::inference`](crate::RequestTimings::inference).
    pub inference: Duration,
}
