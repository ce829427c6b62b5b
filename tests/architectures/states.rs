//! What a fixture says its model should compute, and what the exported model computes.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::model::{Model, Rows, Side};

/// Token ids of `expected/hidden_states.json`.
#[derive(Deserialize)]
pub(crate) struct Batches {
    pub(crate) batches: Vec<Vec<Vec<i64>>>,
    #[serde(default)]
    pub(crate) left_padded: Vec<Vec<Vec<i64>>>,
}

#[derive(Deserialize)]
struct SentenceEmbeddings {
    ids: Vec<Vec<i64>>,
    pooled: Rows,
}

impl Batches {
    pub(crate) fn of(folder: &Path) -> Self {
        read_json(&folder.join("expected/hidden_states.json"))
    }
}

/// Whether the model has `Dense` modules, and so answers one vector a row.
pub(crate) fn has_dense(folder: &Path) -> bool {
    folder.join("expected/sentence_embeddings.json").exists()
}

/// The vectors of all tokens, or of all rows alone and together, and what they should be.
pub(crate) fn computed(folder: &Path) -> (Rows, Rows) {
    let model = Model::export(folder);
    if has_dense(folder) {
        let path = folder.join("expected/sentence_embeddings.json");
        let SentenceEmbeddings { ids, pooled } = read_json(&path);
        let alone =
            ids.iter().flat_map(|row| model.vectors(std::slice::from_ref(row), Side::Right));
        let found = alone.chain(model.vectors(&ids, Side::Right)).collect();
        return (found, pooled.iter().chain(&pooled).cloned().collect());
    }
    let Batches { batches, left_padded } = Batches::of(folder);
    let right = batches.iter().flat_map(|rows| model.states(rows, Side::Right));
    let left = left_padded.iter().flat_map(|rows| model.states(rows, Side::Left));
    let states: Rows = right.chain(left).collect();
    let hidden = states.first().map_or(0, Vec::len);
    let expected = read_rows(&folder.join("expected/hidden_states.f32"), hidden);
    (states, expected)
}

/// The largest difference of a number to the expected one, relative to the largest of these.
pub(crate) fn relative_difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.len(), expected.len(), "rows");
    let largest = expected.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
    let pairs = found.iter().zip(expected).flat_map(|(found, expected)| {
        assert_eq!(found.len(), expected.len(), "numbers of a row");
        found.iter().zip(expected)
    });
    let differences = pairs.map(|(found, expected)| (found - expected).abs());
    // Not `max`, which would let NaN pass.
    differences.fold(0.0, |most, next| if next <= most { most } else { next }) / largest
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> T {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_rows(path: &Path, hidden: usize) -> Rows {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (values, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty() && values.len().is_multiple_of(hidden), "{}", path.display());
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks_exact(hidden).map(<[f32]>::to_vec).collect()
}
