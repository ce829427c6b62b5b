//! Models on Intel GPUs. No test has a GPU: nodes say what they offer, and pods what they run on.

use integration_tests::control_plane::{ControlPlane, User};
use integration_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

use model_repository::job_report::JobReport;

use crate::stage::{COMMIT, bring_files, info, model, say_info, stage};

/// A node with a label of its own, so that tests do not see each other's.
pub(crate) fn node(
    plane: &ControlPlane,
    name: &str,
    pool: &str,
    devices: &Value,
    annotations: &Value,
) {
    let node = json!({"metadata": {"name": name, "labels": {"pool": pool, "kubernetes.io/hostname": name}, "annotations": annotations}});
    plane.create("/api/v1/nodes", &node);
    // A new node is tainted until its kubelet reports, which none does here.
    let ready = json!({"spec": {"taints": null}});
    plane
        .request(User::Admin, Method::PATCH, &format!("/api/v1/nodes/{name}"), Some(&ready))
        .object();
    offer(plane, name, devices);
}

fn offer(plane: &ControlPlane, node: &str, devices: &Value) {
    let status = json!({"status": {"capacity": devices, "allocatable": devices}});
    let path = format!("/api/v1/nodes/{node}/status");
    plane.request(User::Admin, Method::PATCH, &path, Some(&status)).object();
}

fn spec(pool: &str, device: &str) -> String {
    format!(
        "{{source: {{huggingFace: {{repo: a/b}}}}, scheduling: {{nodeSelector: {{pool: {pool}}}}}, device: {{{device}}}}}"
    )
}

fn pod_spec(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]
}

#[test]
fn a_node_with_a_gpu_is_found_and_its_render_group_added() {
    let Some(stage) = stage() else { return };
    node(
        &stage.plane,
        "arc-1",
        "arc",
        &json!({"gpu.intel.com/xe": "2"}),
        &json!({"embedserve.dev/render-gid": "992"}),
    );
    let namespace = stage.plane.namespace("gpu");
    let (model, kubelet) = model(stage, &namespace, "bge", &spec("arc", "target: GPU"));
    bring_files(&model, COMMIT);
    let deployment = model.wait_for_object("apis/apps/v1", "deployments", "bge-xe");
    let pod = pod_spec(&deployment);
    assert_eq!(pod["containers"][0]["resources"]["limits"]["gpu.intel.com/xe"], "1");
    assert_eq!(pod["securityContext"]["supplementalGroups"], json!([992]));
    assert_eq!(pod["containers"][0]["image"], "ghcr.io/embedserve/embedserve:0.1.0-gpu");

    // A pod that answers from a CPU is not what was asked for.
    say_info("127.0.15.1", &info("bge", "CPU"));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.run(&pod, "127.0.15.1", true);
    model.wait_for("DeviceVerified", "False", "DeviceMismatch");
    model.wait_for("Ready", "False", "DeviceMismatch");
    let status = model.status();
    assert_eq!(
        (&status["device"]["actual"], &status["device"]["verifiedPods"]),
        (&json!("CPU"), &json!(0))
    );
    assert_eq!(status["device"]["resourceName"], "gpu.intel.com/xe");
    assert_eq!(status["device"]["renderGIDs"], json!([992]));
}

#[test]
fn nodes_of_both_drivers_get_a_deployment_each_behind_the_one_service() {
    let Some(stage) = stage() else { return };
    node(
        &stage.plane,
        "mixed-1",
        "mixed",
        &json!({"gpu.intel.com/i915": "1"}),
        &json!({"embedserve.dev/render-gid": "109"}),
    );
    node(
        &stage.plane,
        "mixed-2",
        "mixed",
        &json!({"gpu.intel.com/xe": "1"}),
        &json!({"embedserve.dev/render-gid": "992"}),
    );
    let namespace = stage.plane.namespace("mixed");
    let two = spec("mixed", "target: GPU").replacen('{', "{replicas: 2, ", 1);
    let (model, kubelet) = model(stage, &namespace, "bge", &two);
    bring_files(&model, COMMIT);
    for (name, resource, address) in [
        ("bge-i915", "gpu.intel.com/i915", "127.0.15.2"),
        ("bge-xe", "gpu.intel.com/xe", "127.0.15.3"),
    ] {
        let deployment = model.wait_for_object("apis/apps/v1", "deployments", name);
        assert_eq!(deployment["spec"]["replicas"], 1);
        assert_eq!(pod_spec(&deployment)["containers"][0]["resources"]["limits"][resource], "1");
        assert_eq!(
            pod_spec(&deployment)["securityContext"]["supplementalGroups"],
            json!([109, 992])
        );
        say_info(address, &info("bge", "GPU.0"));
        let driver = name.trim_start_matches("bge-");
        let pod = kubelet.wait_for_pod(&format!("embedserve.dev/gpu-driver={driver}"));
        kubelet.run(&pod, address, true);
    }
    model.wait_for("Ready", "True", "Ready");
    assert_eq!(model.status()["device"]["verifiedPods"], 2);
    let service = model.object("api/v1", "services", "bge").expect("there is one");
    assert!(service["spec"]["selector"]["embedserve.dev/gpu-driver"].is_null());
}

