//! Exported models in the real OpenVINO: what comes out must be what sentence-transformers and
//! transformers compute from the same weights.
//!
//! Needs OpenVINO's libraries and MiniLM's weights in the cache folder.

#[path = "export/compression.rs"]
mod compression;
#[path = "export/large.rs"]
mod large;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use engine::{BatchOutput, Runtime, SpecialTokens, TextTokenizer, TokenBatch};
use model_export::{ExportOptions, WeightFormat, export};
use openvino_runtime::{
    ModelOptions, OpenVino, OpenVinoModel, WeightDecompression, find_libraries,
};
use serde::Deserialize;

const TINY: [&str; 3] = ["tiny-bert-gelu", "tiny-bert-relu", "tiny-bert-gelu-new"];
const MINILM_HIDDEN: usize = 384;

/// Every text of the fixture has the vector that sentence-transformers gives it.
#[test]
fn minilm_in_fp32_equals_sentence_transformers() {
    let rows = minilm_texts();
    let vectors = pooled(minilm(WeightFormat::Fp32), &rows, 1);
    let expected = read_rows("minilm/vectors.f32", MINILM_HIDDEN);
    assert_eq!(expected.len(), 64);
    assert!(least_cosine(&vectors, &expected) > 0.99999);
    assert!(difference(&vectors, &expected) < 1e-5);
}

#[test]
fn minilm_in_fp16_is_nearly_as_good() {
    let rows = minilm_texts();
    let vectors = pooled(minilm(WeightFormat::Fp16), &rows, 1);
    let expected = read_rows("minilm/vectors.f32", MINILM_HIDDEN);
    assert!(least_cosine(&vectors, &expected) > 0.9999);
}

/// The shortest and longest inputs; the ids are those of the fixture's generator.
#[test]
fn minilm_is_right_at_lengths_1_2_and_512() {
    let rows: Vec<Arc<[u32]>> =
        [1u32, 2, 512].map(|length| (0..length).map(|index| 1000 + 37 * index).collect()).to_vec();
    let vectors = pooled(minilm(WeightFormat::Fp32), &rows, 1);
    let expected = read_rows("minilm/lengths.f32", MINILM_HIDDEN);
    assert!(least_cosine(&vectors, &expected) > 0.99999);
    assert!(difference(&vectors, &expected) < 1e-5);
}

/// One position too many must be an error, not a vector that ignores positions.
#[test]
fn minilm_refuses_513_tokens() {
    // A model of its own, because what has failed once may fail again.
    let model = exported(&minilm_folder(), WeightFormat::Fp32);
    let mut stream = model.open_stream().expect("stream");
    let mut vector = |token, length| {
        let row = vec![token; length].into();
        let batch = TokenBatch::padded(vec![row], length, 0);
        match stream.infer(&batch) {
            Ok(BatchOutput::Tokens { values, .. }) => Ok(values[..MINILM_HIDDEN].to_vec()),
            Ok(BatchOutput::Sentences { .. }) => panic!("the model pooled by itself"),
            Err(error) => Err(error.message),
        }
    };
    let before = vector(1000, 8).expect("a vector");
    let refusal = vector(1000, 513).expect_err("there are 512 positions");
    assert!(refusal.contains("could not run the model"), "{refusal}");
    // Texts after it get their own vectors or an error, never those of a text before.
    let other = vector(2000, 9).expect("a vector");
    let expected = &states(minilm(WeightFormat::Fp32), &[vec![2000; 9].into()])[0][0];
    assert!(difference(&[other], std::slice::from_ref(expected)) < 1e-5);
    assert_ne!(vector(2000, 8), Ok(before));
}

/// A text's vector must not depend on its neighbours in the batch.
#[test]
fn vectors_of_padded_batches_equal_those_of_single_texts() {
    let mut rows = minilm_texts();
    // Short beside long, so that nearly all of some rows is padding.
    let longest_first: Vec<_> = rows.iter().rev().cloned().collect();
    rows = rows.into_iter().zip(longest_first).flat_map(|(one, two)| [one, two]).collect();
    let alone = pooled(minilm(WeightFormat::Fp32), &rows, 1);
    let together = pooled(minilm(WeightFormat::Fp32), &rows, 8);
    assert!(difference(&together, &alone) <= 1e-5);
}

