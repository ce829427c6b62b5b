//! OpenVINO called directly by threads that tokenize each batch just before they infer it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use engine::{Runtime, SpecialTokens, Stream, TextTokenizer, TokenBatch};
use openvino_runtime::OpenVinoModel;
use serde::Serialize;

use crate::grouping::{TextBatch, request_by_request};
use crate::preparation::Preparation;
use crate::window::{Measured, Measurement, Window, Worker};
use crate::workload::Workload;

/// How a model is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Setting {
    pub(crate) streams: usize,
    /// Over all streams.
    pub(crate) threads: usize,
}

impl Setting {
    /// 1, 2 and other numbers of streams on all cores, one stream on one core, and two streams a core.
    pub(crate) fn many(cores: usize) -> Vec<Self> {
        let streams = [1, 2, cores / 4, cores / 2, cores].map(|streams| streams.clamp(1, cores));
        let mut settings = streams.map(|streams| Self { streams, threads: cores }).to_vec();
        settings.push(Self { streams: 1, threads: 1 });
        settings.push(Self { streams: 2 * cores, threads: 2 * cores });
        settings.sort_unstable();
        settings.dedup();
        settings
    }

    /// One stream of all cores, and a stream a core.
    pub(crate) fn few(cores: usize) -> Vec<Self> {
        let mut settings = [1, cores].map(|streams| Self { streams, threads: cores }).to_vec();
        settings.dedup();
        settings
    }
}

/// A setting that OpenVINO did not take, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    #[serde(flatten)]
    setting: Setting,
    reason: String,
}

/// The model, compiled in every way that is tried.
pub(crate) struct Direct {
    tokenizer: Arc<TextTokenizer>,
    models: BTreeMap<Setting, OpenVinoModel>,
    refused: Vec<Refused>,
    cores: usize,
}

/// A thread's means of embedding: the tokenizer and a stream of its own.
pub(crate) struct Caller<'a> {
    tokenizer: &'a TextTokenizer,
    stream: Box<dyn Stream>,
}

impl Direct {
    /// Compiles the model in a folder with each of the settings.
    pub(crate) fn new(preparation: &Preparation, model: &Path, settings: Vec<Setting>) -> Self {
        let mut direct = Self {
            tokenizer: Arc::clone(&preparation.tokenizer),
            models: BTreeMap::new(),
            refused: Vec::new(),
            cores: preparation.cores,
        };
        for setting in settings {
            match compile_exactly(preparation, model, setting) {
                Ok(compiled) => _ = direct.models.insert(setting, compiled),
                Err(reason) => direct.refused.push(Refused { setting, reason }),
            }
        }
        direct
    }

    /// The settings that are for throughput: at least as many threads as cores.
    pub(crate) fn wide(&self) -> impl Iterator<Item = Setting> + use<'_> {
        self.models.keys().copied().filter(|setting| setting.threads >= self.cores)
    }

    /// The settings that are for latency: one stream.
    pub(crate) fn single(&self) -> impl Iterator<Item = Setting> + use<'_> {
        self.models.keys().copied().filter(|setting| setting.streams == 1)
    }

    /// What OpenVINO did not take.
    pub(crate) fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Each request one padded batch, on at most two streams.
    pub(crate) fn measure_padded(&self, workload: &Workload, window: Window) -> Result<Measured> {
        let setting = Setting { streams: 2.min(self.cores), threads: self.cores };
        self.measure(setting, &request_by_request(workload), window)
    }

    /// One thread a stream; each takes the next batch, round and round.
    pub(crate) fn measure(
        &self,
        setting: Setting,
        batches: &[TextBatch<'_>],
        window: Window,
    ) -> Result<Measured> {
        let mut callers =
            (0..setting.streams).map(|_| self.caller(setting)).collect::<Result<Vec<_>>>()?;
        let next = AtomicUsize::new(0);
        let measurement = Measurement::start(window, callers.len());
        let work = |caller: &mut Caller<'_>| -> Result<()> {
            let mut worker = Worker::default();
            loop {
                let batch = &batches[next.fetch_add(1, Ordering::Relaxed) % batches.len()];
                let start = Instant::now();
                caller.embed(batch)?;
                if !measurement.note(&mut worker, start, batch.tokens) {
                    return Ok(());
                }
            }
        };
        thread::scope(|scope| {
            let threads: Vec<_> =
                callers.iter_mut().map(|caller| scope.spawn(|| work(caller))).collect();
            for thread in threads {
                thread.join().map_err(|_| anyhow!("a stream's thread panicked"))??;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        let tokens_per_second = measurement.tokens_per_second();
        Ok(Measured { tokens_per_second, client_cores: None })
    }

    /// A stream of a model that was compiled so.
    pub(crate) fn caller(&self, setting: Setting) -> Result<Caller<'_>> {
        let model = self.models.get(&setting).with_context(|| format!("no {setting:?}"))?;
        Ok(Caller { tokenizer: &self.tokenizer, stream: model.open_stream()? })
    }
}

impl Caller<'_> {
    /// Tokenizes the texts and infers them; pooling is left out.
    pub(crate) fn embed(&mut self, batch: &TextBatch<'_>) -> Result<()> {
        let texts = batch
            .texts
            .iter()
            .map(|text| Ok(Arc::from(self.tokenizer.encode(text, SpecialTokens::Add)?)))
            .collect::<Result<_>>()?;
        self.stream.infer(&TokenBatch::padded(texts, batch.width, 0))?;
        Ok(())
    }
}

/// The model, or what OpenVINO made of the setting instead.
fn compile_exactly(
    preparation: &Preparation,
    model: &Path,
    setting: Setting,
) -> Result<OpenVinoModel, String> {
    let model = preparation.compile(model, setting).map_err(|error| format!("{error:#}"))?;
    let facts = model.facts();
    if (facts.streams, facts.threads) != (setting.streams, setting.threads) {
        return Err(format!("became {} streams and {} threads", facts.streams, facts.threads));
    }
    Ok(model)
}
