//! What all models of a process share: tokenizer threads and CPU lanes.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use crate::embedder::Embedder;
use crate::error::StartError;
use crate::infer::InferThread;
use crate::lanes::Lanes;
use crate::model::Model;
use crate::schedule::BatchPolicy;
use crate::spec::{ModelSpec, Truncate};
use crate::tokenizing::TokenizerPool;
use crate::wide::Wide;

/// How much of the machine the engine uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads that tokenize, at least 1.
    pub tokenizer_threads: usize,
    /// Threads that infer at once over all models, at least 1: normally the cores the process may use.
    pub lanes: usize,
}

impl Default for EngineOptions {
    /// From the cores that the process may use (on Linux the affinity mask and the cgroup's CPU quota count): a lane
    /// for each, and a tokenizer thread for every four but at least two, so that one long text does not hold up
    /// all others. Tokenizing takes a small part of the time of inference.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self { tokenizer_threads: (cores / 4).max(2), lanes: cores }
    }
}

/// The process-wide part of the engine. Its threads end when it and every [`Embedder`] it started are dropped.
pub struct Engine {
    tokenizers: Arc<TokenizerPool>,
    lanes: Arc<Lanes>,
}

impl Engine {
    /// Starts the tokenizer threads.
    ///
    /// # Panics
    /// If the operating system refuses the first of them.
    #[must_use]
    pub fn new(options: EngineOptions) -> Arc<Self> {
        Arc::new(Self {
            tokenizers: TokenizerPool::start(options.tokenizer_threads),
            lanes: Lanes::new(options.lanes),
        })
    }

    /// Opens the model's streams and starts an infer thread for each.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left running.
    pub fn start_model(self: &Arc<Self>, spec: ModelSpec) -> Result<Embedder, StartError> {
        check_spec(&spec)
            .map_err(|reason| StartError::CheckSpec { model: spec.name.clone(), reason })?;
        let name = spec.name.clone();
        let streams = (0..spec.runtime.streams())
            .map(|stream| {
                spec.runtime.open_stream().map_err(|source| StartError::OpenStream {
                    model: name.clone(),
                    stream,
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let lanes = Arc::new(self.lanes.register(spec.runtime.lanes_per_stream()));
        let wide = Wide::open(&*spec.runtime).map_err(|source| StartError::OpenStream {
            model: name.clone(),
            stream: streams.len(),
            source,
        })?;
        let model = Model::new(spec, streams.len(), lanes.parallel(streams.len()), wide);
        // Ends the threads that were started if a later one cannot be.
        let embedder = Embedder::new(Arc::clone(self), Arc::clone(&model));
        for (index, stream) in streams.into_iter().enumerate() {
            let thread = InferThread::new(Arc::clone(&model), Arc::clone(&lanes), stream);
            std::thread::Builder::new()
                .name(format!("infer-{index} {}", name.replace('\0', "")))
                .spawn(move || thread.run())
                .map_err(|source| StartError::StartThread {
                    model: name.clone(),
                    stream: index,
                    source,
                })?;
        }
        Ok(embedder)
    }

    /// Streams of all models that have work and wait for a CPU lane.
    #[must_use]
    pub fn waiting_streams(&self) -> usize {
        self.lanes.waiting()
    }

    pub(crate) fn tokenizers(&self) -> &TokenizerPool {
        &self.tokenizers
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.tokenizers.end();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// Refuses numbers that could never serve a request.
fn check_spec(spec: &ModelSpec) -> Result<(), String> {
    if spec.max_tokens == 0 {
        return Err("max_tokens must be at least 1".to_owned());
    }
    if spec.vocabulary_size == 0 {
        return Err("vocabulary_size must be at least 1".to_owned());
    }
    if spec.truncate == Truncate::To(0) {
        return Err("the length that texts are cut to must be at least 1".to_owned());
    }
    let limits = spec.limits;
    if limits.max_batch_inputs == Some(0) || limits.max_concurrent_requests == Some(0) {
        return Err("a limit of 0 inputs or requests would refuse everything".to_owned());
    }
    if spec.runtime.streams() == 0 {
        return Err("the runtime must have at least one stream".to_owned());
    }
    if let BatchPolicy::Grouped(grouping) = &spec.batching {
        if grouping.token_budget == 0 {
            return Err("token_budget must be at least 1".to_owned());
        }
        if !(0.0..1.0).contains(&grouping.max_padding) {
            return Err(format!(
                "max_padding must be from 0 to below 1, not {}",
                grouping.max_padding
            ));
        }
    }
    Ok(())
}
