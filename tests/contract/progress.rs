//! A pull that is watched as the operator watches it.

use std::process::Stdio;

use integration_tests::hub::{Action, Fault, Gate, TestHub};
use integration_tests::program::{embedserve, management_of_pull};
use integration_tests::wait::until;
use operator::kind::Kind;
use operator::pods::Progress;

use crate::object;
use crate::reports::repository;

#[test]
fn the_operators_pull_job_says_how_far_it_is_in_words_that_the_operator_reads() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().expect("a folder"));
    let repository = repository();
    let commit = repository.commit().to_owned();
    hub.add(repository);
    let gate = Gate::new();
    hub.fault(Fault::new("/files/", Action::Trickle(gate.clone())));
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let job = object("pulling", Kind::Job, "emb-");
    let args = job.body["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let args: Vec<String> = serde_json::from_value(args).expect("texts");
    let changed = args.into_iter().map(|word| match word.as_str() {
        "8001" => "0".to_owned(),
        "0123456789abcdef0123456789abcdef01234567" => commit.clone(),
        "/dev/termination-log" => path("report"),
        other if other.starts_with("/models") => path("models/key"),
        _ => word,
    });
    let mut child = embedserve(changed)
        .args(["--management_bind_address", "127.0.0.1"])
        .env("HF_ENDPOINT", hub.endpoint())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let url = format!("{}/progress", management_of_pull(&mut child));
    let progress = || reqwest::blocking::get(&url)?.json::<Progress>();
    until("some bytes are told", || progress().is_ok_and(|it| it.bytes_done > 0));
    let seen = progress().expect("an answer");
    assert!(!seen.stage.is_empty() && seen.bytes_total > Some(seen.bytes_done), "{seen:?}");
    gate.release(1 << 24);
    assert!(child.wait().expect("it ends").success());
    assert!(folder.path().join("models/key").is_dir(), "the folder that pods serve");
}
