//! Models on GPUs of a device plugin, as far as that goes without a GPU: the kubelet, the device files, their groups
//! and Pod Security are the real ones, only OpenVINO finds no driver behind them.

use integration_tests::cluster::{Namespace, cluster};
use integration_tests::fake_gpus::{GROUP, NodeGpus};
use integration_tests::wait;
use serde_json::{Value, json};

use crate::client::{SMALL, embed, minilm_source};

const SERVING: &str = "app.kubernetes.io/component=serving";

/// A model for a GPU. The image that it names is for CPUs only: the one for GPUs is large, and finds no more here.
fn apply(namespace: &Namespace<'_>, name: &str, device: &str) {
    let image = "image: {serving: docker.io/library/embedserve:dev}";
    let device = format!("device: {{target: GPU{device}}}");
    namespace.apply_model(name, &[&minilm_source(""), SMALL, image, &device]);
}

/// The only pod that serves, once it runs.
fn running_pod(namespace: &Namespace<'_>) -> Value {
    let mut pods = Vec::new();
    wait::for_long(
        "one pod runs",
        || {
            pods = namespace.list("pods", SERVING);
            pods.len() == 1
                && pods[0]["status"]["containerStatuses"][0]["started"].is_boolean()
                && pods[0]["status"]["phase"] == "Running"
        },
        || namespace.kubectl(&["describe", "pods"]),
    );
    pods.remove(0)
}

/// What a process with the same rights and resources as a serving pod meets at each render node: Linux' name of the
/// error.
fn opened_like(namespace: &Namespace<'_>, serving: &Value) -> String {
    let program = "import errno, os
for name in ['renderD128', 'renderD129']:
    try:
        os.open('/dev/dri/' + name, os.O_RDWR)
        print(name, 'opened')
    except OSError as error:
        print(name, errno.errorcode[error.errno])";
    let server = &serving["spec"]["containers"][0];
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "opener"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": serving["spec"]["securityContext"],
            "containers": [{
                "name": "opener",
                "image": "docker.io/library/embedserve-tools:dev",
                "imagePullPolicy": "Never",
                "command": ["python3", "-c", program],
                "resources": server["resources"],
                "securityContext": server["securityContext"],
            }],
        },
    });
    namespace.apply(&pod.to_string());
    let printed = namespace.output_of("opener");
    namespace.kubectl(&["delete", "pod", "opener"]);
    printed
}

#[test]
fn a_pod_gets_a_gpu_and_its_group_and_says_when_openvino_cannot_use_it() {
    let Some(cluster) = cluster() else { return };
    let Some(gpus) = NodeGpus::take() else { return };
    let namespace = cluster.namespace("gpu");
    let plugin = gpus.offer("gpu.intel.com/i915", 2);
    apply(&namespace, "minilm", "");

    // The device is there and does not work: that is said, and the pod takes no requests.
    let message = namespace.wait_for("minilm", "DeviceVerified", "False", "DeviceMismatch");
    assert!(
        message.contains("device GPU is not available on this machine; OpenVINO sees: CPU"),
        "{message}"
    );
    assert!(
        message.contains("Look at the pod's log, at the node's driver and render group")
            && message.contains("image.serving is one for GPUs"),
        "{message}"
    );
    let message = namespace.wait_for("minilm", "Ready", "False", "LoadFailed");
    assert!(message.contains("device GPU is not available"), "{message}");
    assert_eq!(namespace.condition("minilm", "Stalled")[0], "True");
    let device = namespace.get("emb", "minilm")["status"]["device"].clone();
    assert_eq!(
        (&device["resourceName"], &device["renderGIDs"], &device["verifiedPods"]),
        (&json!("gpu.intel.com/i915"), &json!([GROUP]), &json!(0))
    );

    // One of the node's two devices, and the group that a Job found there: all under Pod Security's `restricted`.
    let pod = running_pod(&namespace);
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], false);
    assert_eq!(pod["spec"]["securityContext"]["supplementalGroups"], json!([GROUP]));
    assert!(pod["spec"]["containers"][0]["securityContext"]["privileged"].is_null());
    let opened = opened_like(&namespace, &pod);
    let mut met: Vec<&str> = opened.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    met.sort_unstable();
    // Allowed, with no driver behind it; and not there.
    assert_eq!(met, ["ENOENT", "ENXIO"], "{opened}");

    // With a fallback it serves, and says on what.
    apply(&namespace, "minilm", ", fallback: CPU");
    let message = namespace.wait_for("minilm", "Ready", "True", "FallbackInUse");
    assert!(message.contains("runs on CPU") && message.contains("OpenVINO sees: CPU"), "{message}");
    assert_eq!(namespace.condition("minilm", "DeviceVerified")[..2], ["False", "FallbackInUse"]);
    let model = namespace.get("emb", "minilm");
    assert_eq!(
        (&model["status"]["device"]["actual"], &model["status"]["phase"]),
        (&json!("CPU"), &json!("Degraded"))
    );
    let base = format!("http://minilm.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "minilm", &["A GPU?".to_owned()], "unused");
    assert_eq!(vectors[0].len(), 384);

    // A plugin that goes takes nothing down, but nothing new starts.
    let serving = namespace.list("pods", SERVING)[0]["metadata"]["uid"].clone();
    drop(plugin);
    apply(&namespace, "second", "");
    let message = namespace.wait_for("second", "Schedulable", "False", "InsufficientGPU");
    assert_eq!(
        message,
        "No node that the pods may run on offers gpu.intel.com/i915 or gpu.intel.com/xe: Intel's device plugin is not there, \
         or found no device. Add a node with an Intel GPU and its device plugin, or lower replicas."
    );
    assert_eq!(namespace.list("pods", SERVING)[0]["metadata"]["uid"], serving);
    assert_eq!(namespace.condition("minilm", "Ready")[0], "True");

    // It comes back with the other driver's name, which the new model follows and the old one moves to; whoever
    // insists on the one before is told what there is.
    let _plugin = gpus.offer("gpu.intel.com/xe", 4);
    apply(&namespace, "third", ", gpu: {resourceName: gpu.intel.com/i915}");
    namespace.wait_for("second", "DeviceVerified", "False", "DeviceMismatch");
    let device = namespace.get("emb", "second")["status"]["device"].clone();
    assert_eq!(device["resourceName"], "gpu.intel.com/xe");
    let message = namespace.wait_for("third", "Schedulable", "False", "NoMatchingDriver");
    assert_eq!(
        message,
        "No node that the pods may run on offers gpu.intel.com/i915; offered are gpu.intel.com/xe. \
         Set device.gpu.resourceName to what the nodes offer, or to Auto."
    );
}
