//! int8 and int4: how near the vectors stay, and that the model stays small in memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use model_export::{ExportOptions, WeightFormat, export};
use openvino_runtime::{ModelOptions, OpenVinoModel, WeightDecompression};

use super::{
    MINILM_HIDDEN, TINY, difference, fixture, least_cosine, minilm_folder, minilm_texts, openvino,
    pooled, read_rows, tiny_states_of,
};

/// If this fails, the default format of a pull is worse than README says. NNCF without data has
/// 0.99945 and 0.99853 over the same texts.
#[test]
fn minilm_in_int8_is_nearly_fp32() {
    let (mean, least) = cosines("int8");
    assert!(mean >= 0.9998 && least >= 0.9993, "{mean} {least}");
}

/// NNCF without data has 0.9439 and 0.8328 over the same texts, with groups of 128.
#[test]
fn minilm_in_int4_is_much_nearer_than_rounding_to_nearest() {
    let (mean, least) = cosines("int4");
    assert!(mean >= 0.977 && least >= 0.92, "{mean} {least}");
}

/// Every setting gives a model that OpenVINO loads and that embeds what the original does.
#[test]
fn minilm_with_other_settings_is_as_near_as_they_allow() {
    for (settings, expected) in [
        ("int8 --sym", 0.9995),
        ("int8 --group-size -1", 0.9994),
        ("int8 --group-size 128 --sym", 0.9995),
        ("int4 --sym", 0.96),
        ("int4 --group-size 128", 0.95),
        ("int4 --group-size -1", 0.85),
        ("int4 --ratio 0.5 --backup-precision int8_sym", 0.985),
        ("int4 --backup-precision none", 0.977),
        ("int4 --all-layers", 0.95),
    ] {
        let (mean, _) = cosines(settings);
        assert!(mean >= expected, "{settings}: {mean}");
    }
}

/// A text's vector must not depend on its neighbours with compressed weights either.
#[test]
fn int8_vectors_of_padded_batches_equal_those_of_single_texts() {
    let rows = minilm_texts();
    let model = loaded(&minilm_folder(), "int8");
    let (alone, together) = (pooled(&model, &rows, 1), pooled(&model, &rows, 8));
    assert!(difference(&together, &alone) <= 1e-5);
}

/// Columns that no group divides, odd head counts, half-precision sources.
#[test]
fn tiny_models_are_close_to_transformers_at_every_token() {
    for name in TINY {
        for (settings, expected) in [("int8", 0.998), ("int4", 0.9), ("int4 --all-layers", 0.9)] {
            let (states, original) = tiny_states_of(name, &loaded(&fixture(name), settings));
            let least = least_cosine(&states, &original);
            assert!(least > expected, "{name} {settings}: {least}");
        }
    }
}

/// Weights that are restored once when the model is loaded are those that are restored in every
/// inference.
#[test]
fn weights_restored_when_loading_give_the_vectors_of_compressed_ones() {
    let rows = minilm_texts();
    for settings in ["fp16", "int8", "int8 --group-size -1", "int4", "int4 --sym --all-layers"] {
        let folder = exported(&minilm_folder(), settings);
        let kept = load(folder.path());
        assert_eq!(kept.facts().weight_decompression, Some(WeightDecompression::Never));
        let restored = load_with(folder.path(), WeightDecompression::Load);
        assert_eq!(restored.facts().weight_decompression, Some(WeightDecompression::Load));
        let worst = difference(&pooled(&restored, &rows, 8), &pooled(&kept, &rows, 8));
        assert!(worst < 1e-5, "{settings}: {worst}");
    }
    let folder = exported(&fixture(TINY[0]), "fp32");
    let plain = load_with(folder.path(), WeightDecompression::Load);
    assert_eq!(plain.facts().weight_decompression, None);
}

