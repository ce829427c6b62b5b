//! Whatever changes, no request fails: constant load from inside of the cluster while models and the operator are
//! replaced.

use integration_tests::cluster::{Namespace, SYSTEM, cluster};
use integration_tests::helm::Helm;
use integration_tests::wait;
use serde_json::Value;

use crate::client::{Load, SMALL, minilm_source};

const SERVING: &str = "app.kubernetes.io/component=serving";

/// The specification with a further member.
fn apply(namespace: &Namespace<'_>, revision: &str, more: &str) {
    let source = minilm_source(&format!(", revision: {revision}"));
    namespace.apply_model("minilm", &[&source, SMALL, more]);
}

fn pods(namespace: &Namespace<'_>) -> Vec<String> {
    let uid = |pod: &Value| pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let mut uids: Vec<String> = namespace.list("pods", SERVING).iter().map(uid).collect();
    uids.sort();
    uids
}

/// Waits until other pods than before serve, alone.
fn wait_until_replaced(namespace: &Namespace<'_>, before: &[String]) {
    wait::for_long(
        "the pods are replaced",
        || {
            let now = pods(namespace);
            !now.is_empty() && now.iter().all(|pod| !before.contains(pod))
        },
        || namespace.kubectl(&["describe", "pods,emb"]),
    );
    namespace.wait_for("minilm", "Ready", "True", "Ready");
}

#[test]
fn no_request_fails_while_revision_settings_image_node_and_operator_change() {
    let Some(cluster) = cluster() else { return };
    let Some(helm) = Helm::find() else { return };
    let namespace = cluster.namespace_alone("rolling");
    apply(&namespace, "v1", "");
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let base = format!("http://minilm.{}.svc:8000", namespace.name);
    let load = Load::start(&namespace, &base, "minilm", 50);

    let first = namespace.get("emb", "minilm")["status"]["source"]["resolvedRevision"].clone();
    for (revision, more) in [
        ("main", ""),
        ("main", "pooling: CLS"),
        // The same image by another of its names.
        ("main", "image: {serving: 'embedserve:dev'}"),
    ] {
        let before = pods(&namespace);
        apply(&namespace, revision, more);
        wait_until_replaced(&namespace, &before);
        load.assert_unharmed();
    }
    let second = namespace.get("emb", "minilm")["status"]["source"]["resolvedRevision"].clone();
    assert_ne!(first, second);

    // A node that is drained takes one pod at a time.
    apply(&namespace, "main", "replicas: 2");
    wait::for_long(
        "two pods serve",
        || namespace.get("emb", "minilm")["status"]["readyReplicas"] == 2,
        || namespace.kubectl(&["describe", "pods"]),
    );
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let before = pods(&namespace);
    let name =
        namespace.list("pods", SERVING)[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    let eviction = format!(
        r#"{{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {{"name": "{name}", "namespace": "{}"}}}}"#,
        namespace.name
    );
    let path = format!("/api/v1/namespaces/{}/pods/{name}/eviction", namespace.name);
    let output =
        cluster.kubectl_with_input(["create", "--raw", &path, "--filename", "-"], &eviction);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wait::for_long(
        "another pod takes its place",
        || {
            let now = pods(&namespace);
            now.len() == 2
                && now != before
                && namespace.get("emb", "minilm")["status"]["readyReplicas"] == 2
        },
        || namespace.kubectl(&["describe", "pods"]),
    );
    load.assert_unharmed();

    // Another operator, the same pods.
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let (before, generation) =
        (pods(&namespace), namespace.get("deployment", "minilm")["metadata"]["generation"].clone());
    cluster.upgrade(&helm, &["--set", "podAnnotations.upgraded=again"]);
    cluster.kubectl_ok([
        "rollout",
        "status",
        "deployment/embedserve-operator",
        "--namespace",
        SYSTEM,
        "--timeout=120s",
    ]);
    apply(&namespace, "main", "replicas: 2\n  suspend: false");
    wait::for_long(
        "the new operator has looked at the model",
        || {
            let model = namespace.get("emb", "minilm");
            model["status"]["observedGeneration"] == model["metadata"]["generation"]
        },
        || namespace.kubectl(&["describe", "emb"]),
    );
    assert_eq!(
        (pods(&namespace), namespace.get("deployment", "minilm")["metadata"]["generation"].clone()),
        (before, generation)
    );
    let answered = load.assert_unharmed();
    assert!(answered > 500, "{answered}");
    // Vectors say in which space they are: with CLS it was another.
    let fingerprints = load.seen()["fingerprints"].as_array().expect("a list").len();
    assert!(fingerprints >= 3, "{:#}", load.seen());
}
