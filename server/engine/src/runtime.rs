//! What the engine asks of whatever runs a model: streams that infer one padded batch at a time.
//!
//! The engine knows nothing of OpenVINO. A [`Runtime`] is a compiled model; each of its [`Stream`]s is owned by
//! exactly one infer thread and never called from two threads at once.

use std::sync::Arc;

use thiserror::Error;

/// Texts to infer together, in `rows` rows of `width` tokens.
///
/// Each text lies within a row and has at least 1 token; what is left of a row is padding, `pad_token_id`. Where a row has
/// one text, that is at the row's start, and the attention mask is 1 on it and 0 on the padding. A model that
/// [packs texts](Runtime::packs_texts) may be given several in a row, and then the mask of each is 1 more than the column in
/// which it begins.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    /// The token ids of each text.
    pub texts: Vec<Arc<[u32]>>,
    /// Where each text begins among the `rows * width` tokens, row after row.
    pub starts: Vec<usize>,
    /// Rows, at least 1.
    pub rows: usize,
    /// Tokens per row, padding included.
    pub width: usize,
    /// The id that fills a row up.
    pub pad_token_id: u32,
}

impl TokenBatch {
    /// A row for each text.
    #[must_use]
    pub fn padded(texts: Vec<Arc<[u32]>>, width: usize, pad_token_id: u32) -> Self {
        let rows = texts.len();
        let starts = (0..rows).map(|row| row * width).collect();
        Self { texts, starts, rows, width, pad_token_id }
    }

    /// The texts with where they begin.
    pub fn places(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.starts.iter().copied().zip(self.texts.iter().map(AsRef::as_ref))
    }

    /// Real tokens over all rows, without padding.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.texts.iter().map(|text| text.len()).sum()
    }

    /// Padding tokens over all rows: `rows * width - tokens`.
    #[must_use]
    pub fn padding(&self) -> usize {
        (self.rows * self.width).saturating_sub(self.tokens())
    }
}

/// What a model made of a [`TokenBatch`], borrowed from the stream so that nothing is copied before pooling.
#[derive(Debug, Clone, Copy)]
pub enum BatchOutput<'a> {
    /// One vector per token, `[rows, width, hidden]`, row-major: to be pooled.
    Tokens {
        /// `rows * width * hidden` numbers.
        values: &'a [f32],
        /// Numbers per token.
        hidden: usize,
    },
    /// One vector per row, `[rows, hidden]`, row-major: the model pooled by itself, so a row had one text.
    Sentences {
        /// `rows * hidden` numbers.
        values: &'a [f32],
        /// Numbers per row.
        hidden: usize,
    },
}

/// A compiled model that can be inferred by several streams in parallel.
pub trait Runtime: Send + Sync + 'static {
    /// How many streams the engine should open, at least 1: one infer thread is started for each.
    fn streams(&self) -> usize;

    /// Opens one stream.
    ///
    /// # Errors
    /// If the stream cannot be opened. The engine tries again later.
    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError>;

    /// How many of the engine's CPU lanes one inference takes: the threads of a stream on a CPU, 0 for a device
    /// that leaves the CPU free (a GPU). The default is 1.
    fn lanes_per_stream(&self) -> usize {
        1
    }

    /// Whether a row may have several texts, which the attention mask tells apart. The default is that it may not.
    fn packs_texts(&self) -> bool {
        false
    }

    /// Opens the wide stream: one more, which takes several lanes and answers a small batch sooner than the others.
    /// The engine uses it while lanes would idle. The default is to have none.
    ///
    /// # Errors
    /// If the stream cannot be opened.
    fn open_wide_stream(&self) -> Result<Option<WideStream>, RuntimeError> {
        Ok(None)
    }
}

/// A stream that infers on several CPU lanes.
pub struct WideStream {
    /// The stream.
    pub stream: Box<dyn Stream>,
    /// The lanes that one inference takes: its threads.
    pub lanes: usize,
}

/// One infer request of a model, owned by one infer thread.
pub trait Stream: Send {
    /// Infers a batch and lends its output until the next call.
    ///
    /// # Errors
    /// If the inference failed. The stream stays in use; a stream that panics is dropped and opened anew.
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError>;
}

/// Why a runtime could not open a stream or infer a batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct RuntimeError {
    /// The runtime's own words, for the log and the client.
    pub message: String,
}

impl RuntimeError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