/// The point of compression on a small machine: the compiled model's weights are as small as its
/// file, not restored to fp32. MiniLM's layers alone have 42 MB in fp32.
#[test]
fn compiled_models_keep_their_weights_compressed() {
    let [fp32, int8, int4] = ["fp32", "int8", "int4"].map(memory_of);
    // What the kernels copy: the rest stays in a mapped file. Decompressed, int8's matrices alone would take as much as
    // those of fp32, beside their scales and tables.
    assert!(int8 < fp32, "int8 takes {int8} kB, fp32 {fp32} kB");
    assert!(int4 < int8, "int4 takes {int4} kB, int8 {int8} kB");
}

/// Kilobytes by which a process of its own grows when it loads and runs MiniLM.
fn memory_of(settings: &str) -> u64 {
    let test = std::env::current_exe().expect("this test has a path");
    let output = Command::new(test)
        .args(["compression::memory_of_one_model", "--exact", "--ignored", "--nocapture"])
        .env(SETTINGS, settings)
        .output()
        .expect("this test starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once(GROWN));
    let (_, kilobytes) = line.unwrap_or_else(|| panic!("{text}"));
    kilobytes.parse().expect("a number")
}

const SETTINGS: &str = "EMBEDSERVE_TEST_SETTINGS";
const GROWN: &str = "grown by kB: ";

#[test]
#[ignore = "run by the test of memory, as a process of its own"]
fn memory_of_one_model() {
    let Ok(settings) = std::env::var(SETTINGS) else { return };
    // What the first model costs beyond its own weights is there before.
    let rows = minilm_texts();
    let first = loaded(&fixture("tiny-bert-gelu"), &settings);
    pooled(&first, &[vec![2; 8].into()], 1);
    let target = exported(&minilm_folder(), &settings);
    let before = resident();
    let model = load(target.path());
    pooled(&model, &rows[..1], 1);
    let grown = resident() - before;
    writeln!(std::io::stdout(), "{GROWN}{grown}").expect("the test of memory reads it");
}

/// Memory of this process that is not the programs' and libraries' files, in kilobytes; mapped
/// weights count.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Mean and least cosine to sentence-transformers over the texts of the fixture.
fn cosines(settings: &str) -> (f64, f64) {
    let vectors = pooled(&loaded(&minilm_folder(), settings), &minilm_texts(), 1);
    let expected = read_rows("minilm/vectors.f32", MINILM_HIDDEN);
    assert_eq!(vectors.len(), 64);
    let pairs = vectors.iter().zip(&expected);
    let one = |(found, expected): (&Vec<f32>, &Vec<f32>)| {
        least_cosine(std::slice::from_ref(found), std::slice::from_ref(expected))
    };
    let cosines: Vec<f64> = pairs.map(one).collect();
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    (mean, least_cosine(&vectors, &expected))
}

/// A model in a format with settings, as `int4 --group-size 64`.
fn loaded(source: &Path, settings: &str) -> OpenVinoModel {
    load(exported(source, settings).path())
}

fn exported(source: &Path, settings: &str) -> tempfile::TempDir {
    let (format, settings) = settings.split_once(' ').unwrap_or((settings, ""));
    let format: WeightFormat = format.parse().expect("a format");
    let options = ExportOptions::parse(format, settings).expect("settings");
    let target = tempfile::tempdir().expect("folder");
    export(source, target.path(), &options, &mut |_, _| {}).expect("export");
    target
}

/// Computing in f32 and with activations as they are, as the server does.
fn load(folder: &Path) -> OpenVinoModel {
    load_with(folder, WeightDecompression::Never)
}

fn load_with(folder: &Path, weight_decompression: WeightDecompression) -> OpenVinoModel {
    let exact = [("INFERENCE_PRECISION_HINT", "f32"), ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "0")];
    let property = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let options = ModelOptions {
        xml_or_onnx: folder.join("openvino_model.xml"),
        device: "CPU".to_owned(),
        plugin_config: BTreeMap::from(exact.map(property)),
        streams: Some(1),
        wide_threads: None,
        threads: Some(1),
        cache_dir: None,
        weight_decompression,
    };
    OpenVinoModel::load(openvino(), options).expect("model")
}
