//! int8 and int4 exports: constants, patterns, facts, refusals.

use std::fs;

use half::f16;
use model_export::{CompressionOptions, ExportOptions, WeightFormat};

use crate::source::{Source, files};

const LAYER: &str = "encoder.layer.0.intermediate.dense.weight";
const VALUES: &str = "encoder.layer.0.attention.self.value.weight";
const LAST: &str = "encoder.layer.0.output.dense.weight";
const TABLE: &str = "embeddings.word_embeddings.weight";

/// A model that is large enough for groups: hidden size 64, and 100 words.
fn source() -> Source {
    let mut source = Source::new();
    source.widen(64, 128, 100);
    source
}

fn options(format: WeightFormat, parameters: &str) -> ExportOptions {
    let compression = CompressionOptions::parse(parameters, format).expect("parameters");
    ExportOptions { weight_format: format, compression, pooling: None }
}

fn written(source: &Source) -> (String, Vec<u8>) {
    let read = |name| fs::read(source.target().join(name)).expect("file");
    let xml = String::from_utf8(read("openvino_model.xml")).expect("text");
    (xml, read("openvino_model.bin"))
}

/// Type, shape and bytes of a constant.
fn constant(source: &Source, name: &str) -> Option<(String, String, Vec<u8>)> {
    let (xml, bytes) = written(source);
    let layer = xml.split("<layer ").find(|layer| layer.contains(&format!("name=\"{name}\"")))?;
    let data = layer.split("<data ").nth(1).expect("data");
    let attribute = |name: &str| {
        let rest = data.split(&format!("{name}=\"")).nth(1).expect("attribute");
        rest.split('"').next().expect("value").to_owned()
    };
    let number = |name| attribute(name).parse::<usize>().expect("number");
    let bytes = bytes[number("offset")..][..number("size")].to_vec();
    Some((attribute("element_type"), attribute("shape"), bytes))
}

fn layout(source: &Source, name: &str) -> String {
    constant(source, name).map_or_else(
        || "none".to_owned(),
        |(element_type, shape, _)| format!("{element_type} {shape}"),
    )
}

#[test]
fn int8_layers_have_groups_of_64_and_tables_one_scale_a_row() {
    let source = source();
    source.export(WeightFormat::Int8).expect("export");
    let found = [LAYER, TABLE].map(|name| {
        ["", "/scale", "/zero_point"].map(|part| layout(&source, &format!("{name}{part}")))
    });
    let expected =
        [["u8 128, 64", "f16 128, 1", "u8 128, 1"], ["u8 100, 64", "f16 100, 1", "u8 100, 1"]];
    assert_eq!(found, expected);
    let found = ["", "/scale", "/zero_point"].map(|part| layout(&source, &format!("{LAST}{part}")));
    assert_eq!(found, ["u8 64, 2, 64", "f16 64, 2, 1", "u8 64, 2, 1"]);
    assert_eq!(layout(&source, "embeddings.token_type_embeddings.weight"), "f16 2, 64");
    assert_eq!(layout(&source, "embeddings.position_embeddings.weight"), "f16 6, 64");
}

#[test]
fn int4_spares_the_values_of_attention_and_the_last_layer() {
    let source = source();
    source.export(WeightFormat::Int4).expect("export");
    let found = [LAYER, VALUES, LAST, TABLE].map(|name| layout(&source, name));
    assert_eq!(found, ["u4 128, 2, 32", "u8 64, 64", "u8 64, 2, 64", "u8 100, 64"]);
    assert_eq!(layout(&source, &format!("{LAYER}/zero_point")), "u4 128, 2, 1");
    let (_, _, bytes) = constant(&source, LAYER).expect("codes");
    assert_eq!(bytes.len(), 128 * 64 / 2);
}

#[test]
fn symmetric_codes_are_signed_and_have_no_zero_points() {
    let source = source();
    source.write();
    source.export_with(&options(WeightFormat::Int4, "--sym --all-layers")).expect("export");
    let found = [LAYER, VALUES, TABLE].map(|name| layout(&source, name));
    assert_eq!(found, ["i4 128, 2, 32", "i4 64, 2, 32", "i4 100, 2, 32"]);
    assert_eq!(layout(&source, &format!("{LAYER}/zero_point")), "none");
    assert!(!written(&source).0.contains("/zero_point"));
}