#[derive(Deserialize)]
struct HiddenStates {
    batches: Vec<Vec<Vec<u32>>>,
}

/// The branches that MiniLM does not take: activations, head counts, file layouts and types.
#[test]
fn tiny_models_in_fp32_equal_transformers_at_every_token() {
    for name in TINY {
        let (states, expected) = tiny_states(name, WeightFormat::Fp32);
        let largest = expected.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
        let worst = difference(&states, &expected);
        assert!(worst <= 1e-5 * largest, "{name}: {worst} of {largest}");
    }
}

#[test]
fn tiny_models_in_fp16_are_close_to_transformers_at_every_token() {
    for name in TINY {
        let (states, expected) = tiny_states(name, WeightFormat::Fp16);
        let least = least_cosine(&states, &expected);
        assert!(least > 0.9999, "{name}: {least}");
    }
}

#[derive(Deserialize)]
struct Sentence {
    text: String,
    token_ids: Vec<u32>,
}

/// The fixtures' tokenizers, which other tests serve, give the ids that the vectors are for.
#[test]
fn tiny_models_come_with_the_tokenizer_of_their_expected_sentences() {
    for name in TINY {
        let bytes = read(&fixture(name).join("tokenizer.json"));
        let tokenizer = TextTokenizer::from_bytes(&bytes).expect("tokenizer");
        let bytes = read(&fixture(name).join("expected/sentences.json"));
        let sentences: Vec<Sentence> = serde_json::from_slice(&bytes).expect("sentences");
        assert_eq!(sentences.len(), 4);
        for sentence in sentences {
            let ids = tokenizer.encode(&sentence.text, SpecialTokens::Add).expect("ids");
            assert_eq!(ids, sentence.token_ids, "{name}: {}", sentence.text);
        }
    }
}

/// Hidden states of a tiny model's expected batches and what they should be, a row a token.
fn tiny_states(name: &str, format: WeightFormat) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    tiny_states_of(name, &exported(&fixture(name), format))
}

/// The same for a model that is loaded already.
fn tiny_states_of(name: &str, model: &OpenVinoModel) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let bytes = read(&fixture(name).join("expected/hidden_states.json"));
    let HiddenStates { batches } = serde_json::from_slice(&bytes).expect("hidden states");
    let states: Vec<_> =
        batches.into_iter().map(as_rows).flat_map(|rows| states(model, &rows)).flatten().collect();
    let hidden = states.first().map_or(0, Vec::len);
    let expected = read_rows(&format!("{name}/expected/hidden_states.f32"), hidden);
    (states, expected)
}

fn as_rows(batch: Vec<Vec<u32>>) -> Vec<Arc<[u32]>> {
    batch.into_iter().map(Arc::from).collect()
}

/// The last hidden state of each row's real tokens, all rows in one batch.
fn states(model: &OpenVinoModel, rows: &[Arc<[u32]>]) -> Vec<Vec<Vec<f32>>> {
    let width = rows.iter().map(|row| row.len()).max().expect("rows");
    let batch = TokenBatch::padded(rows.to_vec(), width, 0);
    let mut stream = model.open_stream().expect("stream");
    match stream.infer(&batch).expect("inference") {
        BatchOutput::Tokens { values, hidden } => {
            assert_eq!(values.len(), rows.len() * width * hidden);
            let padded = values.chunks_exact(width * hidden);
            let tokens = |(row, padded): (&Arc<[u32]>, &[f32])| {
                padded.chunks_exact(hidden).take(row.len()).map(<[f32]>::to_vec).collect()
            };
            rows.iter().zip(padded).map(tokens).collect()
        }
        BatchOutput::Sentences { .. } => panic!("the model pooled by itself"),
    }
}

