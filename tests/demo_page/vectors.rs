//! What a small model must answer: from the hidden states that transformers computed when the
//! fixtures were made, pooled here.

use std::path::Path;

use model_repository::Pooling;
use serde::Deserialize;

use crate::table::SmallModel;

/// A document as token ids, and its vector.
pub(crate) struct Expected {
    pub(crate) tokens: Vec<u32>,
    pub(crate) vector: Vec<f32>,
}

#[derive(Deserialize)]
struct HiddenStates {
    batches: Vec<Vec<Vec<u32>>>,
    /// Padded on the left, which servers do not do; their states come last.
    #[serde(default)]
    left_padded: Vec<Vec<Vec<u32>>>,
}

/// Every document of a tiny model's fixture; none for MiniLM, whose fixture has no hidden states.
pub(crate) fn expected(model: &SmallModel, pooling: Pooling, normalize: bool) -> Vec<Expected> {
    if model.is_minilm() {
        return Vec::new();
    }
    let folder = model.folder().join("expected");
    let HiddenStates { batches, left_padded } =
        serde_json::from_slice(&read(&folder.join("hidden_states.json"))).expect("hidden states");
    let documents: Vec<Vec<u32>> = batches.into_iter().flatten().collect();
    let bytes = read(&folder.join("hidden_states.f32"));
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty(), "the fixture is cut off");
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let padded = left_padded.iter().flatten();
    let tokens: usize = documents.iter().chain(padded).map(Vec::len).sum();
    let mut states = values.chunks_exact(values.len() / tokens);
    let documents = documents.into_iter();
    let expected = documents.map(|tokens| {
        let states: Vec<&[f32]> = states.by_ref().take(tokens.len()).collect();
        let vector = pooled(&states, pooling);
        Expected { tokens, vector: if normalize { normalized(&vector) } else { vector } }
    });
    expected.collect()
}

fn pooled(states: &[&[f32]], pooling: Pooling) -> Vec<f32> {
    match pooling {
        Pooling::Cls => states.first().expect("a token").to_vec(),
        Pooling::Last => states.last().expect("a token").to_vec(),
        Pooling::Mean => (0..states[0].len())
            .map(|column| {
                let sum: f64 = states.iter().map(|state| f64::from(state[column])).sum();
                (sum / states.len() as f64) as f32
            })
            .collect(),
    }
}

/// Euclidean length.
pub(crate) fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

/// Cosine of the angle between two vectors.
pub(crate) fn cosine(one: &[f32], two: &[f32]) -> f64 {
    assert_eq!(one.len(), two.len(), "vectors of one length");
    let product: f64 =
        one.iter().zip(two).map(|(one, two)| f64::from(*one) * f64::from(*two)).sum();
    product / (length(one) * length(two))
}

/// The vectors agree in length (to a thousandth) and direction (cosine over `least`).
pub(crate) fn assert_close(found: &[f32], expected: &[f32], least: f64, what: &str) {
    let (cosine, ratio) = (cosine(found, expected), length(found) / length(expected));
    assert!(cosine > least, "{what}: cosine {cosine}");
    assert!((ratio - 1.0).abs() < 1e-3, "{what}: {ratio} times as long");
}

fn normalized(vector: &[f32]) -> Vec<f32> {
    let length = length(vector);
    vector.iter().map(|value| (f64::from(*value) / length) as f32).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
