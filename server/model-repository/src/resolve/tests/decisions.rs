//! Who wins, and what is refused.

use super::*;
use crate::facts::GraphModules;

fn pooling(own: Option<Pooling>, graph: Option<Pooling>, command_line: Option<Pooling>) -> Pooling {
    let facts = SourceFacts { pooling: own, ..minilm() };
    let options = EmbeddingsOptions { pooling: graph, ..options() };
    let overrides = Overrides { pooling: command_line, ..Overrides::default() };
    resolved(facts, &options, Settings::default(), &overrides).pooling
}

#[test]
fn given_pooling_wins_then_the_graph_then_the_model_then_cls() {
    let (cls, last, mean) = (Some(Pooling::Cls), Some(Pooling::Last), Some(Pooling::Mean));
    for (own, graph, command_line, expected) in [
        (mean, last, cls, Pooling::Cls),
        (mean, last, None, Pooling::Last),
        (mean, None, None, Pooling::Mean),
        (last, None, None, Pooling::Last),
        (None, None, None, Pooling::Cls),
        (None, None, mean, Pooling::Mean),
    ] {
        assert_eq!(pooling(own, graph, command_line), expected);
    }
}

#[test]
fn an_unsupported_mode_needs_a_pooling_to_be_given() {
    let facts =
        SourceFacts { pooling: None, unsupported_pooling: Some("cls+max".to_owned()), ..minilm() };
    assert_eq!(
        refused(facts.clone(), Settings::default(), &Overrides::default()),
        "the model's pooling mode cls+max is not supported: give --pooling CLS, LAST or MEAN to serve \
         it with another one, whose vectors differ from the model author's"
    );
    let overrides = Overrides { pooling: Some(Pooling::Mean), ..Overrides::default() };
    let servable = resolved(facts, &options(), Settings::default(), &overrides);
    assert_eq!(servable.pooling, Pooling::Mean);
    assert_eq!(
        servable.notices,
        [
            "pooling MEAN was given, but the model's own is cls+max: vectors differ from the model author's"
        ]
    );
}

/// An export with `Dense` modules pools by itself, whatever is asked of a server.
#[test]
fn pooling_and_modules_inside_of_the_graph_are_what_the_model_does() {
    let in_graph = GraphModules {
        pooling: Pooling::Mean,
        dense: vec!["2_Dense".to_owned()],
        dimensions: Some(512),
    };
    let facts = SourceFacts {
        pooling: Some(Pooling::Mean),
        other_modules: vec!["2_Dense".to_owned()],
        graph_modules: Some(in_graph),
        ..minilm()
    };
    let settings = Settings { matryoshka: vec![128, 512], ..Settings::default() };
    let options = options();
    let silent = Overrides::default();
    let servable = resolved(facts.clone(), &options, settings.clone(), &silent);
    assert_eq!((servable.pooling, servable.notices), (Pooling::Mean, vec![]));
    let last = Overrides { pooling: Some(Pooling::Last), ..Overrides::default() };
    let servable = resolved(facts, &options, settings, &last);
    assert_eq!(servable.pooling, Pooling::Mean);
    let [notice] = &servable.notices[..] else { panic!("{:?}", servable.notices) };
    assert!(notice.contains("MEAN is part of the exported model"), "{notice}");
}

#[test]
fn limits_and_cuts_follow_model_and_settings() {
    for (usable, own_cut, limit, truncate, max_tokens, cut) in [
        (Some(512), Some(256), None, false, 512, None),
        (Some(512), Some(256), None, true, 512, Some(256)),
        (Some(512), None, None, true, 512, Some(512)),
        (Some(512), Some(9_999), None, true, 512, Some(512)),
        (Some(512), Some(256), Some(100), true, 100, Some(100)),
        (Some(512), Some(256), Some(300), true, 300, Some(256)),
        (Some(512), Some(256), Some(512), false, 512, None),
        (None, None, None, true, 1_024, Some(1_024)),
        (None, None, Some(8_192), false, 8_192, None),
    ] {
        let facts = SourceFacts { usable_tokens: usable, max_seq_length: own_cut, ..minilm() };
        let options = EmbeddingsOptions { truncate, ..options() };
        let settings = Settings { max_input_tokens: limit, ..Settings::default() };
        let servable = resolved(facts, &options, settings, &Overrides::default());
        assert_eq!((servable.max_tokens, servable.truncate), (max_tokens, cut));
        assert_eq!(servable.max_seq_length, own_cut.map(|own| own.min(usable.unwrap_or(own))));
    }
}

