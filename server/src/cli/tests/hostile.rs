//! Values that nobody should give.

use std::os::unix::ffi::OsStringExt;

use super::*;

#[test]
fn numbers_out_of_range_or_out_of_their_mind_are_refused() {
    for option in [
        "rest_port",
        "management_port",
        "port",
        "rest_workers",
        "shutdown_delay",
        "shutdown_timeout",
        "max_body_size",
        "max_queued_tokens",
        "threads",
        "max_batch_inputs",
        "max_input_tokens",
        "max_concurrent_requests",
        "num_streams",
        "matryoshka",
        "file_system_poll_wait_seconds",
    ] {
        for value in [
            "-1",
            "+1",
            "1.5",
            "1e3",
            "abc",
            "0x10",
            "99999999999999999999",
            "٣",
            "''",
            "' '",
            "1,,2",
        ] {
            let line =
                format!("serve --model_name n --model_path p --rest_port 1 --{option} {value}");
            let message = message(&line);
            assert!(message.contains(option), "{line}: {message}");
        }
    }
    for line in [
        "serve --model_name n --model_path p --num_streams 0",
        "serve --model_name n --model_path p --matryoshka 0",
        "serve --threads 0",
        "serve --max_body_size 2GiB",
    ] {
        message(line);
    }
}

#[test]
fn empty_values_are_refused_by_name() {
    for option in [
        "config_path",
        "api_key_file",
        "log_path",
        "openvino_dir",
        "cache_dir",
        "allowed_origins",
        "rest_bind_address",
        "log_level",
        "log_format",
        "batching",
    ] {
        let line = format!("serve --{option} ''");
        let message = message(&line);
        assert!(message.contains(option), "{line}: {message}");
    }
    for option in [
        "source_model",
        "model_repository_path",
        "output_dir",
        "model_name",
        "hf_endpoint",
        "revision",
        "ca_bundle",
    ] {
        let line = format!("pull --source_model a/b --{option} ''");
        let message = message(&line);
        assert!(message.contains(option), "{line}: {message}");
    }
    assert!(message("run ''").contains("MANIFEST"));
    assert!(message("export ''").contains("FOLDER"));
}

#[test]
fn options_without_their_value_are_refused() {
    for line in
        ["serve --rest_port", "--config_path c --rest_port", "serve --rest_port --config_path c"]
    {
        let message = message(line);
        assert!(message.contains("--rest_port"), "{line}: {message}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_where_text_is_needed_and_kept_in_paths() {
    let bytes = |text: &[u8]| OsString::from_vec(text.to_vec());
    let line = |option: &[u8]| {
        parse([bytes(b"embedserve"), bytes(b"serve"), bytes(option)], &Environment::default())
    };
    let error = line(b"--model_name=\xff").expect_err("no text");
    assert_eq!(error.message(), "--model_name is not valid UTF-8");
    let parsed = line(b"--config_path=/\xff").expect("a path");
    let Invocation::Serve(options) = parsed.invocation else { panic!("serve serves") };
    assert!(matches!(
        options.models,
        ServedModels::ConfigFile { path, .. } if path.as_os_str() == bytes(b"/\xff")
    ));
    line(b"\xff").expect_err("no option");
    line(b"--\xff=1").expect_err("no option");
    let key = Environment::from_iter([("API_KEY", bytes(b"\xff"))]);
    parse([bytes(b"embedserve"), bytes(b"serve")], &key).expect_err("no key");
}

#[test]
fn values_in_messages_are_short_and_harmless() {
    let long = "x".repeat(10_000);
    assert!(message(&format!("--rest_port {long}")).len() < 300);
    assert!(message(&format!("--{long} 1")).len() < 300);
    let escape = message("--rest_port '\u{1b}[2J' --config_path c");
    assert!(!escape.contains('\u{1b}'), "{escape:?}");
    assert!(message("serve --model_name '\u{1b}[2J' --model_path p").starts_with("model_name"));
}

#[test]
fn plugin_config_must_be_an_object_of_scalars() {
    for config in [
        "[]",
        "1",
        "null",
        "{",
        "'{\"A\":null}'",
        "'{\"A\":{}}'",
        "'{\"A\":[1]}'",
        "'{\"\":1}'",
        "''",
    ] {
        let message =
            message(&format!("serve --model_name n --model_path p --plugin_config {config}"));
        assert!(message.starts_with("plugin_config"), "{config}: {message}");
    }
}

#[test]
fn devices_are_real_ones() {
    for device in
        ["cpu", "GPU.", "GPU.x", "GPU.0000", "CPU.0", "AUTO:GPU", "MULTI:CPU", "../GPU", "GPU,CPU"]
    {
        let message =
            message(&format!("serve --model_name n --model_path p --target_device {device}"));
        assert!(message.contains("target_device"), "{device}: {message}");
    }
}

#[test]
fn endpoints_are_plain_web_addresses_and_are_not_repeated_in_errors() {
    for endpoint in [
        "huggingface.co",
        "ftp://h",
        "https://",
        "https://user:hunter2@h",
        "https://h/?q=1",
        "file:///etc",
    ] {
        let message = message(&format!("pull a/b --hf_endpoint {endpoint}"));
        assert!(message.starts_with("hf_endpoint must be"), "{endpoint}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn header_lists_cannot_carry_line_breaks_or_empty_items() {
    for value in ["'a\r\nb'", "a,,b", "'a b'", "é"] {
        let message = message(&format!("serve --allowed_origins {value}"));
        assert!(message.starts_with("allowed_origins"), "{value}: {message}");
    }
}
