//! Settings read, refused, merged and written.

use super::*;

fn full() -> Settings {
    Settings {
        matryoshka: vec![64, 128, 256],
        max_input_tokens: Some(512),
        max_batch_inputs: Some(100),
        max_concurrent_requests: Some(8),
        prompts: BTreeMap::from([("query".to_owned(), "query: ".to_owned())]),
        device_fallback: Some(DeviceFallback::Cpu),
        weight_decompression: Some(WeightDecompression::Load),
        weight_format: Some("fp16".to_owned()),
        fingerprint: Some(FingerprintInputs {
            repo: "org/model".to_owned(),
            commit: "abc".to_owned(),
            weight_format: Some("fp16".to_owned()),
        }),
    }
}

#[test]
fn every_member_is_read_and_lists_are_sorted() {
    let text = r#"{
        "matryoshka": [256, 64, 128, 64],
        "max_input_tokens": 512, "max_batch_inputs": 100, "max_concurrent_requests": 8,
        "prompts": {"query": "query: "}, "device_fallback": "CPU",
        "weight_decompression": "load", "weight_format": "fp16",
        "fingerprint": {"repo": "org/model", "commit": "abc", "weight_format": "fp16"}
    }"#;
    assert_eq!(Settings::parse(text), Ok(full()));
    assert_eq!(Settings::parse(&format!("\u{feff}{text}")), Ok(full()));
}

#[test]
fn nothing_given_is_the_default() {
    for text in ["{}", r#"{"max_input_tokens": null, "fingerprint": null, "matryoshka": []}"#] {
        assert_eq!(Settings::parse(text), Ok(Settings::default()), "{text}");
    }
    assert!(Settings::default().is_default());
    assert!(!full().is_default());
}

#[test]
fn wrong_members_are_named_with_their_line() {
    let members = "expected one of `matryoshka`, `max_input_tokens`, `max_batch_inputs`, \
                   `max_concurrent_requests`, `prompts`, `device_fallback`, `weight_decompression`, `weight_format`, `fingerprint`";
    for (text, line, message) in [
        ("{\n \"max_token\": 3}", 2, format!("unknown field `max_token`, {members}")),
        (
            "{\n\n \"max_input_tokens\": 0}",
            3,
            "a limit must be at least 1; leave it out for no limit".to_owned(),
        ),
        ("{\"max_input_tokens\": -5}", 1, "invalid value: integer `-5`, expected usize".to_owned()),
        (
            "{\"max_input_tokens\": \"5\"}",
            1,
            "invalid type: string \"5\", expected usize".to_owned(),
        ),
        (
            "{\"max_input_tokens\": 5.5}",
            1,
            "invalid type: floating point `5.5`, expected usize".to_owned(),
        ),
        ("{\"matryoshka\": [1,\n0]}", 2, "a vector must keep at least 1 dimension".to_owned()),
        ("{\"matryoshka\": 64}", 1, "invalid type: integer `64`, expected a sequence".to_owned()),
        ("{\"prompts\": {\"a\": 1}}", 1, "invalid type: integer `1`, expected a string".to_owned()),
        (
            "{\n\"max_batch_inputs\": 1,\n\"max_batch_inputs\": 2}",
            3,
            "duplicate field `max_batch_inputs`".to_owned(),
        ),
        ("{\"fingerprint\": {\"repo\": \"a\"}}", 1, "missing field `commit`".to_owned()),
        ("{\"device_fallback\": \"GPU\"}", 1, "unknown variant `GPU`, expected `CPU`".to_owned()),
        ("[", 1, "EOF while parsing a list".to_owned()),
    ] {
        let error = Settings::parse(text).expect_err(text);
        assert_eq!((error.line, error.message), (line, message), "{text}");
    }
}

#[test]
fn what_is_given_on_the_command_line_wins() {
    let overrides = SettingsOverrides {
        matryoshka: Some(vec![32, 16, 32]),
        max_input_tokens: Some(100),
        prompts: BTreeMap::from([
            ("query".to_owned(), "q: ".to_owned()),
            ("document".to_owned(), "d: ".to_owned()),
        ]),
        ..SettingsOverrides::default()
    };
    let expected = Settings {
        matryoshka: vec![16, 32],
        max_input_tokens: Some(100),
        prompts: overrides.prompts.clone(),
        ..full()
    };
    assert_eq!(full().merged(&overrides), expected);
    assert_eq!(full().merged(&SettingsOverrides::default()), full());
}

#[test]
fn files_read_back_and_say_only_what_differs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    assert_eq!(Settings::read(folder.path()).expect("no file is no error"), Settings::default());
    full().write(folder.path()).expect("written");
    assert_eq!(Settings::read(folder.path()).expect("readable"), full());
    assert_eq!(Settings::default().render(), "{}\n");
    let one = Settings { max_batch_inputs: Some(3), ..Settings::default() };
    assert_eq!(one.render(), "{\n  \"max_batch_inputs\": 3\n}\n");
}

#[test]
fn an_unusable_file_is_named_with_line_and_member() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(FILE_NAME);
    std::fs::write(&path, "{\n  \"pooling\": \"CLS\"\n}").expect("written");
    let error = Settings::read(folder.path()).expect_err("refused").to_string();
    let start = format!("{} at line 2, column 11: unknown field `pooling`", path.display());
    assert!(error.starts_with(&start), "{error}");
}