/// The normalised mean of each row's states, computed in batches of `together` rows.
fn pooled(model: &OpenVinoModel, rows: &[Arc<[u32]>], together: usize) -> Vec<Vec<f32>> {
    let states = rows.chunks(together).flat_map(|rows| states(model, rows));
    let pool = |tokens: Vec<Vec<f32>>| {
        let mut sum = vec![0f64; tokens[0].len()];
        for token in &tokens {
            sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        sum.iter().map(|value| (value / length) as f32).collect()
    };
    states.map(pool).collect()
}

fn minilm(format: WeightFormat) -> &'static OpenVinoModel {
    static SINGLE: OnceLock<OpenVinoModel> = OnceLock::new();
    static HALF: OnceLock<OpenVinoModel> = OnceLock::new();
    let model = match format {
        WeightFormat::Fp32 => &SINGLE,
        WeightFormat::Fp16 => &HALF,
        WeightFormat::Int8 | WeightFormat::Int4 => panic!("they have tests of their own"),
    };
    model.get_or_init(|| exported(&minilm_folder(), format))
}

fn minilm_texts() -> Vec<Arc<[u32]>> {
    #[derive(Deserialize)]
    struct Line {
        text: String,
    }
    let tokenizer = read(&minilm_folder().join("tokenizer.json"));
    let tokenizer = TextTokenizer::from_bytes(&tokenizer).expect("tokenizer");
    let lines = String::from_utf8(read(&fixture("minilm/texts.jsonl"))).expect("text");
    let ids = |line| {
        let Line { text } = serde_json::from_str(line).expect("line");
        let ids = tokenizer.encode(&text, SpecialTokens::Add).expect("ids");
        Arc::from(ids)
    };
    lines.lines().map(ids).collect()
}

/// Exports into a folder that vanishes again and loads the result, computing in f32: CPUs with
/// bf16 instructions would otherwise round to 8 bits by default.
fn exported(source: &Path, weight_format: WeightFormat) -> OpenVinoModel {
    let target = tempfile::tempdir().expect("folder");
    let options = ExportOptions::from(weight_format);
    export(source, target.path(), &options, &mut |_, _| {}).expect("export");
    let precision = ("INFERENCE_PRECISION_HINT".to_owned(), "f32".to_owned());
    let options = ModelOptions {
        xml_or_onnx: target.path().join("openvino_model.xml"),
        device: "CPU".to_owned(),
        plugin_config: BTreeMap::from([precision]),
        streams: Some(1),
        wide_threads: None,
        threads: Some(1),
        cache_dir: None,
        weight_decompression: WeightDecompression::Never,
    };
    OpenVinoModel::load(openvino(), options).expect("model")
}

fn openvino() -> &'static Arc<OpenVino> {
    static OPENVINO: OnceLock<Arc<OpenVino>> = OnceLock::new();
    OPENVINO.get_or_init(|| {
        let libraries = find_libraries(None).expect("no OpenVINO: run `make deps` first");
        OpenVino::load(&libraries).expect("OpenVINO")
    })
}

fn minilm_folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("EMBEDSERVE_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").expect("HOME is set").join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("embedserve")
    });
    let folder = cache.join("all-MiniLM-L6-v2");
    assert!(folder.is_dir(), "{} is missing: run `make deps` first", folder.display());
    folder
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_rows(name: &str, hidden: usize) -> Vec<Vec<f32>> {
    let bytes = read(&fixture(name));
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && values.len().is_multiple_of(hidden), "{name} is cut off");
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks_exact(hidden).map(<[f32]>::to_vec).collect()
}

fn least_cosine(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let product = |one: &[f32], two: &[f32]| -> f64 {
        one.iter().zip(two).map(|(one, two)| f64::from(*one) * f64::from(*two)).sum()
    };
    let cosines = found.iter().zip(expected).map(|(one, two)| {
        assert_eq!(one.len(), two.len());
        product(one, two) / (product(one, one) * product(two, two)).sqrt()
    });
    // Not `min`, which would let NaN pass.
    cosines.fold(1.0, |least, cosine| if cosine >= least { least } else { cosine })
}

fn difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected).flat_map(|(one, two)| {
        assert_eq!(one.len(), two.len());
        one.iter().zip(two)
    });
    let differences = pairs.map(|(one, two)| (one - two).abs());
    // Not `max`, which would let NaN pass.
    differences.fold(0.0, |most, next| if next <= most { most } else { next })
}