#[test]
fn an_unknown_render_group_is_looked_for_on_the_node_and_never_guessed() {
    let Some(stage) = stage() else { return };
    node(&stage.plane, "flex-1", "flex", &json!({"gpu.intel.com/i915": "1"}), &json!({}));
    let namespace = stage.plane.namespace("group");
    let (model, kubelet) = model(stage, &namespace, "bge", &spec("flex", "target: GPU"));
    bring_files(&model, COMMIT);
    model.wait_for("Schedulable", "False", "RenderGroupUnknown");
    assert!(
        model.object("apis/apps/v1", "deployments", "bge-i915").is_none(),
        "no pod starts with a guess"
    );
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=render-group");
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
    let found = stage.plane.get(&path).expect("the pod");
    assert_eq!(found["spec"]["nodeSelector"]["kubernetes.io/hostname"], "flex-1");
    assert_eq!(found["spec"]["containers"][0]["resources"]["limits"]["gpu.intel.com/i915"], "1");
    kubelet.finish(&pod, &JobReport::RenderGroup { gid: 106 }.render());
    let deployment = model.wait_for_object("apis/apps/v1", "deployments", "bge-i915");
    assert_eq!(pod_spec(&deployment)["securityContext"]["supplementalGroups"], json!([106]));
}

#[test]
fn no_gpu_is_told_in_words_and_the_model_starts_when_one_comes() {
    let Some(stage) = stage() else { return };
    node(
        &stage.plane,
        "bare-1",
        "bare",
        &json!({"cpu": "4"}),
        &json!({"embedserve.dev/render-gid": "992"}),
    );
    let namespace = stage.plane.namespace("none");
    let (model, _) = model(stage, &namespace, "bge", &spec("bare", "target: GPU"));
    bring_files(&model, COMMIT);
    model.wait_for("Schedulable", "False", "InsufficientGPU");
    let (_, _, message) = model.condition("Ready");
    assert!(message.contains("offers gpu.intel.com/i915 or gpu.intel.com/xe"), "{message}");
    assert!(
        message.ends_with("Add a node with an Intel GPU and its device plugin, or lower replicas."),
        "{message}"
    );
    offer(&stage.plane, "bare-1", &json!({"cpu": "4", "gpu.intel.com/i915": "1"}));
    model.wait_for_object("apis/apps/v1", "deployments", "bge-i915");
}

#[test]
fn with_a_fallback_the_model_serves_on_a_cpu_and_says_so() {
    let Some(stage) = stage() else { return };
    node(&stage.plane, "plain-1", "plain", &json!({"cpu": "4"}), &json!({}));
    let namespace = stage.plane.namespace("fallback");
    let (model, kubelet) =
        model(stage, &namespace, "bge", &spec("plain", "target: GPU, fallback: CPU"));
    bring_files(&model, COMMIT);
    say_info("127.0.15.4", &info("bge", "CPU"));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.run(&pod, "127.0.15.4", true);
    model.wait_for("Ready", "True", "FallbackInUse");
    assert_eq!(model.condition("DeviceVerified").1, "FallbackInUse");
    assert_eq!(model.status()["phase"], "Degraded");
}

#[test]
fn a_claim_is_made_from_a_template_and_a_host_path_is_refused() {
    let Some(stage) = stage() else { return };
    node(&stage.plane, "dra-1", "dra", &json!({"cpu": "4"}), &json!({}));
    let namespace = stage.plane.namespace("dra");
    let device = "target: GPU, gpu: {allocation: DRA, claim: {driver: xe, minMemory: 8Gi}}";
    let (claimed, _) = model(stage, &namespace, "bge", &spec("dra", device));
    bring_files(&claimed, COMMIT);
    let deployment = claimed.wait_for_object("apis/apps/v1", "deployments", "bge");
    let name = pod_spec(&deployment)["resourceClaims"][0]["resourceClaimTemplateName"]
        .as_str()
        .expect("a template");
    let template = claimed
        .object("apis/resource.k8s.io/v1", "resourceclaimtemplates", name)
        .expect("it is there");
    let request = &template["spec"]["spec"]["devices"]["requests"][0]["exactly"];
    assert_eq!(request["deviceClassName"], "gpu.intel.com");
    assert_eq!(request["selectors"].as_array().map(Vec::len), Some(2));
    assert!(pod_spec(&deployment)["securityContext"]["supplementalGroups"].is_null());

    let host = "target: GPU, gpu: {allocation: HostPath}";
    let (refused, _) = model(stage, &namespace, "lab", &spec("dra", host));
    refused.wait_for("Ready", "False", "HostPathNotAllowed");
    wait::until("it is stalled", || refused.condition("Stalled").0 == "True");
}
