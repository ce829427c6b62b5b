//! The vectors' fingerprint: equal for servers whose vectors may be compared with each other. Pure.
//!
//! Vectors are stored for years, and two that come from different weights, poolings or scalings
//! must not meet in one index. The fingerprint is SHA-256 over what makes them so: the commit of the
//! files, pooling, normalisation, the format of the weights, the precision of inference, and, so
//! that it is not only what somebody wrote down, the rounded vectors of three texts that were really
//! computed.
//!
//! Rounding is coarse, because processors differ in the last bits: the vectors of two kinds of CPU
//! are about 1e-6 apart, which is 1e-5 of a usual vector's largest component. Of each vector 16
//! evenly spaced components count, in eighths of the largest one. A component within 1e-5 of the
//! edge between two eighths would flip; there are 48 components, so a model has one with a
//! probability of 48 * 2e-5 * 8 = 0.8 %, if all components differ by that much, and less than a
//! tenth of that with the differences that are usual. Two models that have nothing in common agree
//! in all of them with one of about 1e-40.
//!
//! Not to be confused with the fingerprint of a planned model, which only tells whether files have
//! changed, and not with `FingerprintInputs` of `embedserve.json`, which name the commit for
//! folders that have no manifest.

use model_repository::resolve::Servable;

/// The texts: of different length, language and kind.
pub(super) const TEXTS: [&str; 3] = [
    "Embedserve computes this embedding before it calls a model ready.",
    "Der schnelle braune Fuchs springt über 13 faule Hunde.",
    "SELECT name FROM rivers WHERE length > 1000 ORDER BY length DESC;",
];

/// Components of a vector that count.
const COMPONENTS: usize = 16;
/// Steps from zero to the largest component.
const STEPS: f32 = 8.0;

/// The fingerprint of a model whose vectors of [`TEXTS`] are these.
pub(super) fn of(servable: &Servable, precision: &str, vectors: &[Vec<f32>]) -> String {
    let stated = servable.fingerprint.as_ref();
    let weight_format = stated
        .and_then(|stated| stated.weight_format.as_deref())
        .or(servable.precision.as_deref())
        .unwrap_or("unknown");
    let rounded: Vec<String> = vectors.iter().map(|vector| rounded(vector)).collect();
    let text = [
        source(servable).as_str(),
        &servable.pooling.to_string(),
        if servable.normalize { "normalized" } else { "as pooled" },
        weight_format,
        precision,
        &rounded.join("\n"),
    ]
    .join("\n");
    model_hub::sha256(text.as_bytes())
}

/// The commit, else the hash of the weights; nothing for a folder that says neither, where the
/// vectors have to speak for themselves.
fn source(servable: &Servable) -> String {
    let commit = servable.fingerprint.as_ref().map(|stated| stated.commit.clone());
    commit.filter(|commit| !commit.is_empty()).unwrap_or_else(|| {
        let files = servable.manifest.iter().flat_map(|manifest| &manifest.files);
        let weights = [".bin", ".onnx", ".onnx_data"];
        let is_weights = |path: &str| weights.iter().any(|ending| path.ends_with(ending));
        files
            .filter(|file| is_weights(&file.path))
            .map(|file| format!("{} {}", file.path, file.sha256))
            .collect::<Vec<_>>()
            .join(" ")
    })
}

fn rounded(vector: &[f32]) -> String {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let count = COMPONENTS.min(vector.len());
    let step = |place: usize| match largest > 0.0 {
        true => (vector[place * vector.len() / count] / largest * STEPS).round() as i8,
        false => 0,
    };
    (0..count).map(|place| step(place).to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like a model's: components of all sizes.
    fn vector(seed: u32) -> Vec<f32> {
        let component = |place: u32| {
            let mixed = (place + 384 * seed).wrapping_mul(2_654_435_761) >> 8;
            (f64::from(mixed) / f64::from(1_u32 << 24) - 0.5) as f32 / 10.0
        };
        (0..384).map(component).collect()
    }

    #[test]
    fn vectors_of_other_processors_round_alike_and_other_vectors_do_not() {
        let mut flips = 0;
        for seed in 0..200 {
            let exact = vector(seed);
            let noise =
                |(place, value): (usize, &f32)| value + if place % 2 == 0 { 1e-7 } else { -1e-7 };
            let noisy: Vec<f32> = exact.iter().enumerate().map(noise).collect();
            flips += usize::from(rounded(&exact) != rounded(&noisy));
            assert_ne!(rounded(&exact), rounded(&vector(seed + 1)));
        }
        assert!(flips <= 1, "{flips} of 200 vectors");
    }

    #[test]
    fn a_fixed_vector_rounds_to_the_same_digits_for_ever() {
        // Fingerprints are compared between versions of the program.
        let vector: Vec<f32> = (0..32_u8).map(|place| f32::from(place) - 16.0).collect();
        assert_eq!(rounded(&vector), "-8 -7 -6 -5 -4 -3 -2 -1 0 1 2 3 4 5 6 7");
        assert_eq!(rounded(&[0.0, 0.0]), "0 0");
        assert_eq!(rounded(&[]), "");
    }
}
