//! plugin_config: what OpenVINO refuses is named, what it accepts holds for one model.

use engine::Runtime;

use crate::ir::Ir;
use crate::{batch, chain, config, open, openvino, options, tokens};
use openvino_runtime::{ModelError, ModelOptions, OpenVinoModel, PropertyError};

fn with(pairs: &[(&str, &str)]) -> Result<OpenVinoModel, ModelError> {
    let model = Ir::default().write();
    let options = ModelOptions {
        plugin_config: config(pairs),
        streams: None,
        threads: None,
        ..options(&model)
    };
    OpenVinoModel::load(&openvino(), options)
}

#[test]
fn an_unknown_property_or_a_bad_value_is_named() {
    for (name, value) in [
        ("NO_SUCH_PROPERTY", "1"),
        ("NUM_STREAMS", "several"),
        ("NUM_STREAMS", "99999999999999999999"),
        ("INFERENCE_NUM_THREADS", "-1"),
        ("PERFORMANCE_HINT", "FAST"),
        ("INFERENCE_PRECISION_HINT", "f8"),
        ("ENABLE_CPU_PINNING", "maybe"),
        ("ENABLE_MMAP", "maybe"),
        ("CPU_RUNTIME_CACHE_CAPACITY", "many"),
    ] {
        // A good property beside it must not be blamed.
        match with(&[("EXECUTION_MODE_HINT", "PERFORMANCE"), (name, value)]) {
            Err(error @ ModelError::Property(PropertyError::Refused { .. })) => {
                let text = chain(&error);
                let expected = format!("device CPU refuses the property {name} = {value:?}: ");
                assert!(text.starts_with(&expected), "{text}");
            }
            Err(other) => panic!("{name}: {}", chain(&other)),
            Ok(_) => panic!("{name} = {value} was not refused"),
        }
    }
}

#[test]
fn a_property_that_is_an_address_never_reaches_openvino() {
    for name in ["CACHE_ENCRYPTION_CALLBACKS", "OCL_CONTEXT", "VA_DEVICE"] {
        assert!(matches!(
            with(&[(name, "text")]),
            Err(ModelError::Property(PropertyError::NotText { .. }))
        ));
    }
}

#[test]
fn a_value_with_a_nul_byte_is_an_error() {
    assert!(with(&[("NUM_STREAMS", "1\0")]).is_err());
}

#[test]
fn each_model_keeps_its_own_settings() {
    let openvino = openvino();
    let cores = std::thread::available_parallelism().unwrap().get();
    let ir = Ir::default().write();
    let load = |streams: usize, pairs: &[(&str, &str)]| {
        let options = ModelOptions {
            plugin_config: config(pairs),
            streams: Some(streams),
            threads: Some(cores),
            ..options(&ir)
        };
        OpenVinoModel::load(&openvino, options).unwrap()
    };
    let one = load(1, &[("INFERENCE_PRECISION_HINT", "f32")]);
    let all = load(cores, &[]);
    let named = load(cores, &[("NUM_STREAMS", "1"), ("INFERENCE_NUM_THREADS", "1")]);
    let one_again = load(1, &[]);
    assert_eq!((one.streams(), one.facts().threads), (1, cores));
    assert_eq!((all.streams(), all.lanes_per_stream()), (cores, 1));
    assert_eq!((named.streams(), named.facts().threads), (1, 1));
    assert_eq!(one_again.streams(), 1);
    assert_eq!(one.lanes_per_stream(), cores);
}

#[test]
fn a_wide_stream_gives_the_same_vectors_and_comes_only_where_nothing_else_was_decided() {
    let openvino = openvino();
    let ir = Ir::default().write();
    let load = |wide_threads: Option<usize>, streams: usize, pairs: &[(&str, &str)]| {
        let options = ModelOptions {
            plugin_config: config(pairs),
            streams: Some(streams),
            threads: Some(2),
            wide_threads,
            ..options(&ir)
        };
        OpenVinoModel::load(&openvino, options).unwrap()
    };
    let model = load(Some(2), 2, &[]);
    assert_eq!((model.streams(), model.facts().wide_threads), (2, Some(2)));
    let mut wide = model.open_wide_stream().unwrap().expect("it has one");
    assert_eq!(wide.lanes, 2);
    let batch = batch(&[&[1, 2, 3], &[4]], 4);
    let values = |stream: &mut dyn engine::Stream| tokens(stream.infer(&batch)).0;
    let narrow = values(model.open_stream().unwrap().as_mut());
    for (one, other) in narrow.iter().zip(values(wide.stream.as_mut())) {
        assert!((one - other).abs() < 1e-5, "{one} {other}");
    }
    for (wide_threads, streams, pairs) in [
        (None, 2, &[][..]),
        (Some(2), 1, &[]),
        (Some(2), 2, &[("NUM_STREAMS", "2")]),
        (Some(2), 2, &[("PERFORMANCE_HINT", "THROUGHPUT")]),
    ] {
        let model = load(wide_threads, streams, pairs);
        assert!(model.open_wide_stream().unwrap().is_none(), "{streams} {pairs:?}");
    }
}

#[test]
fn a_latency_hint_is_one_stream() {
    let model = Ir::default().write();
    let options = ModelOptions {
        plugin_config: config(&[("PERFORMANCE_HINT", "LATENCY")]),
        streams: Some(2),
        threads: Some(2),
        ..options(&model)
    };
    let model = OpenVinoModel::load(&openvino(), options).unwrap();
    assert_eq!(model.streams(), 1);
}

#[test]
fn a_cache_folder_is_filled_and_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let ir = Ir::default().write();
    for _ in 0..2 {
        let options = ModelOptions { cache_dir: Some(cache.clone()), ..options(&ir) };
        let model = OpenVinoModel::load(&openvino(), options).unwrap();
        let (values, _) = tokens(open(&model).infer(&crate::batch(&[&[4]], 1)));
        assert_eq!(values, [1040.0, 1041.0, 1042.0]);
        assert_eq!(model.facts().hidden, Some(3));
        let blobs = std::fs::read_dir(&cache).unwrap().count();
        assert!(blobs > 0, "the cache folder stayed empty");
    }
}
