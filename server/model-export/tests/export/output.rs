//! What an export writes: files, bytes, precision, progress.

use std::collections::BTreeMap;
use std::fs;

use half::{bf16, f16};
use model_export::{ExportOptions, Exported, WeightFormat, export};
use safetensors::Dtype;
use serde_json::json;

use crate::source::{Source, Stored, files, serialized};

/// 11·4 + 6·4 + 2·4 embeddings, 3·8 norms, 4·(16 + 4) attention, 15 + 16 feed-forward.
const PARAMETERS: u64 = 76 + 24 + 80 + 31;

fn read(source: &Source, name: &str) -> Vec<u8> {
    fs::read(source.target().join(name)).expect("file")
}

fn xml(source: &Source) -> String {
    String::from_utf8(read(source, "openvino_model.xml")).expect("text")
}

/// Type and bytes of a constant in the written files.
fn constant(source: &Source, name: &str) -> (String, Vec<u8>) {
    let xml = xml(source);
    let layer = xml.split("<layer ").find(|layer| layer.contains(&format!("name=\"{name}\"")));
    let data = layer.and_then(|layer| layer.split("<data ").nth(1)).expect("constant");
    let attribute = |name: &str| {
        let rest = data.split(&format!("{name}=\"")).nth(1).expect("attribute");
        rest.split('"').next().expect("value").to_owned()
    };
    let number = |name| attribute(name).parse::<usize>().expect("number");
    let bytes = read(source, "openvino_model.bin");
    let bytes = bytes[number("offset")..][..number("size")].to_vec();
    (attribute("element_type"), bytes)
}

#[test]
fn an_export_writes_both_files_and_says_what_they_hold() {
    let source = Source::new();
    let exported = source.export(WeightFormat::Fp32).expect("export");
    assert_eq!(files(&source.target()), ["openvino_model.bin", "openvino_model.xml"]);
    let bytes = xml(&source).len() + read(&source, "openvino_model.bin").len();
    let architecture = "BertModel".to_owned();
    let expected =
        Exported { architecture, parameters: PARAMETERS, bytes: bytes as u64, pooled: None };
    assert_eq!(exported, expected);
}

#[test]
fn inputs_and_output_carry_the_names_that_a_server_looks_for() {
    let source = Source::new();
    source.export(WeightFormat::Fp32).expect("export");
    let xml = xml(&source);
    for name in ["input_ids", "attention_mask,text_starts", "token_type_ids"] {
        assert!(xml.contains(&format!("precision=\"I64\" names=\"{name}\"")), "{name}");
    }
    assert!(xml.contains("precision=\"FP32\" names=\"last_hidden_state\""));
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    for format in [WeightFormat::Fp32, WeightFormat::Fp16] {
        let (one, two) = (Source::new(), Source::new());
        one.export(format).expect("export");
        two.export(format).expect("export");
        for name in ["openvino_model.xml", "openvino_model.bin"] {
            assert!(read(&one, name) == read(&two, name), "{format}: {name}");
        }
    }
}

#[test]
fn names_with_the_prefix_of_models_with_heads_and_legacy_norms_give_the_same_bytes() {
    let plain = Source::new();
    plain.export(WeightFormat::Fp32).expect("export");
    let mut headed = Source::new();
    for tensor in &mut headed.tensors {
        let name = tensor.name.replace("LayerNorm.weight", "LayerNorm.gamma");
        tensor.name = format!("bert.{}", name.replace("LayerNorm.bias", "LayerNorm.beta"));
    }
    for name in ["bert.pooler.dense.weight", "cls.predictions.bias", "bert.embeddings.position_ids"]
    {
        headed.tensors.push(Stored::new(name, &[4]));
    }
    headed.export(WeightFormat::Fp32).expect("export");
    assert!(read(&headed, "openvino_model.bin") == read(&plain, "openvino_model.bin"));
}

