//! Tokens to batches to vectors: admission, tokenizing, batching, pooling. No HTTP, no OpenVINO, no files.
//!
//! # The life of a request
//! 1. [`Embedder::embed`] counts the inputs, estimates their tokens and admits the request, or says when to come back.
//! 2. A tokenizer thread takes a chunk of its texts in turn with other requests and checks lengths and token ids.
//! 3. The tokenized inputs of the chunk wait in the model's queue, each an entry of its own.
//! 4. An idle infer thread takes a CPU lane, in turn with the other models of the process.
//! 5. [`schedule::form_batch`] chooses among the entries whose turn is next: of similar length, from any request.
//! 6. The thread's [`Stream`], or the wide one if lanes would idle, infers the batch; the rows are pooled straight from
//!    its memory, and the lane is free.
//! 7. Each row is stored in its request; the last one answers it. A big request is spread over batches and streams.
//! 8. A dropped future marks its request, and marked entries are in no further batch.
//! 9. A failing batch fails its requests only; a stream that panics is replaced.
//! 10. [`Embedder::drain`] refuses what is new, waits for what runs, and ends the threads.
//!
//! No stream ever waits for more entries to come: batches are full because entries gather while streams are busy.

pub mod observer;
pub mod pooling;
pub mod runtime;
pub mod schedule;
pub mod tokenizer;

mod admission;
mod embedder;
mod engine;
mod error;
mod infer;
mod lanes;
mod model;
mod queue;
mod request;
mod spec;
mod tokenizing;
mod wide;

pub use embedder::Embedder;
pub use engine::{Engine, EngineOptions};
pub use error::{EmbedError, StartError};
pub use observer::{BatchReport, Observer, RequestReport, Unobserved};
pub use pooling::Pooling;
pub use runtime::{BatchOutput, Runtime, RuntimeError, Stream, TokenBatch, WideStream};
pub use schedule::{BatchPolicy, Grouping, WidthRounding};
pub use spec::{
    Embeddings, Input, ModelSpec, RequestLimits, RequestTimings, TokenizeOptions, Truncate,
};
pub use tokenizer::{Measured, PaddingSide, SpecialTokens, TextTokenizer, TokenizerError};
