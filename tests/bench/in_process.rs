//! The engine without HTTP, with the settings that the server would choose.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use engine::{
    BatchPolicy, Embedder, Engine, EngineOptions, Grouping, Input, ModelSpec, Pooling,
    RequestLimits, Truncate, Unobserved,
};
use model_repository::sizing;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::counting::{Count, Ending};
use crate::direct::Setting;
use crate::preparation::{MAX_TOKENS, Preparation};
use crate::window::{Measured, Worker};
use crate::workload::Load;

/// An engine with one model.
pub(crate) struct InProcess {
    embedder: Embedder,
    clients: Runtime,
}

impl InProcess {
    pub(crate) fn start(preparation: &Preparation) -> Result<Self> {
        let streams = sizing::streams(preparation.cores, None);
        let threads = sizing::infer_threads(preparation.cores, streams);
        let token_budget = sizing::token_budget("CPU", preparation.weights_bytes()?);
        let spec = ModelSpec {
            name: "bench".to_owned(),
            tokenizer: Arc::clone(&preparation.tokenizer),
            runtime: Arc::new(
                preparation.compile(&preparation.model, Setting { streams, threads })?,
            ),
            pooling: Pooling::Mean,
            normalize: true,
            truncate: Truncate::Never,
            max_tokens: MAX_TOKENS,
            vocabulary_size: preparation.tokenizer.vocabulary_size(),
            pad_token_id: preparation.tokenizer.pad_token_id().unwrap_or(0),
            limits: RequestLimits {
                max_queued_tokens: sizing::queue_limit(token_budget, streams),
                ..RequestLimits::default()
            },
            batching: BatchPolicy::Grouped(Grouping { token_budget, ..Grouping::default() }),
            observer: Arc::new(Unobserved),
        };
        let options = EngineOptions {
            tokenizer_threads: sizing::tokenizer_threads(preparation.cores),
            lanes: preparation.cores,
        };
        let embedder = Engine::new(options).start_model(spec).context("the engine")?;
        let clients = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { embedder, clients })
    }

    /// The vector of one text.
    pub(crate) fn embed(&self, text: &str) -> Result<Vec<f32>> {
        let input = vec![Input::Text(text.to_owned())];
        Ok(self.clients.block_on(self.embedder.embed(input))?.values)
    }

    /// Clients that each send their next request as soon as the last one is answered.
    pub(crate) fn measure(&self, load: Load<'_>, ending: Ending) -> Result<Measured> {
        let Load { workload, clients: count } = load;
        let inputs: Arc<Vec<(Vec<Input>, usize)>> = Arc::new(
            workload
                .requests
                .iter()
                .map(|request| {
                    let inputs = request.texts.iter().map(|text| Input::Text(text.clone()));
                    (inputs.collect(), request.tokens())
                })
                .collect(),
        );
        let measurement = Arc::new(Count::start(ending, count));
        self.clients.block_on(async {
            let mut clients = JoinSet::new();
            for client in 0..count {
                let (embedder, inputs) = (self.embedder.clone(), Arc::clone(&inputs));
                let measurement = Arc::clone(&measurement);
                let first = client * inputs.len() / count;
                clients.spawn(async move {
                    let mut worker = Worker::default();
                    for (texts, tokens) in inputs.iter().cycle().skip(first) {
                        let start = Instant::now();
                        let embeddings = embedder.embed(texts.clone()).await?;
                        ensure!(embeddings.prompt_tokens == *tokens, "tokens differ");
                        if !measurement.note(&mut worker, start, *tokens) {
                            break;
                        }
                    }
                    Ok::<_, anyhow::Error>(())
                });
            }
            while let Some(ended) = clients.join_next().await {
                ended.map_err(|error| anyhow!("a client ended: {error}"))??;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        let tokens_per_second = measurement.tokens_per_second();
        Ok(Measured { tokens_per_second, client_cores: None })
    }
}
