//! What people read of pods that fail.

use super::*;

fn pod(containers: serde_json::Value) -> PodFacts {
    let pod = serde_json::json!({
        "metadata": {"name": "bge-0", "uid": "1"},
        "status": {"phase": "Running", "containerStatuses": containers}
    });
    PodFacts::from(&serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(pod).expect("a pod"))
}

fn container(state: serde_json::Value, last: serde_json::Value) -> serde_json::Value {
    serde_json::json!([{
        "name": "server", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
        "state": state, "lastState": last
    }])
}

#[test]
fn a_container_that_was_killed_for_memory_says_so_also_in_its_back_off() {
    let facts = pod(container(
        serde_json::json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}),
        serde_json::json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
    ));
    let failure = of_pod(&facts).expect("it fails");
    assert_eq!(failure.reason, Reason::OutOfMemory);
    assert_eq!((failure.exit_code, failure.kubernetes_reason.as_str()), (Some(137), "OOMKilled"));
}

#[test]
fn the_last_words_of_a_crash_are_the_message() {
    let facts = pod(container(
        serde_json::json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}),
        serde_json::json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "error: no such file\n"}}),
    ));
    let failure = of_pod(&facts).expect("it fails");
    assert_eq!(failure.reason, Reason::CrashLoop);
    assert_eq!(failure.message, "error: no such file");
    assert_eq!(failure.kubernetes_reason, "CrashLoopBackOff");
}

#[test]
fn a_container_that_was_killed_does_not_blame_its_last_words() {
    let message = |message: &str| {
        let facts = pod(container(
            serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            serde_json::json!({"terminated": {"exitCode": 137, "reason": "Error", "message": message}}),
        ));
        of_pod(&facts).expect("it fails").message
    };
    assert_eq!(message("\n"), "the container server was ended by signal 9");
    assert_eq!(
        message("model loaded\n"),
        "the container server was ended by signal 9; it had said: model loaded"
    );
}

#[test]
fn a_typed_report_decides_the_reason() {
    let report = JobReport::Failed(FailureReport {
        reason: "RevisionNotFound".to_owned(),
        message: "a/b has no revision v9".to_owned(),
        http_status: Some(404),
    });
    let facts = pod(container(
        serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        serde_json::json!({"terminated": {"exitCode": 1, "reason": "Error", "message": report.render()}}),
    ));
    let failure = of_pod(&facts).expect("it fails");
    assert_eq!((failure.reason, failure.http_status), (Reason::RevisionNotFound, Some(404)));
    assert_eq!(failure.message, "a/b has no revision v9");
}

#[test]
fn containers_that_only_start_have_not_failed() {
    let waiting = serde_json::json!({"waiting": {"reason": "ContainerCreating"}});
    assert_eq!(of_pod(&pod(container(waiting, serde_json::json!({})))), None);
    let running = serde_json::json!({"running": {}});
    assert_eq!(of_pod(&pod(container(running.clone(), serde_json::json!({})))), None);
    // It failed before and runs again: the last failure is remembered, and is not the state.
    let before = serde_json::json!({"terminated": {"exitCode": 2, "reason": "Error"}});
    let facts = pod(container(running, before));
    assert_eq!(of_pod(&facts), None);
    assert_eq!(last_end(&facts).expect("it failed before").exit_code, Some(2));
}

#[test]
fn the_schedulers_and_the_kubelets_sentences_come_down_to_reasons() {
    for (message, expected) in [
        ("0/3 nodes are available: 3 Insufficient cpu.", Reason::InsufficientCPU),
        (
            "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.",
            Reason::InsufficientMemory,
        ),
        ("0/1 nodes are available: 1 Insufficient gpu.intel.com/xe.", Reason::InsufficientGPU),
        (
            "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
            Reason::VolumeNodeConflict,
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            Reason::WaitingForVolume,
        ),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.", Reason::Unschedulable),
    ] {
        assert_eq!(unschedulable(message), expected, "{message}");
    }
    for (message, expected) in [
        ("secret \"hub\" not found", Some(Reason::SecretNotFound)),
        ("couldn't find key token in Secret search/hub", Some(Reason::SecretNotFound)),
        (
            "MountVolume.SetUp failed for volume \"ca\" : configmap \"ca\" not found",
            Some(Reason::ConfigMapNotFound),
        ),
        ("failed to create containerd task", None),
    ] {
        assert_eq!(missing_reference(message), expected, "{message}");
    }
}

#[test]
fn long_logs_are_cut_at_a_line() {
    let log = (0..100).map(|line| format!("line {line} äöü\n")).collect::<String>();
    let end = last_lines(&log);
    assert!(end.starts_with("line ") && end.ends_with("line 99 äöü"), "{end}");
    assert!(end.chars().count() <= 500);
}
