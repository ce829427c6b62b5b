//! `embedserve bench`: the client that measures a running server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use integration_tests::program::{MINILM, Server, embedserve, free_port};
use serde_json::{Value, json};

fn bench(arguments: &[&str]) -> Output {
    embedserve(["bench"].iter().chain(arguments)).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("output is UTF-8")
}

fn lines(output: &Output) -> Vec<&str> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().collect()
}

/// The names before the colon, in order.
fn names(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
}

/// What reads the output of OVMS's benchmark reads this one's.
#[test]
fn a_rate_of_requests_is_reported_in_the_lines_of_the_demo_page() {
    let url = format!("{}/v3/embeddings", Server::shared().base);
    let output = bench(&[
        "--api_url",
        &url,
        "--dataset",
        "synthetic",
        "--synthetic_length",
        "5",
        "--request_rate",
        "200",
        "--batch_size",
        "1",
        "--limit",
        "20",
        "--model",
        MINILM,
    ]);
    let lines = lines(&output);
    assert_eq!(lines[0], "Number of documents: 20");
    // Five words, and the two special tokens of BERT.
    assert_eq!(lines[1], "Tokens: 140");
    assert_eq!(lines[2], "Success rate: 100.0%. (20/20)");
    assert_eq!(
        names(&lines[3..]),
        [
            "Throughput - Tokens per second",
            "Mean latency",
            "Median latency",
            "Average document length",
            "p90 latency",
            "p95 latency",
            "p99 latency",
            "Maximum latency",
            "Requests per second",
            "Client CPU",
        ]
    );
    assert_eq!(lines[6], "Average document length: 7.0 tokens");
    assert!(output.stderr.is_empty(), "no bar where nobody looks: {}", text(&output.stderr));
}

#[test]
fn clients_that_wait_send_every_text_of_a_file_and_the_result_is_json_if_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("texts.jsonl");
    std::fs::write(&file, "\"hello world\"\n{\"text\": \"hello\"}\n\"two\\nlines\"\n")
        .expect("written");
    let file = file.to_str().expect("UTF-8");
    for format in ["float", "base64"] {
        let output = bench(&[
            "--api_url",
            &Server::shared().base,
            "--dataset",
            file,
            "--concurrency",
            "2",
            "--batch_size",
            "2",
            "--encoding_format",
            format,
            "--json",
        ]);
        let lines = lines(&output);
        assert_eq!(lines.len(), 1);
        let result: Value = serde_json::from_str(lines[0]).expect("JSON");
        let expected = json!({
            "model": MINILM,
            "load": {"concurrency": 2},
            "batch_size": 2,
            "documents": 3,
            "requests": 2,
            "interrupted": false,
            "succeeded": 2,
            "failed": 0,
            "success_percent": 100.0,
            "tokens": 4 + 3 + 4,
            "errors": [],
        });
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&result[name], value, "{name}");
        }
        for name in [
            "duration_seconds",
            "tokens_per_second",
            "requests_per_second",
            "average_document_tokens",
            "client_cpu_seconds",
            "client_cpu_cores",
        ] {
            assert!(result[name].is_number(), "{name}: {result}");
        }
        for name in ["mean", "median", "p90", "p95", "p99", "max"] {
            assert!(result["latency_ms"][name].is_number(), "{name}: {result}");
        }
    }
}

#[test]
fn requests_that_fail_are_counted_by_kind_and_fail_the_command() {
    let base = &Server::shared().base;
    let output = bench(&[
        "--api_url",
        base,
        "--model",
        "other",
        "--limit",
        "6",
        "--batch_size",
        "2",
        "--synthetic_length",
        "5",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    assert!(printed.contains("Success rate: 0.0%. (0/3)\n"), "{printed}");
    assert!(printed.contains("Errors: 3 x HTTP 404 model_not_found\n"), "{printed}");
    assert_eq!(
        text(&output.stderr),
        "error: 3 of 3 requests failed\n  \
         3 x HTTP 404 model_not_found: The model `other` does not exist\n"
    );
}

#[test]
fn what_cannot_be_measured_ends_at_once_and_says_what_to_do() {
    let nobody = format!("http://127.0.0.1:{}/v3/embeddings", free_port());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("texts.jsonl");
    std::fs::write(&file, "\"hello\"\nhello\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let remedy = "is it running, and is --api_url its address?";
    for (arguments, code, expected) in [
        (&["--api_url", &nobody][..], 1, remedy),
        (&["--api_url", &nobody, "--model", "m"], 1, remedy),
        (&["--dataset", "/nonexistent"], 1, "cannot read the texts of /nonexistent"),
        (&["--dataset", "/"], 1, "--dataset takes a file with one text a line"),
        (&["--dataset", "/dev/null"], 1, "/dev/null is empty"),
        (&["--dataset", file], 1, "texts.jsonl, line 2: it is neither a JSON string"),
        (&["--api_key_file", "/nonexistent"], 1, "/nonexistent"),
        (&["--batch_size", "0"], 64, "batch_size: 0 is not a whole number"),
        (&["--request_rate", "-1"], 64, "request_rate: -1 is neither inf nor a number"),
        (&["--request_rate", "1", "--concurrency", "1"], 64, "cannot both be set"),
    ] {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    }
}

/// A server that answers one request and no other until the measuring is ended.
#[test]
fn an_interrupted_run_prints_what_it_has_measured() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    let url = format!("http://{}/v1", listener.local_addr().expect("it is bound"));
    let child = embedserve(["bench", "--model", "m", "--limit", "2", "--batch_size", "1"])
        .args(["--synthetic_length", "3", "--concurrency", "1", "--api_url", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let row = r#"{"object":"list","data":[{"embedding":[1.0]}],"usage":{"prompt_tokens":3}}"#;
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}", row.len());
    // The list of models, then the first text.
    for _ in 0..2 {
        let mut stream = hear(&listener);
        write!(stream, "{head}\r\n\r\n{row}").expect("answered");
    }
    // The second text is heard and not answered.
    let _unanswered = hear(&listener);
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("Tokens: 3\nSuccess rate: 100.0%. (1/1)\n"), "{printed}");
    assert!(printed.ends_with("Interrupted: 1 of 2 requests were answered\n"), "{printed}");
    assert_eq!(text(&output.stderr), "error: interrupted\n");
}

/// Takes one connection and reads its request, the body included.
fn hear(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("it asks");
    let mut request = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    request.read_exact(&mut vec![0; length]).expect("a body");
    stream
}
