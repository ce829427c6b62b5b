//! The hub is away, refuses, sends other bytes, or is slow.

use integration_tests::cluster::{Namespace, SYSTEM, cluster};
use integration_tests::program::MINILM;
use integration_tests::wait;
use serde_json::Value;

use super::{apply, assert_goes_on, assert_says, minilm, serve, with_memory};
use crate::client::{PULL, on_volume};

/// The hub's stand-in in a namespace of the test's own; returns its address.
fn start_hub(namespace: &Namespace<'_>) -> String {
    let (_, objects) = include_str!("../tools.yaml").split_once("---\n").expect("two objects");
    let host = format!("hub.{}.svc", namespace.name);
    let objects = objects
        .replace("namespace: tools", &format!("namespace: {}", namespace.name))
        .replace("hub.tools.svc", &host);
    namespace.apply(&objects);
    scale_hub(namespace, 1);
    format!("http://{host}:8080")
}

fn scale_hub(namespace: &Namespace<'_>, replicas: u32) {
    let replicas_argument = format!("--replicas={replicas}");
    namespace.kubectl(&["scale", "deployment/hub", &replicas_argument]);
    let has_so_many = || {
        let hub = namespace.get("deployment", "hub");
        hub["status"]["readyReplicas"].as_u64().unwrap_or_default() == u64::from(replicas)
            && namespace.list("pods", "app=hub").len() == replicas as usize
    };
    wait::for_long("the hub is as wanted", has_so_many, || {
        namespace.kubectl(&["describe", "pods", "--selector", "app=hub"])
    });
}

#[test]
fn a_hub_that_is_down_delays_a_new_revision_and_nothing_else() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("hub-down");
    let endpoint = start_hub(&namespace);
    let source =
        |revision: &str| format!("repo: {MINILM}, revision: {revision}, endpoint: '{endpoint}'");
    let load = serve(&namespace, &source("v1"));
    let commit = |namespace: &Namespace<'_>| {
        namespace.get("emb", "minilm")["status"]["source"]["resolvedRevision"].clone()
    };
    let first = commit(&namespace);

    scale_hub(&namespace, 0);
    apply(&namespace, "minilm", &source("main"), &with_memory("1Gi"));
    namespace.wait_for("minilm", "SourceResolved", "False", "HubUnreachable");
    let message = namespace.wait_for("minilm", "Ready", "False", "HubUnreachable");
    let host = endpoint.trim_start_matches("http://");
    assert_says(&message, &[host, "Check the endpoint", "tried again by itself"]);
    assert_goes_on(&load, &message);
    assert_eq!(namespace.condition("minilm", "Stalled")[0], "False", "nobody has to act");

    scale_hub(&namespace, 1);
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    assert_ne!(commit(&namespace), first);
    load.assert_unharmed();
}

#[test]
fn a_gated_repository_is_served_as_soon_as_there_is_a_token() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("gated");
    let load = serve(&namespace, &minilm());

    apply(&namespace, "minilm", "repo: test/gated", &with_memory("1Gi"));
    let message = namespace.wait_for("minilm", "Ready", "False", "AuthenticationRequired");
    assert_says(&message, &["test/gated", "set source.huggingFace.tokenSecretRef"]);
    assert_goes_on(&load, &message);
    assert_eq!(namespace.condition("minilm", "Stalled")[0], "True", "a person has to act");

    let source = "repo: test/gated, tokenSecretRef: {name: access}";
    apply(&namespace, "minilm", source, &with_memory("1Gi"));
    let message = namespace.wait_for("minilm", "Ready", "False", "SecretNotFound");
    assert_says(&message, &["access", "Create it"]);
    assert_goes_on(&load, &message);

    namespace.kubectl(&["create", "secret", "generic", "access", "--from-literal=token=hub-token"]);
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    load.assert_unharmed();
    let everything =
        namespace.kubectl(&["get", "emb,jobs,pods,configmaps,events", "--output=yaml"]);
    assert!(!everything.contains("hub-token"), "the token is in the Secret alone");
}

#[test]
fn bytes_that_are_not_the_hubs_never_get_into_place() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("wrong-bytes");
    let endpoint = start_hub(&namespace);
    let load = serve(&namespace, &minilm());

    let source = format!("repo: test/wrong-bytes, endpoint: '{endpoint}'");
    apply(&namespace, "minilm", &source, &with_memory("1Gi"));
    let message = namespace.wait_for("minilm", "CachePopulated", "False", "HashMismatch");
    assert_says(&message, &["model.safetensors", "expected", "Check the mirror"]);
    let message = namespace.wait_for("minilm", "Ready", "False", "HashMismatch");
    assert_goes_on(&load, &message);
    let model = namespace.get("emb", "minilm");
    assert_eq!(model["status"]["pull"]["lastError"]["reason"], "HashMismatch", "{model:#}");

    let cache = &model["status"]["cache"];
    let text = |key: &str| cache[key].as_str().unwrap_or_default().to_owned();
    let command = ["find", "/volume", "-name", "*.xml", "-o", "-name", "embedserve-manifest.json"];
    assert_eq!(on_volume(&namespace, "look", &text("claimName"), &command), "", "{cache:#}");

    apply(&namespace, "minilm", &minilm(), &with_memory("1Gi"));
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    assert_eq!(load.seen()["fingerprints"].as_array().map(Vec::len), Some(1));
    load.assert_unharmed();
}

#[test]
fn a_slow_pull_shows_how_far_it_is_and_survives_the_operator() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("slow");
    let source = format!("repo: test/slow, endpoint: '{}'", start_hub(&namespace));
    apply(&namespace, "minilm", &source, &with_memory("1Gi"));
    let pull = || namespace.get("emb", "minilm")["status"]["pull"].clone();
    let wait_for_more_than = |bytes: u64| {
        let mut seen = 0;
        wait::for_long(
            &format!("more than {bytes} bytes are there"),
            || {
                seen = pull()["bytesDone"].as_u64().unwrap_or_default();
                seen > bytes
            },
            || format!("{:#}", namespace.get("emb", "minilm")["status"]),
        );
        seen
    };
    let first = wait_for_more_than(0);
    wait_for_more_than(first);
    let told = ["bytesTotal", "bytesPerSecond", "etaSeconds", "percent"];
    wait::for_long(
        "size, speed and time are told",
        || {
            let seen = pull();
            told.iter().all(|key| seen[key].as_u64() > Some(0))
        },
        || format!("{:#}", pull()),
    );

    let operators = || {
        let selector = "--selector=app.kubernetes.io/name=embedserve-operator";
        let names = ["get", "pods", "--namespace", SYSTEM, selector, "--output=name"];
        cluster.kubectl_ok(names)
    };
    let before = operators();
    let operator = before.split_whitespace().next().expect("the operator runs");
    cluster.kubectl_ok(["delete", operator, "--namespace", SYSTEM, "--force", "--wait=false"]);

    namespace.wait_for("minilm", "Ready", "True", "Ready");
    assert!(!operators().contains(operator));
    let pulls = namespace.list("pods", PULL);
    let restarts: Vec<&Value> =
        pulls.iter().map(|pod| &pod["status"]["containerStatuses"][0]["restartCount"]).collect();
    assert_eq!(restarts, [0], "one pod has pulled, once");
}
