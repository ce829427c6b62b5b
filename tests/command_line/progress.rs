//! A pull that is watched on its management port while it runs.

use std::process::Stdio;

use integration_tests::hub::{Action, Fault, Gate};
use integration_tests::program::management_of_pull;
use integration_tests::wait::until;
use serde_json::Value;

use crate::support::{NAME, command, hub};

#[test]
fn a_running_pull_says_how_far_it_is() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let gate = Gate::new();
    hub.fault(Fault::new("/files/", Action::Trickle(gate.clone())));
    let mut child = command(&hub, folder.path(), ["pull", NAME, "--management_port", "0"])
        .args(["--management_bind_address", "127.0.0.1"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let base = management_of_pull(&mut child);
    let get = |path: &str| reqwest::blocking::get(format!("{base}{path}")).expect("an answer");
    let progress = || get("/progress").json::<Value>().expect("JSON");
    assert_eq!(get("/v2/health/live").status(), 200);
    assert_eq!(get("/info").status(), 404);
    until("the small files are here", || {
        let answer = progress();
        answer["stage"] == "downloading" && answer["bytes_done"].as_u64() > Some(1_000)
    });
    let before = progress();
    let total = before["bytes_total"].as_u64().expect("a number");
    gate.release(5_000);
    until("more bytes are told than before", || {
        progress()["bytes_done"].as_u64() >= before["bytes_done"].as_u64().map(|done| done + 4_000)
    });
    let answer = progress();
    assert_eq!(answer["bytes_total"], total);
    assert!(answer["bytes_done"].as_u64() < Some(total), "{answer}");
    until("the speed is known", || progress()["bytes_per_second"].as_u64() > Some(0));
    assert!(progress()["eta_seconds"].is_u64(), "{}", progress());
    gate.release(1 << 24);
    assert!(child.wait().expect("it ends").success());
    assert!(
        reqwest::blocking::get(format!("{base}/progress")).is_err(),
        "it ends with the process"
    );
}
