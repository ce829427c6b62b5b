//! The crate against the real OpenVINO, on small models whose every number is known.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

mod concurrency;
mod damaged;
mod devices;
mod inference;
mod ir;
mod libraries;
mod onnx;
mod settings;
mod shapes;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use engine::{BatchOutput, Runtime, RuntimeError, Stream, TokenBatch};
use openvino_runtime::{
    ModelError, ModelOptions, OpenVino, OpenVinoModel, WeightDecompression, find_libraries,
};

/// OpenVINO, loaded once for all tests of this program.
fn openvino() -> Arc<OpenVino> {
    static LOADED: OnceLock<Arc<OpenVino>> = OnceLock::new();
    let load = || {
        let dir = find_libraries(None).unwrap_or_else(|error| {
            panic!("OpenVINO's libraries are missing, run `make deps` first: {error}")
        });
        OpenVino::load(&dir).expect("the libraries of the cache folder load")
    };
    Arc::clone(LOADED.get_or_init(load))
}

/// One stream on the CPU in full precision, so that numbers can be compared exactly.
fn options(model: &Path) -> ModelOptions {
    ModelOptions {
        xml_or_onnx: model.to_path_buf(),
        device: "CPU".to_owned(),
        plugin_config: config(&[("INFERENCE_PRECISION_HINT", "f32")]),
        streams: Some(1),
        threads: Some(1),
        wide_threads: None,
        cache_dir: None,
        weight_decompression: WeightDecompression::Never,
    }
}

fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(model: &Path) -> Result<OpenVinoModel, ModelError> {
    OpenVinoModel::load(&openvino(), options(model))
}

/// The error with its causes, as a log line shows it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn refusal(model: &Path) -> String {
    match load(model) {
        Ok(_) => panic!("{} was not refused", model.display()),
        Err(error) => chain(&error),
    }
}

fn open(model: &OpenVinoModel) -> Box<dyn Stream> {
    model.open_stream().expect("a stream opens")
}

/// Rows padded with token 1 to `width`.
fn batch(rows: &[&[u32]], width: usize) -> TokenBatch {
    TokenBatch::padded(rows.iter().map(|row| Arc::from(*row)).collect(), width, 1)
}

/// Values and numbers per vector of a token-wise output.
fn tokens(output: Result<BatchOutput<'_>, RuntimeError>) -> (Vec<f32>, usize) {
    match output.expect("the model runs") {
        BatchOutput::Tokens { values, hidden } => (values.to_vec(), hidden),
        BatchOutput::Sentences { .. } => panic!("a sentence output where tokens were expected"),
    }
}
