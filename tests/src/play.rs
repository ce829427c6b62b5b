//! Plays all pods at once: Jobs succeed, servers become ready. For tests and benches in which not the
//! pods matter but what the operator makes of them.

use reqwest::Method;
use serde_json::{Value, json};

use model_repository::job_report::{JobReport, ModelFacts, SourceReport};

use crate::control_plane::{ControlPlane, User};
use crate::hub::sha256;
use crate::kubelet::Kubelet;

/// All pods that the operator had made.
const PODS: &str = "/api/v1/pods?labelSelector=app.kubernetes.io/managed-by%3Dembedserve-operator";

/// Looks at all pods once and does what a node would do: those that are new succeed or become ready at
/// `address`, those that are leaving are gone.
pub fn play_pods(plane: &ControlPlane, address: &str) {
    let list = plane.get(PODS).expect("pods can be listed");
    for pod in list["items"].as_array().into_iter().flatten() {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let kubelet = Kubelet::new(plane, namespace);
        if !pod["metadata"]["deletionTimestamp"].is_null() {
            kubelet.end_leaving_pods();
        } else if text("/status/phase") == "Pending" {
            match text("/metadata/labels/app.kubernetes.io~1component") {
                "serving" => kubelet.try_run(name, address),
                _ => kubelet.try_finish(name, &report_of(pod).render()),
            }
        }
    }
}

/// The report of a Job's pod, by what its arguments ask for: the same for the same wish.
pub fn report_of(pod: &Value) -> JobReport {
    let args: Vec<&str> = pod["spec"]["containers"][0]["args"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let revision =
        args.iter().skip_while(|word| **word != "--revision").nth(1).copied().unwrap_or_default();
    let commit = match revision.len() {
        40 => revision.to_owned(),
        _ => sha256(format!("{} {revision}", args.get(1).copied().unwrap_or_default()).as_bytes())
            [..40]
            .to_owned(),
    };
    JobReport::Done(minilm(commit, sha256(revision.as_bytes())))
}

/// What Jobs report of all-MiniLM-L6-v2 with weights of int8.
pub fn minilm(commit: String, digest: String) -> SourceReport {
    SourceReport {
        commit,
        digest,
        files: 9,
        download_bytes: 91_000_000,
        disk_bytes: 120_000_000,
        weights_bytes: 23_400_000,
        weight_format: Some("int8".to_owned()),
        facts: ModelFacts {
            architecture: Some("BertModel".to_owned()),
            hidden_size: Some(384),
            intermediate_size: Some(1536),
            attention_heads: Some(12),
            usable_tokens: Some(512),
            pooling: Some("MEAN".to_owned()),
            tokenizer: Some("BertTokenizer".to_owned()),
            ..ModelFacts::default()
        },
    }
}

/// Where no controller makes pods: makes the pod of a Job, ended with its report.
pub fn play_job(plane: &ControlPlane, job: &Value) {
    let text = |pointer: &str| job.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let mut template = job["spec"]["template"].clone();
    template["metadata"]["name"] = json!(format!("{name}-0"));
    template["metadata"]["labels"]["batch.kubernetes.io/job-name"] = json!(name);
    let report = report_of(&template).render();
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let answer = plane.request(User::Admin, Method::POST, &pods, Some(&template));
    if answer.status == 409 {
        return;
    }
    let pod = answer.object();
    let container = &pod["spec"]["containers"][0];
    let status = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed", "message": report}},
    }]}});
    let path = format!("{pods}/{name}-0/status");
    plane.request(User::Admin, Method::PATCH, &path, Some(&status)).object();
}
