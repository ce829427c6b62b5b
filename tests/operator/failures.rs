//! What is wrong is said, in the words of whoever knows it, and ends with what to do.

use integration_tests::kubelet::End;
use serde_json::json;

use crate::stage::{
    COMMIT, bring_files, failed, finish_job, info, model, resolved, say_info, stage,
};

const SPEC: &str = "{source: {huggingFace: {repo: a/b}}}";

fn error(message: &str) -> End<'_> {
    End { exit_code: 1, reason: "Error", message }
}

#[test]
fn a_revision_that_is_not_there_is_named_and_recovers_by_itself_or_by_a_change() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("revision");
    let (model, kubelet) =
        model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b, revision: v9}}}");
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=resolve");
    let report = failed("RevisionNotFound", "a/b has no revision v9", Some(404));
    kubelet.crash(&pod, &error(&report.render()), 3);
    model.wait_for("SourceResolved", "False", "RevisionNotFound");
    model.wait_for("Stalled", "True", "RevisionNotFound");
    let (status, reason, message) = model.condition("Ready");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "RevisionNotFound"));
    assert_eq!(message, "a/b has no revision v9. Correct source.huggingFace.revision.");
    let failure = model.status()["lastFailure"].clone();
    assert_eq!(
        (&failure["component"], &failure["exitCode"]),
        (&json!("resolve"), &json!(1)),
        "{failure}"
    );
    // The revision appears: the same Job succeeds at its next try.
    kubelet.finish(&pod, &resolved(COMMIT).render());
    model.wait_for("SourceResolved", "True", "Resolved");
    model.wait_for("Stalled", "False", "NotNeeded");
}

#[test]
fn a_pull_that_fails_says_why_and_goes_on() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("pull");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=pull");
    let report = failed("InsufficientStorage", "not enough space at /models", None);
    kubelet.crash(&pod, &error(&report.render()), 2);
    model.wait_for("CachePopulated", "False", "InsufficientStorage");
    let pull = model.status()["pull"].clone();
    assert_eq!(pull["lastError"]["reason"], "InsufficientStorage");
    assert_eq!((&pull["attempt"], &pull["bytesTotal"]), (&json!(3), &json!(91_000_000)), "{pull}");
    kubelet.finish(&pod, &resolved(COMMIT).render());
    model.wait_for("CachePopulated", "True", "Populated");
}

#[test]
fn images_secrets_memory_and_nodes_that_are_missing_are_named() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("pods");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=resolve");
    kubelet.hold(&pod, "CreateContainerConfigError", "secret \"hub\" not found");
    model.wait_for("Ready", "False", "SecretNotFound");
    kubelet.finish(&pod, &resolved(COMMIT).render());
    finish_job(&kubelet, "pull", &resolved(COMMIT));

    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.refuse(&pod, "0/3 nodes are available: 3 Insufficient memory.");
    model.wait_for("Schedulable", "False", "InsufficientMemory");
    kubelet.hold(&pod, "ImagePullBackOff", "Back-off pulling image \"nowhere/x\"");
    model.wait_for("Ready", "False", "ImagePullFailed");
    kubelet.crash(&pod, &End { exit_code: 137, reason: "OOMKilled", message: "" }, 4);
    model.wait_for("WorkloadAvailable", "False", "OutOfMemory");
    let failure = model.status()["lastFailure"].clone();
    assert_eq!(
        (&failure["reason"], &failure["container"]),
        (&json!("OOMKilled"), &json!("server")),
        "{failure}"
    );
    kubelet.crash(&pod, &error("error: no such device\n"), 5);
    model.wait_for("WorkloadAvailable", "False", "CrashLoop");
    let (_, _, message) = model.condition("Ready");
    assert!(message.contains("error: no such device"), "{message}");
}

#[test]
fn a_server_that_cannot_load_the_model_is_asked_why() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("load");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    bring_files(&model, COMMIT);
    let address = "127.0.12.1";
    let info = json!({"models": [], "not_serving": [{"name": "bge", "state": "failed", "error": "the graph is broken"}]});
    say_info(address, &info);
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.run(&pod, address, false);
    model.wait_for("ModelLoaded", "False", "LoadFailed");
    let (_, _, message) = model.condition("ModelLoaded");
    assert!(message.contains("the graph is broken"), "{message}");
    assert_eq!(model.status()["lastFailure"]["message"], "the graph is broken");
}

#[test]
fn a_pod_that_runs_on_another_device_is_not_taken_for_the_one_asked_for() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("device");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    bring_files(&model, COMMIT);
    say_info("127.0.12.2", &info("bge", "GPU.0"));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.run(&pod, "127.0.12.2", true);
    model.wait_for("DeviceVerified", "False", "DeviceMismatch");
    model.wait_for("Ready", "False", "DeviceMismatch");
    let (_, _, message) = model.condition("Ready");
    assert!(message.contains("runs on GPU.0 (a GPU.0) and not on CPU"), "{message}");
}

#[test]
fn of_two_models_with_one_served_name_the_younger_is_refused_until_the_older_goes() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("names");
    let spec = "{source: {huggingFace: {repo: a/b}}, servedName: shared}";
    let (first, _) = model(stage, &namespace, "bge-a", spec);
    first.wait_for("SourceResolved", "False", "Resolving");
    let (second, _) = model(stage, &namespace, "bge-b", spec);
    second.wait_for("Ready", "False", "ServedNameConflict");
    assert!(second.condition("Ready").2.contains("bge-a"));
    assert!(second.object("api/v1", "services", "bge-b").is_none(), "nothing is made for it");
    first.delete("Background");
    second.wait_for("SourceResolved", "False", "Resolving");
}

#[test]
fn a_quota_that_is_used_up_is_named() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("quota");
    let quota =
        json!({"metadata": {"name": "none"}, "spec": {"hard": {"persistentvolumeclaims": "0"}}});
    stage.plane.create(&format!("/api/v1/namespaces/{namespace}/resourcequotas"), &quota);
    integration_tests::wait::until("the quota is counted", || {
        let path = format!("/api/v1/namespaces/{namespace}/resourcequotas/none");
        stage.plane.get(&path).is_some_and(|it| it["status"]["hard"].is_object())
    });
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    model.wait_for("Ready", "False", "QuotaExceeded");
    let path = format!("/api/v1/namespaces/{namespace}/resourcequotas/none");
    stage
        .plane
        .request(
            integration_tests::control_plane::User::Admin,
            reqwest::Method::DELETE,
            &path,
            None,
        )
        .object();
    finish_job(&kubelet, "pull", &resolved(COMMIT));
    model.wait_for("CachePopulated", "True", "Populated");
}

#[test]
fn a_suspended_model_is_left_alone() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("suspend");
    let (model, _) =
        model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b}}, suspend: true}");
    model.wait_for("Ready", "False", "Suspended");
    assert_eq!(model.status()["phase"], "Suspended");
    assert!(model.object("api/v1", "services", "bge").is_none());
    model.apply(SPEC);
    model.wait_for("SourceResolved", "False", "Resolving");
}
