//! SIGTERM: what is being answered is answered, nothing new begins, and the end is clean.

use std::net::TcpStream;
use std::thread;

use integration_tests::client::{client, client_of_single_requests, embed, get, send, try_send};
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};
use integration_tests::hub::{Action, Fault, Gate, Repository, TestHub};
use integration_tests::program::{
    MINILM, Server, embedserve, free_port, minilm_repository, minilm_source,
};
use integration_tests::wait::until;
use serde_json::json;

use crate::site::metric;

const IN_FLIGHT: &str = "embedserve_model_requests_in_flight{";

fn refuses_connections(server: &Server) -> bool {
    TcpStream::connect(server.base.trim_start_matches("http://")).is_err()
}

#[test]
fn requests_that_run_at_sigterm_are_answered_and_no_connection_is_accepted_any_more() {
    let mut server = Server::minilm(&["--shutdown_timeout", "60"]);
    let base = server.base.clone();
    let large: Vec<&str> = texts().iter().cycle().take(96).map(String::as_str).collect();
    thread::scope(|scope| {
        let running: Vec<_> =
            (0..3).map(|_| scope.spawn(|| embed(&base, MINILM, large.clone()))).collect();
        until("the large requests run", || metric(&server, IN_FLIGHT) == 3.0);
        // Beside them a storm of short connections, to hit every moment of a request's life.
        let storm: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let client = client_of_single_requests();
                    let body = json!({"model": MINILM, "input": texts()[5]});
                    let mut answers = Vec::new();
                    loop {
                        let request = client.post(format!("{base}/v3/embeddings")).json(&body);
                        match try_send(request) {
                            Ok(answer) => answers.push(answer),
                            Err(error) => return (answers, error),
                        }
                    }
                })
            })
            .collect();
        server.terminate();
        until("connections are refused", || refuses_connections(&server));
        assert!(running.iter().any(|request| !request.is_finished()), "too quick to show anything");
        for request in running {
            let found = request.join().expect("an answer").vectors();
            assert_equal_to_sentence_transformers(&found[..64], 0);
        }
        for client in storm {
            let (answers, end) = client.join().expect("answers");
            assert!(end.is_connect(), "a connection was accepted and not answered: {end:?}");
            for answer in answers {
                assert_equal_to_sentence_transformers(&answer.vectors(), 5);
            }
        }
    });
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}

#[test]
fn a_request_that_takes_longer_than_the_limit_does_not_hold_up_the_end() {
    let mut server = Server::minilm(&["--shutdown_timeout", "1"]);
    let endless = vec!["hello ".repeat(500); 500];
    thread::scope(|scope| {
        let client = client_of_single_requests();
        let request = client
            .post(format!("{}/v3/embeddings", server.base))
            .json(&json!({"model": MINILM, "input": endless}));
        let asked = scope.spawn(|| try_send(request));
        until("the request runs", || metric(&server, IN_FLIGHT) == 1.0);
        server.terminate();
        assert!(asked.join().expect("no panic").is_err(), "too quick to show anything");
        assert_eq!(server.wait(), Some(0), "{}", server.log());
        assert!(server.log().contains("did not finish in time"), "{}", server.log());
    });
}

#[test]
fn sigterm_while_the_model_loads_ends_cleanly() {
    let path = minilm_repository().join(MINILM);
    let arguments =
        ["--model_name".as_ref(), "m".as_ref(), "--model_path".as_ref(), path.as_os_str()];
    let mut server = Server::spawn(embedserve(arguments));
    until("it listens", || server.log().contains("listening"));
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}

#[test]
fn sigterm_while_the_model_is_pulled_ends_at_once() {
    let hub = TestHub::start();
    hub.add(Repository::from_folder("org/m", &minilm_source()).expect("the model"));
    hub.fault(Fault::new("/files/", Action::Trickle(Gate::new())));
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = embedserve(["serve", "--source_model", "org/m", "--model_repository_path"]);
    command.arg(folder.path()).env("HF_ENDPOINT", hub.endpoint());
    let mut server = Server::spawn(command);
    until("the weights are on their way", || {
        hub.downloads().iter().any(|request| request.path.contains("/files/"))
    });
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(!folder.path().join("org/m").exists());
}

/// If this fails, a rolling update of a Deployment loses requests: its pods are asked to end before
/// every proxy knows of it.
#[test]
fn during_the_delay_the_server_is_not_ready_and_serves_everybody_all_the_same() {
    let management = free_port().to_string();
    let arguments = ["--shutdown_delay", "3600", "--management_port", &management];
    let mut server = Server::minilm(&arguments);
    let kept = client();
    let ask = |client: &reqwest::blocking::Client| {
        let body = json!({"model": MINILM, "input": texts()[5]});
        send(client.post(format!("{}/v3/embeddings", server.base)).json(&body)).status
    };
    assert_eq!(ask(&kept), 200);
    server.terminate();
    server.wait_until("/v2/health/ready", 503);
    let of_management = |path: &str| get(&format!("http://127.0.0.1:{management}{path}")).status;
    assert_eq!(of_management("/v2/health/ready"), 503);
    assert_eq!(of_management("/v2/health/live"), 200);
    assert_eq!(ask(&kept), 200, "on a connection of before");
    assert_eq!(ask(&client_of_single_requests()), 200, "on a new connection");
    // A second signal: whoever sends it does not want to wait.
    server.terminate();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}
