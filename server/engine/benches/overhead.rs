//! What the engine itself costs a request: 64 clients with texts of eight tokens and a runtime that does nothing, and
//! forming a batch of a full window. `cargo bench -p engine` prints both; nothing is asserted.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::schedule::{Situation, Waiting, form_batch};
use engine::{
    BatchOutput, BatchPolicy, Engine, EngineOptions, Input, ModelSpec, Pooling, RequestLimits,
    Runtime, RuntimeError, Stream, TextTokenizer, TokenBatch, Truncate, Unobserved,
};

const CLIENTS: usize = 64;
const REQUESTS_PER_CLIENT: usize = 3_000;
const HIDDEN: usize = 384;

struct Nothing;

struct NoWork(Vec<f32>);

impl Runtime for Nothing {
    fn streams(&self) -> usize {
        2
    }

    fn open_stream(&self) -> Result<Box<dyn Stream>, RuntimeError> {
        Ok(Box::new(NoWork(Vec::new())))
    }
}

impl Stream for NoWork {
    fn infer(&mut self, batch: &TokenBatch) -> Result<BatchOutput<'_>, RuntimeError> {
        self.0.resize(batch.texts.len() * HIDDEN, 0.5);
        Ok(BatchOutput::Sentences { values: &self.0, hidden: HIDDEN })
    }
}

fn tokenizer() -> TextTokenizer {
    let words: Vec<String> = (0..1_000).map(|id| format!("\"w{id}\":{id}")).collect();
    let json = format!(
        r###"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
        "normalizer":{{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}},
        "pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":null,"decoder":null,
        "model":{{"type":"WordPiece","unk_token":"w0","continuing_subword_prefix":"##","max_input_chars_per_word":100,
        "vocab":{{{}}}}}}}"###,
        words.join(",")
    );
    TextTokenizer::from_bytes(json.as_bytes()).unwrap()
}

async fn requests() -> Duration {
    let embedder = Engine::new(EngineOptions { tokenizer_threads: 1, lanes: 2 })
        .start_model(ModelSpec {
            name: "nothing".to_owned(),
            tokenizer: Arc::new(tokenizer()),
            runtime: Arc::new(Nothing),
            pooling: Pooling::Mean,
            normalize: true,
            truncate: Truncate::Never,
            max_tokens: 512,
            vocabulary_size: 1_000,
            pad_token_id: 0,
            limits: RequestLimits::default(),
            batching: BatchPolicy::default(),
            observer: Arc::new(Unobserved),
        })
        .unwrap();
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let embedder = embedder.clone();
            tokio::spawn(async move {
                for number in 0..REQUESTS_PER_CLIENT {
                    let word = (client + number) % 900;
                    let words: Vec<String> = (word..word + 8).map(|id| format!("w{id}")).collect();
                    black_box(embedder.embed(vec![Input::Text(words.join(" "))]).await.unwrap());
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    start.elapsed() / (CLIENTS * REQUESTS_PER_CLIENT) as u32
}

fn batches(packs_texts: bool, length: impl Fn(usize) -> usize) -> Duration {
    let waiting: Vec<Waiting> = (0..256)
        .map(|index| Waiting { length: length(index), passed_over: 0, request: index as u64 })
        .collect();
    let situation = Situation { share: usize::MAX / 4, max_width: 512, packs_texts };
    let policy = BatchPolicy::default();
    let rounds = 10_000;
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(form_batch(black_box(&waiting), &policy, situation));
    }
    start.elapsed() / rounds
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    println!("a request of 8 tokens, {CLIENTS} clients: {:?}", runtime.block_on(requests()));
    for packs_texts in [false, true] {
        let batches_of = |length: &dyn Fn(usize) -> usize| batches(packs_texts, length);
        let kind = if packs_texts { "packed" } else { "padded" };
        println!("a {kind} batch of 256 equal texts: {:?}", batches_of(&|_| 8));
        println!(
            "a {kind} batch of 256 mixed texts: {:?}",
            batches_of(&|index| 5 + index * 97 % 246)
        );
        println!(
            "a {kind} batch of 256 short texts: {:?}",
            batches_of(&|index| 5 + index * 97 % 30)
        );
    }
}
