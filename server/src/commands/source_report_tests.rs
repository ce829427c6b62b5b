//! Numbers of models as they are published, against what an export really writes.

use model_export::{ExportOptions, WeightFormat};

use super::*;

/// BERT with 6 layers of 384, as all-MiniLM-L6-v2.
fn minilm() -> SourceFacts {
    SourceFacts {
        hidden_size: Some(384),
        intermediate_size: Some(1536),
        layers: Some(6),
        vocabulary_size: Some(30_522),
        usable_tokens: Some(512),
        ..SourceFacts::default()
    }
}

/// The type of the source shows in its size, whatever the configuration says or leaves out.
#[test]
fn the_bytes_of_a_value_follow_from_the_size_of_the_source() {
    let facts = minilm();
    assert_eq!(bytes_a_value(90_868_376, &facts), 4.0);
    assert_eq!(bytes_a_value(45_434_188, &facts), 2.0);
    let said = SourceFacts { precision: Some("float32".to_owned()), ..SourceFacts::default() };
    assert_eq!(bytes_a_value(90_868_376, &said), 4.0);
    assert_eq!(bytes_a_value(90_868_376, &SourceFacts::default()), 2.0);
}

#[test]
fn the_estimate_of_exported_weights_is_close_and_not_below() {
    let facts = minilm();
    // What exports of all-MiniLM-L6-v2 have, in bytes.
    for (format, written) in [
        (WeightFormat::Fp32, 90_262_080),
        (WeightFormat::Fp16, 45_192_768),
        (WeightFormat::Int8, 23_444_928),
        (WeightFormat::Int4, 19_159_488),
    ] {
        let estimate = weights_after_export(90_868_376, &facts, &ExportOptions::from(format));
        let ratio = estimate as f64 / f64::from(written);
        assert!((0.98..1.06).contains(&ratio), "{format}: {estimate} of {written}");
    }
}

#[test]
fn the_digest_depends_on_path_size_and_hash_and_on_no_order() {
    let file = |path: &str, size, oid: &str| RepoFile {
        path: path.to_owned(),
        size,
        sha256: None,
        git_oid: Some(oid.to_owned()),
    };
    let (a, b) = (file("a", 1, "x"), file("b", 2, "y"));
    let whole = digest(&[a.clone(), b.clone()]);
    assert_eq!(whole, digest(&[b.clone(), a.clone()]));
    assert_eq!(whole.len(), 64);
    for other in [file("c", 1, "x"), file("a", 3, "x"), file("a", 1, "z")] {
        assert_ne!(whole, digest(&[other, b.clone()]));
    }
}

#[test]
fn weights_are_counted_with_what_lies_beside_the_model() {
    let files = [
        ("onnx/model.onnx", 1),
        ("onnx/model.onnx_data", 20),
        ("onnx/model_quantized.onnx", 300),
        ("openvino_model.xml", 4_000),
        ("openvino_model.bin", 50_000),
    ];
    assert_eq!(weights_bytes("onnx/model.onnx", files.into_iter()), 21);
    assert_eq!(weights_bytes("openvino_model.xml", files.into_iter()), 50_000);
}
