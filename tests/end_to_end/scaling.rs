//! More pods when a person asks for them, and when the load does.

use integration_tests::cluster::{Namespace, cluster};
use integration_tests::wait;

use crate::client::{Load, minilm_source};

fn apply(namespace: &Namespace<'_>, more: &str) {
    let resources = "resources: {requests: {cpu: 20m, memory: 200Mi}, limits: {memory: 1Gi}}";
    namespace.apply_model("minilm", &[&minilm_source(""), resources, more]);
}

fn wait_for_ready_pods(namespace: &Namespace<'_>, count: u32) {
    wait::for_long(
        &format!("{count} pods are ready"),
        || namespace.get("emb", "minilm")["status"]["readyReplicas"] == count,
        || namespace.kubectl(&["describe", "emb,deployments,hpa,pods"]),
    );
}

#[test]
fn kubectl_scale_makes_more_pods() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("scale");
    apply(&namespace, "");
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    namespace.kubectl(&["scale", "emb/minilm", "--replicas=3"]);
    wait_for_ready_pods(&namespace, 3);
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    assert_eq!(namespace.get("emb", "minilm")["spec"]["replicas"], 3);
}

#[test]
fn load_makes_the_autoscaler_start_another_pod() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace_alone("autoscale");
    apply(&namespace, "autoscaling: {min: 1, max: 2, target: 50}");
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let base = format!("http://minilm.{}.svc:8000", namespace.name);
    let load = Load::start(&namespace, &base, "minilm", 50);
    wait_for_ready_pods(&namespace, 2);
    let message = namespace.wait_for("minilm", "ScalingActive", "True", "Scaling");
    assert_eq!(message, "The autoscaler has its metrics.");
    load.assert_unharmed();
}
