//! Every architecture that is exported, in the real OpenVINO: each small model of
//! `fixtures/architectures` gives what transformers computes from the same weights.
//!
//! OpenVINO is called through the `openvino` crate, so that padding can be on either side; the
//! server pads on the right only. Needs OpenVINO's libraries in the cache folder.

#[path = "architectures/model.rs"]
mod model;
#[path = "architectures/refusals.rs"]
mod refusals;

use std::path::{Path, PathBuf};

use integration_tests::expected::cosine;
use model::{Model, Rows, Side};
use model_export::WeightFormat;
use serde::Deserialize;

/// The largest difference to PyTorch, relative to the largest element of what is compared.
const EXACT: f32 = 1e-5;

#[derive(Deserialize)]
struct Batches {
    batches: Vec<Vec<Vec<i64>>>,
    #[serde(default)]
    left_padded: Vec<Vec<Vec<i64>>>,
}

#[derive(Deserialize)]
struct SentenceEmbeddings {
    ids: Vec<Vec<i64>>,
    pooled: Vec<Vec<f32>>,
}

/// One token, two, as many as there are positions, and rows of several lengths together, with
/// padding after and before them.
#[test]
fn every_token_of_every_model_is_what_transformers_computes() {
    let checked = for_each(fixtures().filter(|folder| !has_dense(folder)), |folder| {
        let model = Model::export(folder);
        let Batches { batches, left_padded } =
            read_json(&folder.join("expected/hidden_states.json"));
        let right = batches.iter().flat_map(|rows| model.states(rows, Side::Right));
        let left = left_padded.iter().flat_map(|rows| model.states(rows, Side::Left));
        let states: Rows = right.chain(left).collect();
        let hidden = states.first().map_or(0, Vec::len);
        let expected = read_rows(&folder.join("expected/hidden_states.f32"), hidden);
        assert_close(&states, &expected, &format!("{}", folder.display()));
    });
    assert!(checked >= 20, "{checked} models");
}

/// A text's vector must not depend on its neighbours in the batch.
#[test]
fn rows_of_a_padded_batch_are_what_they_are_alone() {
    let checked = for_each(fixtures().filter(|folder| !has_dense(folder)), |folder| {
        let model = Model::export(folder);
        let Batches { batches, .. } = read_json(&folder.join("expected/hidden_states.json"));
        let together = batches.iter().max_by_key(|rows| rows.len()).expect("batches");
        assert!(together.len() > 1, "{}", folder.display());
        let alone: Rows = together
            .iter()
            .flat_map(|row| model.states(std::slice::from_ref(row), Side::Right))
            .collect();
        let padded = model.states(together, Side::Right);
        assert_close(&padded, &alone, &format!("{}", folder.display()));
    });
    assert!(checked >= 20, "{checked} models");
}

/// `Dense` modules after pooling are part of the graph.
#[test]
fn vectors_after_dense_modules_are_what_sentence_transformers_computes() {
    let checked = for_each(fixtures().filter(|folder| has_dense(folder)), |folder| {
        let model = Model::export(folder);
        let path = folder.join("expected/sentence_embeddings.json");
        let SentenceEmbeddings { ids, pooled } = read_json(&path);
        assert_eq!(ids.len(), pooled.len());
        let alone: Rows = ids
            .iter()
            .flat_map(|row| model.vectors(std::slice::from_ref(row), Side::Right))
            .collect();
        assert_close(&alone, &pooled, &format!("{} alone", folder.display()));
        let together = model.vectors(&ids, Side::Right);
        assert_close(&together, &pooled, &format!("{} together", folder.display()));
    });
    assert!(checked >= 3, "{checked} models");
}

/// Compressed weights come near, whatever the architecture does with them. How near for real
/// weights, `export.rs` says.
#[test]
fn compressed_weights_of_every_model_give_vectors_near_those_of_fp32() {
    for (format, least) in
        [(WeightFormat::Fp16, 0.9999), (WeightFormat::Int8, 0.995), (WeightFormat::Int4, 0.8)]
    {
        for_each(fixtures().filter(|folder| !has_dense(folder)), |folder| {
            let Batches { batches, .. } = read_json(&folder.join("expected/hidden_states.json"));
            let rows = batches.iter().max_by_key(|rows| rows.len()).expect("batches");
            let exact = Model::export(folder).states(rows, Side::Right);
            let near = Model::export_as(folder, format).states(rows, Side::Right);
            let cosines = exact.iter().zip(&near).map(|(one, two)| cosine(one, two));
            let mean = cosines.sum::<f64>() / exact.len() as f64;
            assert!(mean > least, "{} {format}: {mean}", folder.display());
        });
    }
}

/// An answer for a text beyond the table of positions would be a wrong one.
#[test]
fn a_text_that_is_longer_than_the_positions_ends_the_inference() {
    for (name, usable) in [("roberta-offset", 40), ("mpnet-long", 200), ("distilbert-learnt", 40)] {
        let model = Model::export(&fixture(name));
        let row = |length| vec![vec![5; length]];
        assert!(model.try_states(&row(usable), Side::Right).is_ok(), "{name}");
        assert!(model.try_states(&row(usable + 1), Side::Right).is_err(), "{name}");
    }
}

/// Does the same with every model, and fails at the end with all that failed.
fn for_each(fixtures: impl IntoIterator<Item = PathBuf>, check: impl Fn(&Path)) -> usize {
    let (mut checked, mut failed) = (0, Vec::new());
    for folder in fixtures {
        checked += 1;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&folder)));
        failed.extend(outcome.is_err().then_some(folder));
    }
    assert!(failed.is_empty(), "{failed:?}");
    checked
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}: rows");
    let largest = expected.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
    let mut worst = 0f32;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len(), "{name}: numbers");
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            // Not `max`, which would let NaN pass.
            worst = if difference <= worst { worst } else { difference };
        }
    }
    assert!(worst <= EXACT * largest, "{name}: off by {worst} of {largest}");
}

fn fixtures() -> impl Iterator<Item = PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures");
    let entries = std::fs::read_dir(folder).expect("fixtures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<_> = paths.filter(|path| path.join("config.json").exists()).collect();
    folders.sort();
    folders.into_iter()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name)
}

fn has_dense(folder: &Path) -> bool {
    folder.join("expected/sentence_embeddings.json").exists()
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> T {
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