#[test]
fn settings_that_contradict_the_model_are_refused() {
    let settings = |text: &str| Settings::parse(text).expect("settings");
    let none = Overrides::default();
    assert_eq!(
        refused(minilm(), settings(r#"{"max_input_tokens": 513}"#), &none),
        "max_input_tokens is 513, but the model has positions for 512 tokens: lower it"
    );
    assert_eq!(
        refused(minilm(), settings(r#"{"matryoshka": [385, 64]}"#), &none),
        "matryoshka has 385, but the model's vectors have 384 dimensions"
    );
    for (overrides, setting) in [
        (SettingsOverrides { max_input_tokens: Some(0), ..Default::default() }, "max_input_tokens"),
        (SettingsOverrides { max_batch_inputs: Some(0), ..Default::default() }, "max_batch_inputs"),
        (SettingsOverrides { matryoshka: Some(vec![64, 0]), ..Default::default() }, "matryoshka"),
    ] {
        let overrides = Overrides { settings: overrides, ..Overrides::default() };
        let expected = format!("{setting} is 0: it must be at least 1; leave it out for no limit");
        assert_eq!(refused(minilm(), Settings::default(), &overrides), expected);
    }
}

#[test]
fn a_device_is_one_that_does_not_choose() {
    for device in ["CPU", "GPU", "GPU.0", "GPU.1.2", "NPU", "TEMPLATE", "NPU_2"] {
        assert!(check_device(device).is_ok(), "{device}");
    }
    for (device, chooses) in [
        ("AUTO", true),
        ("auto", true),
        ("AUTO:GPU,CPU", true),
        ("HETERO:GPU,CPU", true),
        ("MULTI:CPU", true),
        ("BATCH:GPU(4)", true),
        ("", false),
        ("cpu", false),
        ("GPU.", false),
        ("GPU.x", false),
        ("GPU:0", false),
        ("GPU,CPU", false),
        ("GPU 0", false),
        ("1", false),
        ("Ä", false),
    ] {
        match check_device(device) {
            Err(ResolveError::Device { device: named, chooses: found }) => {
                assert_eq!((named.as_str(), found), (device, chooses));
            }
            other => panic!("{device}: {other:?}"),
        }
    }
}

#[test]
fn the_device_is_the_given_one_then_the_graphs_then_cpu() {
    for (graph, command_line, expected) in [
        (None, None, "CPU"),
        (Some("GPU"), None, "GPU"),
        (Some("GPU"), Some("NPU"), "NPU"),
        (Some(""), None, "CPU"),
    ] {
        let options = EmbeddingsOptions { target_device: graph.map(str::to_owned), ..options() };
        let overrides =
            Overrides { target_device: command_line.map(str::to_owned), ..Overrides::default() };
        assert_eq!(resolved(minilm(), &options, Settings::default(), &overrides).device, expected);
    }
    let overrides = Overrides { target_device: Some("AUTO".to_owned()), ..Overrides::default() };
    assert_eq!(
        refused(minilm(), Settings::default(), &overrides),
        "the device \"AUTO\" cannot be used: name CPU, GPU, NPU or one of several like GPU.1; a model \
         runs on the device that was asked for or not at all"
    );
}

#[test]
fn everything_else_is_merged_name_by_name() {
    let facts = SourceFacts {
        prompts: [("query", "q: "), ("document", "d: ")].map(|(k, v)| (k.into(), v.into())).into(),
        default_prompt_name: Some("query".to_owned()),
        pooling_excludes_prompt: true,
        other_modules: vec!["2_Dense".to_owned()],
        ..minilm()
    };
    let options = EmbeddingsOptions {
        normalize_embeddings: true,
        plugin_config: [("NUM_STREAMS", "2"), ("A", "1")].map(|(k, v)| (k.into(), v.into())).into(),
        ..options()
    };
    let text =
        r#"{"prompts": {"query": "Q: ", "x": "X"}, "matryoshka": [64], "max_batch_inputs": 5}"#;
    let overrides = Overrides {
        normalize: Some(false),
        truncate: Some(true),
        plugin_config: [("A", "2"), ("B", "3")].map(|(k, v)| (k.into(), v.into())).into(),
        settings: SettingsOverrides { max_batch_inputs: Some(6), ..Default::default() },
        ..Overrides::default()
    };
    let servable = resolved(facts, &options, Settings::parse(text).expect("settings"), &overrides);
    let pairs = |map: &BTreeMap<String, String>| -> Vec<String> {
        map.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(pairs(&servable.plugin_config), ["A=2", "B=3", "NUM_STREAMS=2"]);
    assert_eq!(pairs(&servable.prompts), ["document=d: ", "query=Q: ", "x=X"]);
    assert_eq!(servable.requested_streams(), Some(2));
    assert_eq!((servable.normalize, servable.truncate), (false, Some(256)));
    assert_eq!((servable.matryoshka, servable.max_batch_inputs), (vec![64], Some(6)));
    assert_eq!(servable.default_prompt_name.as_deref(), Some("query"));
    assert_eq!(servable.notices.len(), 2);
    assert!(servable.notices[0].contains("2_Dense"), "{}", servable.notices[0]);
}

#[test]
fn a_fallback_comes_from_the_settings_or_the_command_line_and_never_by_itself() {
    let cpu = Some(DeviceFallback::Cpu);
    for (file, command_line, expected) in [(None, None, None), (cpu, None, cpu), (None, cpu, cpu)] {
        let settings = Settings { device_fallback: file, ..Settings::default() };
        let given = SettingsOverrides { device_fallback: command_line, ..Default::default() };
        let overrides = Overrides { settings: given, ..Overrides::default() };
        let servable = resolved(minilm(), &options(), settings, &overrides);
        assert_eq!(servable.device_fallback, expected);
    }
}

#[test]
fn streams_are_asked_for_by_a_number_above_zero_only() {
    for (value, expected) in [("3", Some(3)), ("0", None), ("AUTO", None), ("-1", None)] {
        let options = EmbeddingsOptions {
            plugin_config: [("NUM_STREAMS".to_owned(), value.to_owned())].into(),
            ..options()
        };
        let servable = resolved(minilm(), &options, Settings::default(), &Overrides::default());
        assert_eq!(servable.requested_streams(), expected, "{value}");
    }
}

#[test]
fn weights_are_known_by_settings_else_by_the_manifest() {
    let with_manifest = Place { manifest: Some(manifest(vec![])), ..place() };
    let none = Overrides::default();
    let servable = resolve(with_manifest.clone(), minilm(), &options(), Settings::default(), &none)
        .expect("resolved");
    let inputs = |repo: &str, commit: &str, format: Option<&str>| FingerprintInputs {
        repo: repo.to_owned(),
        commit: commit.to_owned(),
        weight_format: format.map(str::to_owned),
    };
    assert_eq!(servable.fingerprint, Some(inputs("org/m", "abc", Some("fp16"))));
    assert_eq!(servable.precision.as_deref(), Some("fp16"));

    let text = r#"{"weight_format": "int8", "fingerprint": {"repo": "r", "commit": "c"}}"#;
    let settings = Settings::parse(text).expect("settings");
    let servable = resolve(with_manifest, minilm(), &options(), settings, &none).expect("resolved");
    assert_eq!(servable.fingerprint, Some(inputs("r", "c", None)));
    assert_eq!(servable.precision.as_deref(), Some("int8"));

    let servable = resolved(minilm(), &options(), Settings::default(), &none);
    assert_eq!((servable.fingerprint, servable.precision.as_deref()), (None, Some("float32")));
}
