//! Every architecture that is exported, in the real OpenVINO: each small model of
//! `fixtures/architectures` gives what transformers computes from the same weights.
//!
//! OpenVINO is called through the `openvino` crate, so that padding can be on either side; the
//! server pads on the right only. Needs OpenVINO's libraries in the cache folder.

#[path = "architectures/model.rs"]
mod model;
#[path = "architectures/packed.rs"]
mod packed;
#[path = "architectures/refusals.rs"]
mod refusals;
#[path = "architectures/states.rs"]
mod states;

use std::path::{Path, PathBuf};

use integration_tests::expected::cosine;
use model::{Model, Rows, Side};
use model_export::WeightFormat;
use packed::packed_states;
use states::{Batches, computed, has_dense, relative_difference};

/// The largest difference to PyTorch, relative to the largest element of what is compared.
const EXACT: f32 = 1e-5;

/// One token, two, as many as there are positions, and rows of several lengths together, with
/// padding after and before them; with `Dense` modules after pooling, the vectors of rows.
#[test]
fn every_token_of_every_model_is_what_transformers_computes() {
    let checked = for_each(fixtures(), |folder| {
        let (found, expected) = computed(folder);
        assert_close(&found, &expected, folder);
    });
    assert!(checked >= 30, "{checked} models");
}

/// A text's vector must not depend on its neighbours in the batch.
#[test]
fn rows_of_a_padded_batch_are_what_they_are_alone() {
    let checked = for_each(fixtures().filter(|folder| !has_dense(folder)), |folder| {
        let model = Model::export(folder);
        let batches = Batches::of(folder);
        let together = widest(&batches);
        assert!(together.len() > 1, "{}", folder.display());
        let alone = together.iter().map(std::slice::from_ref);
        let alone: Rows = alone.flat_map(|row| model.states(row, Side::Right)).collect();
        assert_close(&model.states(together, Side::Right), &alone, folder);
    });
    assert!(checked >= 20, "{checked} models");
}

/// Nor on those in its row, where a model says that it can tell them apart.
#[test]
fn texts_that_share_a_row_are_what_they_are_alone() {
    let mut packing = Vec::new();
    for folder in fixtures().filter(|folder| !has_dense(folder)) {
        let model = Model::export(&folder);
        let texts = of_a_row(&Batches::of(&folder));
        let Ok(together) = packed_states(&model, &texts) else { continue };
        assert!(texts.len() > 1, "{}", folder.display());
        let alone = texts.iter().map(std::slice::from_ref);
        let alone: Rows = alone.flat_map(|text| model.states(text, Side::Right)).collect();
        assert_close(&together, &alone, &folder);
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        packing.push(name.split('-').next().unwrap_or_default().to_owned());
    }
    packing.dedup();
    assert_eq!(packing, ["distilbert", "mpnet", "roberta", "xlm"], "besides BERT itself");
}

/// Texts that together are no longer than the longest one.
fn of_a_row(batches: &Batches) -> Vec<Vec<i64>> {
    let mut texts: Vec<_> = batches.batches.iter().flatten().cloned().collect();
    texts.sort_by_key(Vec::len);
    let mut room = texts.last().map_or(0, Vec::len);
    let fits = |text: &Vec<i64>| {
        let rest = room.checked_sub(text.len());
        rest.inspect(|rest| room = *rest).is_some()
    };
    texts.into_iter().take_while(fits).collect()
}

/// Compressed weights come near, whatever the architecture does with them. How near for real
/// weights, `export.rs` says.
#[test]
fn compressed_weights_of_every_model_give_vectors_near_those_of_fp32() {
    for (format, least) in
        [(WeightFormat::Fp16, 0.9999), (WeightFormat::Int8, 0.995), (WeightFormat::Int4, 0.8)]
    {
        for_each(fixtures().filter(|folder| !has_dense(folder)), |folder| {
            let batches = Batches::of(folder);
            let exact = Model::export(folder).states(widest(&batches), Side::Right);
            let near = Model::export_as(folder, format).states(widest(&batches), Side::Right);
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

/// The batch with the most rows.
fn widest(batches: &Batches) -> &[Vec<i64>] {
    batches.batches.iter().max_by_key(|rows| rows.len()).expect("batches")
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], folder: &Path) {
    let worst = relative_difference(found, expected);
    assert!(worst <= EXACT, "{}: off by {worst} of the largest element", folder.display());
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
