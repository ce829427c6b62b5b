//! `embedserve embed`: the client that asks a running server.

use std::process::{Output, Stdio};

use integration_tests::program::{MINILM, Server, embedserve, free_port, minilm_repository};
use serde_json::Value;

fn embed(arguments: &[&str]) -> Output {
    embedserve(["embed"].iter().chain(arguments)).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

#[test]
fn the_answer_of_the_server_is_printed_whichever_address_and_name_of_the_model_is_given() {
    let base = &Server::shared().base;
    let with_version = format!("{base}/v3/");
    for arguments in [
        &["hello", "world", "--api_url", base][..],
        &["hello", "world", "--api_url", &with_version, "--model_name", MINILM],
    ] {
        let output = embed(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(answer["model"], MINILM);
        let rows = answer["data"].as_array().expect("rows");
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["embedding"].as_array().expect("a vector").len(), 384);
    }
}

/// A check after an installation starts before the model does.
#[test]
fn with_wait_it_asks_until_the_server_is_there() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let waiting = embedserve(["embed", "hello", "--wait", "60", "--api_url", &url])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut server = embedserve(["serve", "--model_name", MINILM, "--model_path"]);
    server.arg(minilm_repository().join(MINILM));
    server.args(["--rest_port", &port.to_string(), "--rest_bind_address", "127.0.0.1"]);
    let mut server = server.stderr(Stdio::null()).spawn().expect("it starts");
    let output = waiting.wait_with_output().expect("it ends");
    server.kill().expect("it can be ended");
    server.wait().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).starts_with("waiting: "), "{}", text(&output.stderr));
}

#[test]
fn what_will_not_pass_ends_at_once_and_says_what_to_do() {
    let base = &Server::shared().base;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "a-key\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let key = Server::minilm(&["--api_key_file", file]);
    for (arguments, code, expected) in [
        (&["hello", "--api_url", &nobody][..], 1, "is it running, and is --api_url its address?"),
        (&["hello", "--api_url", base, "--model_name", "other"], 1, "404"),
        (&["hello", "--api_url", &key.base, "--wait", "60"], 1, "API_KEY or --api_key_file"),
        (&["hello", "--api_url", base, "--ca_bundle", "/dev/null"], 1, "holds no certificate"),
        (&["--api_url", base], 64, "embed needs a text"),
        (&["hello", "--api_url", "ftp://host"], 64, "api_url must be an address such as http://"),
        (&["hello", "--wait", "long"], 64, "wait: long is not a whole number"),
    ] {
        let output = embed(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    let output = embed(&["hello", "--api_url", &key.base, "--api_key_file", file]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}