/// What the constants stand for is what was in the source, to within a scale.
#[test]
fn the_written_codes_restore_the_values() {
    let source = source();
    source.export(WeightFormat::Int8).expect("export");
    let part = |suffix| constant(&source, &format!("{LAST}{suffix}")).expect("constant").2;
    let (codes, scales, zero_points) = (part(""), part("/scale"), part("/zero_point"));
    let stored = source.tensors.iter().find(|tensor| tensor.name == LAST).expect("tensor");
    let (values, _) = stored.bytes.as_chunks::<4>();
    for (index, (code, value)) in codes.iter().zip(values).enumerate() {
        let group = index / 64;
        let scale = f16::from_le_bytes([scales[2 * group], scales[2 * group + 1]]).to_f32();
        let restored = (f32::from(*code) - f32::from(zero_points[group])) * scale;
        let value = f32::from_le_bytes(*value);
        assert!((restored - value).abs() <= 0.6 * scale, "{index}: {restored} {value}");
    }
}

#[test]
fn the_same_source_and_options_give_the_same_bytes() {
    for (format, parameters) in [
        (WeightFormat::Int8, ""),
        (WeightFormat::Int4, ""),
        (WeightFormat::Int4, "--ratio 0.4 --sym"),
    ] {
        let source = source();
        source.write();
        let mut exports = (0..2).map(|_| {
            source.export_with(&options(format, parameters)).expect("export");
            written(&source)
        });
        assert!(exports.next() == exports.next(), "{format} {parameters}");
    }
}

#[test]
fn the_settings_that_took_part_are_written_into_the_file() {
    let facts = |format, parameters| {
        let source = source();
        source.write();
        source.export_with(&options(format, parameters)).expect("export");
        let (xml, _) = written(&source);
        let facts = xml.split("name=\"weight_format\"").nth(1).expect("facts").to_owned();
        let texts = facts.split("value=\"").skip(1).map(|rest| rest.split('"').next());
        texts.map(|text| text.expect("value").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(facts(WeightFormat::Fp16, ""), ["fp16"]);
    assert_eq!(facts(WeightFormat::Int8, ""), ["int8", "64", "false"]);
    let expected = ["int4", "32", "false", "1", "false", "int8_asym"];
    assert_eq!(facts(WeightFormat::Int4, ""), expected);
    let parameters = "--group-size -1 --ratio 0.8 --sym --all-layers --backup-precision none";
    let expected = ["int4", "-1", "true", "0.8", "true", "none"];
    assert_eq!(facts(WeightFormat::Int4, parameters), expected);
}

/// Rows without a group of 32 or more that divides them.
#[test]
fn a_layer_whose_columns_no_group_divides_has_one_scale_a_row() {
    let mut source = Source::new();
    source.widen(36, 40, 200);
    source.export(WeightFormat::Int4).expect("export");
    let found = [LAYER, VALUES, LAST, TABLE].map(|name| layout(&source, name));
    assert_eq!(found, ["u8 40, 36", "u8 36, 36", "u8 36, 40", "u8 200, 36"]);
}

#[test]
fn values_that_no_code_stands_for_are_refused_and_leave_nothing() {
    for format in [WeightFormat::Int8, WeightFormat::Int4] {
        for (value, expected) in [
            (f32::NAN, "holds NaN at element 70; the weights are damaged, download them again"),
            (
                f32::INFINITY,
                "holds inf at element 70; the weights are damaged, download them again",
            ),
            (
                -1e30,
                "holds -1000000000000000000000000000000 at element 70, which is too large for \
                 compressed weights; export with --weight-format fp32",
            ),
        ] {
            let mut source = source();
            source.tensor(LAYER).set(70, value);
            source.write();
            let refusal = source.refusal_with(&ExportOptions::from(format));
            let expected = format!(
                "failed to write TARGET/openvino_model.bin: failed to store the constant `{LAYER}`: \
                 the tensor `{LAYER}` {expected}"
            );
            assert_eq!(refusal, expected);
            assert_eq!(files(&source.target()), Vec::<String>::new());
        }
    }
}

#[test]
fn rows_of_zeros_of_one_value_and_with_an_outlier_are_exported() {
    let mut source = source();
    let tensor = source.tensor(LAYER);
    for column in 0..64 {
        tensor.set(column, 0.0);
        tensor.set(64 + column, 0.75);
        tensor.set(128 + column, if column == 5 { 3e4 } else { 1e-3 });
    }
    source.export(WeightFormat::Int8).expect("export");
    let part = |suffix| constant(&source, &format!("{LAYER}{suffix}")).expect("constant").2;
    let (codes, scales, zero_points) = (part(""), part("/scale"), part("/zero_point"));
    let restored = |index: usize| {
        let row = index / 64;
        let scale = f16::from_le_bytes([scales[2 * row], scales[2 * row + 1]]).to_f32();
        (f32::from(codes[index]) - f32::from(zero_points[row])) * scale
    };
    assert!((0..64).all(|index| restored(index) == 0.0));
    assert!((64..128).all(|index| restored(index) == 0.75));
    assert!((restored(133) - 3e4).abs() < 60.0);
    assert_eq!(restored(134), 0.0);
}
