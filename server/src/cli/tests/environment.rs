//! The environment as a second source of options.

use std::path::PathBuf;

use super::*;

fn serve_with(line: &str, variables: &[(&str, &str)]) -> ServeOptions {
    match parse_with(line, variables).map(|parsed| parsed.invocation) {
        Ok(Invocation::Serve(options)) => *options,
        other => panic!("{line} {variables:?}: {other:?}"),
    }
}

#[test]
fn command_line_wins_over_own_variables_which_win_over_those_of_ovms() {
    let own = ("EMBEDSERVE_REST_PORT", "2");
    assert_eq!(serve_with("serve --rest_port 1", &[own]).server.rest_port, 1);
    assert_eq!(serve_with("serve", &[own]).server.rest_port, 2);
    let repository = |variables: &[(&str, &str)], line: &str| match parse_with(line, variables)
        .expect(line)
        .invocation
    {
        Invocation::List(options) => options.model_repository_path,
        other => panic!("{other:?}"),
    };
    let both =
        [("EMBEDSERVE_MODEL_REPOSITORY_PATH", "own"), ("OVMS_MODEL_REPOSITORY_PATH", "ovms")];
    assert_eq!(repository(&both, "list --model_repository_path flag"), PathBuf::from("flag"));
    assert_eq!(repository(&both, "list"), PathBuf::from("own"));
    assert_eq!(repository(&both[1..], "list"), PathBuf::from("ovms"));
    assert_eq!(repository(&both[1..], "--list_models"), PathBuf::from("ovms"));
    assert_eq!(repository(&[], "list"), PathBuf::from("models"));
}

#[test]
fn a_server_can_be_configured_by_variables_alone() {
    let variables = [
        ("EMBEDSERVE_REST_PORT", "8000"),
        ("EMBEDSERVE_MODEL_NAME", "n"),
        ("EMBEDSERVE_MODEL_PATH", "p"),
        ("EMBEDSERVE_TRUNCATE", "true"),
        ("EMBEDSERVE_METRICS_ENABLE", "0"),
    ];
    let options = serve_with("", &variables);
    let only_how =
        parse_with("", &[("HF_ENDPOINT", "http://h"), ("EMBEDSERVE_LOG_LEVEL", "DEBUG")]);
    assert!(matches!(only_how.expect("nothing asked").invocation, Invocation::Help(_)));
    assert!(!options.server.metrics_enable);
    let ServedModels::Folder { overrides, .. } = options.models else { panic!("one folder") };
    assert_eq!(overrides.truncate, Some(true));
}

#[test]
fn every_option_can_come_from_a_variable() {
    let names = normalize::all_option_names(&arguments::command());
    assert!(names.len() > 70, "{names:?}");
    for name in names.iter().filter(|name| *name != "version") {
        let variable = format!("EMBEDSERVE_{}", name.to_uppercase());
        let warnings = parse_with("version", &[(variable.as_str(), "1")])
            .expect("an option of another command does no harm")
            .warnings;
        assert_eq!(warnings, Vec::<String>::new(), "{variable}");
    }
}

#[test]
fn ovms_repository_variable_also_says_where_the_config_is() {
    let variables = [("OVMS_MODEL_REPOSITORY_PATH", "/r")];
    let add = parse_with("--add_to_config --model_name n", &variables).expect("complete");
    assert_eq!(
        add.invocation,
        Invocation::ConfigAdd(ConfigAdd {
            config_path: "/r/config.json".into(),
            model_name: "n".to_owned(),
            base_path: "/r/n".into(),
            target_device: None,
            plugin_config: Default::default(),
        })
    );
    let served = serve_with("--rest_port 1", &variables).models;
    assert!(
        matches!(served, ServedModels::ConfigFile { path, .. } if path.as_os_str() == "/r/config.json")
    );
}

#[test]
fn what_the_command_line_serves_hides_what_the_environment_would_serve() {
    let config = ("EMBEDSERVE_CONFIG_PATH", "env.json");
    let folder = serve_with("--rest_port 1 --model_name n --model_path p", &[config]);
    assert!(matches!(folder.models, ServedModels::Folder { .. }));
    let source = [("EMBEDSERVE_SOURCE_MODEL", "a/b"), ("EMBEDSERVE_MODEL_NAME", "n")];
    let file = serve_with("--rest_port 1 --config_path c", &source);
    assert!(matches!(file.models, ServedModels::ConfigFile { .. }));
    let added = parse_with(
        "--add_to_config --model_name n --model_path p",
        &[config, ("EMBEDSERVE_PULL", "true")],
    );
    assert!(matches!(
        added.expect("complete").invocation,
        Invocation::ConfigAdd(ConfigAdd { config_path, .. }) if config_path.as_os_str() == "env.json"
    ));
}

