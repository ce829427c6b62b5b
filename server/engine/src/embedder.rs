//! What callers hold of a started model: inputs in, vectors out.

use std::sync::Arc;

use crate::engine::Engine;
use crate::error::EmbedError;
use crate::model::Model;
use crate::observer::RequestReport;
use crate::request::Request;
use crate::spec::{Embeddings, Input, TokenizeOptions};
use crate::tokenizer::TextTokenizer;
use crate::tokenizing::{EmbedJob, TokenizeJob};

/// A started model. Clones are handles of the same model; its infer threads end with [`drain`](Embedder::drain) or
/// when the last handle is dropped.
#[derive(Clone)]
pub struct Embedder {
    handle: Arc<Handle>,
}

struct Handle {
    engine: Arc<Engine>,
    model: Arc<Model>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.model.stop_accepting();
        self.model.end();
    }
}

/// Takes a request out of the model's books when its caller has gone, or got its answer.
struct Caller<'a> {
    model: &'a Model,
    request: Arc<Request>,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.model.leave(&self.request);
    }
}

impl Embedder {
    pub(crate) fn new(engine: Arc<Engine>, model: Arc<Model>) -> Self {
        Self { handle: Arc::new(Handle { engine, model }) }
    }

    /// Turns inputs into vectors, in their order.
    ///
    /// Dropping the future cancels the request: its inputs are in no batch that is formed afterwards.
    ///
    /// # Errors
    /// See [`EmbedError`]; if several inputs are bad, the error names the first. Nothing is returned for a part.
    pub async fn embed(&self, inputs: Vec<Input>) -> Result<Embeddings, EmbedError> {
        let model = &self.handle.model;
        let count = inputs.len();
        let (request, answer) = model.admit(&inputs)?;
        let caller = Caller { model, request: Arc::clone(&request) };
        let job = EmbedJob::new(Arc::clone(model), request, inputs);
        self.handle.engine.tokenizers().submit(Arc::new(job));
        // The sender lives in the request, which the caller holds: it cannot be dropped unanswered.
        let answer = answer.await.unwrap_or(Err(EmbedError::Unloaded));
        drop(caller);
        if let Ok(embeddings) = &answer {
            model.spec.observer.request_done(&RequestReport {
                inputs: count,
                tokens: embeddings.prompt_tokens,
                tokenize: embeddings.timings.tokenize,
                queue: embeddings.timings.queue,
                inference: embeddings.timings.inference,
            });
        }
        answer
    }

    /// Turns texts into token ids on the tokenizer threads. Needs no room in the model's queue; `max_length` cuts.
    ///
    /// A text of more than 256 KiB that is not cut to 32,768 tokens or fewer is tokenized in pieces that end before
    /// white space: exact for tokenizers that never join tokens across white space, where there is any.
    ///
    /// # Errors
    /// [`EmbedError::Tokenize`], [`EmbedError::PaddingTooLong`], [`EmbedError::TooManyTokens`],
    /// [`EmbedError::TooManyInputs`] or [`EmbedError::Unloaded`]. No texts give no tokens.
    pub async fn tokenize(
        &self,
        texts: Vec<String>,
        options: TokenizeOptions,
    ) -> Result<Vec<Vec<u32>>, EmbedError> {
        let model = &self.handle.model;
        if !model.is_accepting() {
            return Err(EmbedError::Unloaded);
        }
        if let Some(limit) = model.spec.limits.max_batch_inputs
            && texts.len() > limit
        {
            let count = texts.len();
            return Err(EmbedError::TooManyInputs { count, limit });
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let tokenizer = Arc::clone(&model.spec.tokenizer);
        let (job, tokens) = TokenizeJob::new(tokenizer, model.spec.pad_token_id, options, texts)?;
        self.handle.engine.tokenizers().submit(Arc::new(job));
        tokens.await.unwrap_or(Err(EmbedError::Unloaded))
    }

    /// Refuses new requests ([`EmbedError::Unloaded`]), waits until those that were admitted are answered, ends the
    /// infer threads and waits until their streams are closed. May be called more than once.
    pub async fn drain(&self) {
        let model = &self.handle.model;
        model.stop_accepting();
        model.answered().await;
        model.end();
        model.threads_ended().await;
    }

    /// Numbers per vector; `None` before the first inference.
    #[must_use]
    pub fn dimensions(&self) -> Option<usize> {
        self.handle.model.dimensions.get().copied()
    }

    /// The name the model was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.handle.model.spec.name
    }

    /// The model's tokenizer. To tokenize from async code use [`tokenize`](Self::tokenize).
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<TextTokenizer> {
        &self.handle.model.spec.tokenizer
    }

    /// The most tokens the model reads, special tokens included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.handle.model.spec.max_tokens
    }

    /// Requests that were admitted and are not answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.handle.model.requests()
    }

    /// Tokens that wait for a batch; texts that are still to be tokenized count as estimated.
    #[must_use]
    pub fn queued_tokens(&self) -> usize {
        self.handle.model.queued_tokens()
    }

    /// Tokenized inputs that wait for a batch.
    #[must_use]
    pub fn queued_inputs(&self) -> usize {
        self.handle.model.queued_inputs()
    }

    /// Streams that are open: fewer than the runtime has while one that panicked could not be opened again.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.handle.model.open_streams()
    }

    /// Streams that wait for work.
    #[must_use]
    pub fn idle_streams(&self) -> usize {
        self.handle.model.idle_streams()
    }
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Embedder").field("model", &self.name()).finish_non_exhaustive()
    }
}
