//! Damaged and hostile weight files: clear errors, no panic, nothing written.

use std::fs;

use model_export::WeightFormat;
use serde_json::json;

use crate::source::{Source, Stored, files, serialized};

fn header(text: &str, data: usize) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn refusal_of(file: &[u8]) -> String {
    let source = Source::new();
    source.add("model.safetensors", file);
    source.refusal()
}

/// Every place where a download may have been cut off.
#[test]
fn a_file_cut_off_anywhere_is_refused_as_damaged() {
    let whole = serialized(&Source::new().tensors);
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let refusal = refusal_of(&whole[..length]);
        let start = "failed to use the weights at SOURCE/model.safetensors: it";
        assert!(refusal.starts_with(start), "{length}: {refusal}");
        assert!(refusal.ends_with("the file is damaged, download it again"), "{length}: {refusal}");
    }
}

#[test]
fn bytes_beyond_what_the_header_promises_are_refused() {
    let mut whole = serialized(&Source::new().tensors);
    let promised = whole.len();
    whole.push(0);
    let text =
        format!("its header promises {promised} bytes, but it is {} bytes long", promised + 1);
    assert!(refusal_of(&whole).contains(&text));
}

#[test]
fn headers_that_lie_are_refused() {
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let two = |first: &str, second: &str| {
        let one = |name, offsets| {
            format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#)
        };
        format!("{{{},{}}}", one("a", first), one("b", second))
    };
    let cases = [
        ("no JSON", "{".to_owned()),
        ("no object", "[1]".to_owned()),
        ("not UTF-8 as JSON needs", "\u{0}".to_owned()),
        ("unknown type", tensor("F99", "[2]", "[0,8]")),
        ("too short for its shape", tensor("F32", "[3]", "[0,8]")),
        ("beyond the file", tensor("F32", "[200]", "[0,800]")),
        ("backwards", tensor("F32", "[2]", "[8,0]")),
        ("negative", tensor("F32", "[2]", "[-8,0]")),
        ("negative shape", tensor("F32", "[-2]", "[0,8]")),
        ("overflowing shape", tensor("F32", "[4294967296,4294967296,4294967296]", "[0,8]")),
        ("overflowing range", tensor("F32", "[2]", "[0,18446744073709551615]")),
        ("overlap", two("[0,8]", "[4,12]")),
        ("same range", two("[0,8]", "[0,8]")),
        ("gap", two("[0,8]", "[12,20]")),
        ("nested deeply", "[".repeat(100_000)),
    ];
    for (case, text) in cases {
        for data in [0, 8, 16] {
            let refusal = refusal_of(&header(&text, data));
            let start = "failed to use the weights at SOURCE/model.safetensors: it";
            assert!(refusal.starts_with(start), "{case}: {refusal}");
        }
    }
}

#[test]
fn impossible_header_lengths_are_refused_without_being_allocated() {
    for length in [9u64, 100_000_000, 100_000_001, u64::MAX] {
        let mut file = length.to_le_bytes().to_vec();
        file.extend_from_slice(b"{}");
        let text = format!("it claims a header of {length} bytes");
        assert!(refusal_of(&file).contains(&text), "{length}");
    }
}

#[test]
fn values_that_are_not_finite_are_named_with_their_position() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for format in [WeightFormat::Fp32, WeightFormat::Fp16] {
            let mut source = Source::new();
            source.tensor("encoder.layer.0.output.dense.weight").set(7, value);
            let mut error: &dyn std::error::Error =
                &source.export(format).expect_err("must be refused");
            while let Some(cause) = error.source() {
                error = cause;
            }
            let expected = format!(
                "the tensor `encoder.layer.0.output.dense.weight` holds {value} at element 7; the \
                 weights are damaged, download them again"
            );
            assert_eq!(error.to_string(), expected);
            assert_eq!(files(&source.target()), Vec::<String>::new());
        }
    }
}

/// The target may hold an older export, which must survive a failed one.
#[test]
fn a_failed_export_leaves_the_older_one_as_it_was() {
    let mut source = Source::new();
    source.export(WeightFormat::Fp32).expect("export");
    let read = |name| fs::read(source.target().join(name)).expect("file");
    let before = [read("openvino_model.xml"), read("openvino_model.bin")];
    source.tensor("encoder.layer.0.output.dense.weight").set(0, f32::NAN);
    source.export(WeightFormat::Fp32).expect_err("must be refused");
    assert_eq!(files(&source.target()), ["openvino_model.bin", "openvino_model.xml"]);
    let read = |name| fs::read(source.target().join(name)).expect("file");
    assert!([read("openvino_model.xml"), read("openvino_model.bin")] == before);
}

#[test]
fn weights_that_are_no_file_are_refused() {
    let source = Source::new();
    fs::create_dir(source.path().join("model.safetensors")).expect("folder");
    let expected = "failed to read the weights at SOURCE/model.safetensors: it is no regular file";
    assert_eq!(source.refusal(), expected);
}

fn index_refusal(weight_map: serde_json::Value) -> String {
    let source = Source::new();
    source.write_config();
    source.add("one.safetensors", serialized(&source.tensors[..1]));
    let index = json!({"metadata": {}, "weight_map": weight_map});
    source.add("model.safetensors.index.json", index.to_string());
    source.refusal_as_it_is()
}

#[test]
fn an_index_that_points_outside_its_folder_is_refused() {
    for shard in ["../one.safetensors", "/etc/passwd", "a/one.safetensors", "", ".."] {
        let refusal = index_refusal(json!({"embeddings.word_embeddings.weight": shard}));
        let expected = format!(
            "failed to use the weight index at SOURCE/model.safetensors.index.json: it names the \
             weight file `{shard}`, which is not in its folder; download it again"
        );
        assert_eq!(refusal, expected);
    }
}

#[test]
fn an_index_that_contradicts_its_files_is_refused() {
    let word = "embeddings.word_embeddings.weight";
    let refusal = index_refusal(json!({word: "one.safetensors", "b": "one.safetensors"}));
    assert!(refusal.contains("it says that `b` is in one.safetensors, but it is not"), "{refusal}");
    let refusal = index_refusal(json!({"other": "two.safetensors"}));
    assert!(
        refusal.starts_with("failed to read the weights at SOURCE/two.safetensors"),
        "{refusal}"
    );
    let refusal = index_refusal(json!({}));
    assert!(refusal.contains("it names no weight files"), "{refusal}");
    let refusal = index_refusal(json!({word: 7}));
    assert!(refusal.contains("invalid type: integer `7`"), "{refusal}");
}

#[test]
fn a_shard_with_tensors_that_the_index_does_not_name_is_refused() {
    let source = Source::new();
    source.write_config();
    let mut tensors = vec![Stored::new("a", &[1]), Stored::new("b", &[1])];
    tensors[0].set(0, 1.0);
    source.add("one.safetensors", serialized(&tensors));
    let index = json!({"weight_map": {"a": "one.safetensors"}});
    source.add("model.safetensors.index.json", index.to_string());
    let refusal = source.refusal_as_it_is();
    let text = "one.safetensors holds `b`, but the index does not say so";
    assert!(refusal.contains(text), "{refusal}");
}
