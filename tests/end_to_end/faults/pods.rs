//! Serving pods are killed for memory or by people, or cannot load the model.

use std::io::Write;

use integration_tests::cluster::cluster;
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};
use integration_tests::wait;
use serde_json::Value;

use super::{apply, assert_says, minilm, serve, with_memory};
use crate::client::embed;

#[test]
fn a_memory_limit_that_is_too_small_is_named_and_does_not_end_what_serves() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("memory");
    let load = serve(&namespace, &minilm());

    apply(&namespace, "minilm", &minilm(), &with_memory("64Mi"));
    let message = namespace.wait_for("minilm", "Ready", "False", "OutOfMemory");
    assert_says(&message, &["more memory than its limit", "Raise resources.limits.memory"]);
    load.assert_unharmed();
    let failure = namespace.get("emb", "minilm")["status"]["lastFailure"].clone();
    assert_eq!(failure["reason"], "OOMKilled", "{failure:#}");
    assert_eq!(failure["container"], "server", "{failure:#}");

    apply(&namespace, "minilm", &minilm(), &with_memory("1Gi"));
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    load.assert_unharmed();
}

#[test]
fn pods_that_are_deleted_again_and_again_come_back() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("deleted");
    let load = serve(&namespace, &minilm());
    apply(&namespace, "victim", &minilm(), &with_memory("1Gi"));
    namespace.wait_for("victim", "Ready", "True", "Ready");

    let pods = || {
        namespace
            .list("pods", "app.kubernetes.io/instance=victim,app.kubernetes.io/component=serving")
    };
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    for _ in 0..4 {
        let before: Vec<String> = pods().iter().map(name).collect();
        // One that was deleted the time before may go by itself meanwhile.
        let mut arguments = vec!["delete", "pod", "--wait=false", "--ignore-not-found"];
        arguments.extend(before.iter().map(String::as_str));
        namespace.kubectl(&arguments);
        wait::for_long(
            "another pod runs",
            || {
                pods()
                    .iter()
                    .any(|pod| !before.contains(&name(pod)) && pod["status"]["phase"] == "Running")
            },
            || namespace.kubectl(&["describe", "pods"]),
        );
    }
    namespace.wait_for("victim", "Ready", "True", "Ready");
    let base = format!("http://victim.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "victim", &texts()[..4], "unused");
    assert_equal_to_sentence_transformers(&vectors, 0);
    load.assert_unharmed();
}

#[test]
fn a_server_that_is_killed_whenever_it_runs_is_named_and_comes_back() {
    let Some(cluster) = cluster() else { return };
    if !cluster.is_ours() {
        let reason = "containers on a node of somebody else are not killed";
        let _ = writeln!(std::io::stderr(), "skipped: {reason}");
        return;
    }
    let namespace = cluster.namespace("killed");
    let load = serve(&namespace, &minilm());
    apply(&namespace, "victim", &minilm(), &with_memory("1Gi"));
    namespace.wait_for("victim", "Ready", "True", "Ready");

    let selector = "app.kubernetes.io/instance=victim,app.kubernetes.io/component=serving";
    let server = || namespace.list("pods", selector)[0]["status"]["containerStatuses"][0].clone();
    for restarts in 0..3 {
        wait::for_long(
            "the server runs again",
            || {
                let server = server();
                server["restartCount"] == restarts && !server["state"]["running"].is_null()
            },
            || format!("{:#}", server()),
        );
        let id = server()["containerID"].as_str().expect("it has an id").to_owned();
        cluster.kill_container(&id);
    }
    let message = namespace.wait_for("victim", "Ready", "False", "CrashLoop");
    assert_says(&message, &["was ended by signal 9", "Look at status.lastFailure"]);
    load.assert_unharmed();
    let failure = namespace.get("emb", "victim")["status"]["lastFailure"].clone();
    assert_eq!(failure["exitCode"], 137, "{failure:#}");

    namespace.wait_for("victim", "Ready", "True", "Ready");
    let base = format!("http://victim.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "victim", &texts()[..4], "unused");
    assert_equal_to_sentence_transformers(&vectors, 0);
    load.assert_unharmed();
}

#[test]
fn a_model_that_cannot_be_loaded_says_why_and_is_not_rolled_out() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unloadable");
    let load = serve(&namespace, &minilm());

    apply(&namespace, "minilm", "repo: test/unloadable", &with_memory("1Gi"));
    let message = namespace.wait_for("minilm", "Ready", "False", "LoadFailed");
    assert_says(&message, &["openvino_model.xml", "Look at status.lastFailure"]);
    load.assert_unharmed();
    let failure = namespace.get("emb", "minilm")["status"]["lastFailure"].clone();
    assert_says(failure["message"].as_str().unwrap_or_default(), &["openvino_model.xml"]);

    apply(&namespace, "minilm", &minilm(), &with_memory("1Gi"));
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    assert_eq!(load.seen()["fingerprints"].as_array().map(Vec::len), Some(1));
    load.assert_unharmed();
}