#[test]
fn model_variables_without_effect_are_dropped_with_a_warning() {
    let parsed = parse_with("--rest_port 1 --config_path c", &[("EMBEDSERVE_POOLING", "CLS")])
        .expect("valid");
    assert_eq!(
        parsed.warnings,
        ["EMBEDSERVE_POOLING has no effect: the config file says how models are served"]
    );
    let parsed =
        parse_with("pull OpenVINO/x-ov", &[("EMBEDSERVE_WEIGHT_FORMAT", "fp16")]).expect("valid");
    assert_eq!(
        parsed.warnings,
        ["EMBEDSERVE_WEIGHT_FORMAT has no effect: the model is converted already"]
    );
}

#[test]
fn secrets_come_from_variables_and_are_not_shown() {
    let key = |variables: &[(&str, &str)]| serve_with("serve", variables).server.api_key;
    assert_eq!(key(&[("API_KEY", "ovms")]), ApiKey::Value(Secret::new("ovms")));
    let both = [("API_KEY", "ovms"), ("EMBEDSERVE_API_KEY", "own\n")];
    assert_eq!(key(&both), ApiKey::Value(Secret::new("own")));
    assert_eq!(key(&[("API_KEY", "")]), ApiKey::Open);
    let file = [("API_KEY", "ovms"), ("EMBEDSERVE_API_KEY_FILE", "f")];
    assert_eq!(key(&file), ApiKey::File("f".into()));
    let pull =
        parse_with("pull a/b", &[("HF_TOKEN", "hf_hidden"), ("HF_ENDPOINT", "http://hub.example")]);
    let text = format!("{pull:?}");
    assert!(text.contains("http://hub.example") && text.contains("***"), "{text}");
    assert!(!text.contains("hf_hidden"), "{text}");
}

#[test]
fn a_wrong_value_of_a_variable_is_traced_to_it() {
    let error =
        parse_with("serve", &[("EMBEDSERVE_REST_PORT", "70000")]).expect_err("out of range");
    assert_eq!(error.message(), "rest_port number out of range from 0 to 65535");
    assert_eq!(
        error.hint(),
        Some("the value is that of the environment variable EMBEDSERVE_REST_PORT")
    );
}

#[test]
fn an_unknown_variable_is_named_once_and_service_variables_are_not() {
    let parsed = parse_with(
        "serve",
        &[
            ("EMBEDSERVE_RESTPORT", "1"),
            ("EMBEDSERVE_CACHE", "/c"),
            ("EMBEDSERVE_OPENVINO_DIR", "/ov"),
            ("EMBEDSERVE_PORT", "tcp://10.0.0.1:8000"),
        ],
    )
    .expect("valid");
    assert_eq!(
        parsed.warnings,
        [
            "the environment variable EMBEDSERVE_RESTPORT is unknown and has no effect; did you mean EMBEDSERVE_REST_PORT?"
        ]
    );
}

#[test]
fn a_revision_variable_gives_way_to_the_revision_of_the_source() {
    for source in ["a/b@v1", "./folder"] {
        let line = format!("pull {source}");
        let parsed = parse_with(&line, &[("EMBEDSERVE_REVISION", "v2")]).expect(&line);
        assert_eq!(
            parsed.warnings,
            ["EMBEDSERVE_REVISION has no effect: the source says which revision it is"]
        );
        assert_eq!(parsed.invocation, Invocation::Pull(Box::new(pull(&line).into())));
    }
}

#[test]
fn a_precision_asks_for_conversion_only_on_the_command_line() {
    let conversion = |line: &str, variables: &[(&str, &str)]| match parse_with(line, variables)
        .expect(line)
        .invocation
    {
        Invocation::Pull(options) => (options.pull.conversion, options.pull.weight_format),
        other => panic!("{other:?}"),
    };
    let variable = [("EMBEDSERVE_WEIGHT_FORMAT", "fp16")];
    let half = Some(model_export::WeightFormat::Fp16);
    assert_eq!(conversion("pull a/b", &[]), (Conversion::IfNeeded, None));
    assert_eq!(conversion("pull a/b", &variable), (Conversion::IfNeeded, half));
    assert_eq!(conversion("pull a/b --weight-format fp16", &[]), (Conversion::Asked, half));
}