#[test]
fn shards_give_the_same_bytes_as_one_file() {
    let single = Source::new();
    single.export(WeightFormat::Fp32).expect("export");
    let sharded = Source::new();
    sharded.write_config();
    let mut weight_map = BTreeMap::new();
    for (index, tensors) in sharded.tensors.chunks(6).enumerate() {
        let file = format!("model-{index}.safetensors");
        sharded.add(&file, serialized(tensors));
        weight_map.extend(tensors.iter().map(|tensor| (tensor.name.clone(), file.clone())));
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": weight_map});
    sharded.add("model.safetensors.index.json", index.to_string());
    sharded.export_as_it_is(WeightFormat::Fp32).expect("export");
    assert!(read(&sharded, "openvino_model.bin") == read(&single, "openvino_model.bin"));
}

#[test]
fn half_precision_sources_become_exactly_their_values_in_fp32() {
    let values = [1.0f32, -0.5, 3.25, 1e-3, 0.0, -2.0, 7.5, 100.0, 0.1, 0.2, 0.3, 0.4];
    let name = "encoder.layer.0.intermediate.dense.weight";
    let half = values.map(f16::from_f32);
    let brain = values.map(bf16::from_f32);
    let cases = [
        (Dtype::F16, half.map(f16::to_le_bytes).concat(), half.map(f16::to_f32)),
        (Dtype::BF16, brain.map(bf16::to_le_bytes).concat(), brain.map(bf16::to_f32)),
    ];
    for (dtype, bytes, expected) in cases {
        let mut source = Source::new();
        let tensor = source.tensor(name);
        (tensor.dtype, tensor.bytes) = (dtype, bytes);
        source.export(WeightFormat::Fp32).expect("export");
        let expected = expected.map(f32::to_le_bytes).concat();
        assert_eq!(constant(&source, name), ("f32".to_owned(), expected));
    }
}

#[test]
fn fp16_stores_matrices_in_half_precision_and_marks_them_as_compressed() {
    let mut source = Source::new();
    let (matrix, vector) =
        ("encoder.layer.0.output.dense.weight", "encoder.layer.0.output.dense.bias");
    source.tensor(matrix).set(0, 0.1);
    source.export(WeightFormat::Fp16).expect("export");
    let (element_type, bytes) = constant(&source, matrix);
    assert_eq!((element_type.as_str(), bytes.len()), ("f16", 24));
    assert_eq!(bytes[..2], f16::from_f32(0.1).to_le_bytes());
    assert_eq!(constant(&source, vector).0, "f32");
    // Three tables of embeddings and six linear layers.
    assert_eq!(xml(&source).matches("name=\"decompression\"").count(), 9);
}

/// 65,504 is the largest half; a weight beyond must not become infinite.
#[test]
fn a_matrix_beyond_half_precision_stays_in_fp32() {
    let name = "encoder.layer.0.output.dense.weight";
    for (value, stored_as) in [(65_504.0, "f16"), (-70_000.0, "f32")] {
        let mut source = Source::new();
        source.tensor(name).set(3, value);
        source.export(WeightFormat::Fp16).expect("export");
        assert_eq!(constant(&source, name).0, stored_as, "{value}");
    }
}

#[test]
fn progress_grows_to_the_total() {
    let source = Source::new();
    source.write_config();
    source.add("model.safetensors", serialized(&source.tensors));
    let mut reports = Vec::new();
    let options = ExportOptions::from(WeightFormat::Fp32);
    let mut progress = |done, total| reports.push((done, total));
    export(&source.path(), &source.target(), &options, &mut progress).expect("export");
    let total = PARAMETERS * 4;
    assert_eq!((reports.first(), reports.last()), (Some(&(0, total)), Some(&(total, total))));
    assert!(reports.is_sorted());
}

#[test]
fn a_model_can_be_exported_into_its_own_folder() {
    let source = Source::new();
    source.write_config();
    source.add("model.safetensors", serialized(&source.tensors));
    let options = ExportOptions::from(WeightFormat::Fp32);
    export(&source.path(), &source.path(), &options, &mut |_, _| {}).expect("export");
    let expected = ["config.json", "model.safetensors", "openvino_model.bin", "openvino_model.xml"];
    assert_eq!(files(&source.path()), expected);
}
