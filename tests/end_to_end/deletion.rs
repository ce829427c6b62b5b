//! What a model leaves behind: nothing.

use std::collections::BTreeSet;

use integration_tests::cluster::{Namespace, cluster};
use integration_tests::wait;

use crate::client::{SMALL, minilm_source};

/// Everything in a namespace, by kind and name. Events are about what was, and stay for an hour.
fn everything(namespace: &Namespace<'_>) -> BTreeSet<String> {
    let kinds = namespace.cluster.kubectl_ok([
        "api-resources",
        "--verbs=list",
        "--namespaced",
        "--output=name",
    ]);
    let is_lasting = |kind: &&str| !kind.starts_with("events") && !kind.contains("metrics.k8s.io");
    let kinds: Vec<&str> = kinds.lines().filter(is_lasting).collect();
    let list = namespace.kubectl(&["get", &kinds.join(","), "--output=name", "--ignore-not-found"]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn a_model_that_is_deleted_leaves_no_object_and_no_volume() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("deletion");
    wait::for_long(
        "the namespace has what every namespace has",
        || everything(&namespace).len() >= 2,
        String::new,
    );
    let before = everything(&namespace);
    namespace.apply_model("minilm", &[&minilm_source(""), SMALL]);
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let claim = namespace.get("emb", "minilm")["status"]["cache"]["claimName"].clone();
    let claim = claim.as_str().expect("it has a volume");
    let volume = namespace.get("pvc", claim)["spec"]["volumeName"].clone();
    assert!(everything(&namespace).len() > before.len() + 5);
    namespace.kubectl(&["delete", "emb", "minilm", "--timeout=120s"]);
    wait::for_long(
        "nothing of the model is left",
        || everything(&namespace) == before,
        || format!("{:#?}", everything(&namespace).difference(&before).collect::<Vec<_>>()),
    );
    let volume = volume.as_str().expect("it was bound");
    wait::for_long(
        "the volume is gone too",
        || !cluster.kubectl(["get", "pv", volume]).status.success(),
        || cluster.kubectl_ok(["describe", "pv", volume]),
    );
}
