//! What `kubectl get` and `kubectl scale` make of a model.

use integration_tests::control_plane::{ControlPlane, User};
use reqwest::Method;
use serde_json::{Value, json};

use crate::small_model::small_model;
use crate::support::{models_of, plane};

/// A model in a namespace of its own, with the status that the operator would give it.
fn model_with_status(plane: &ControlPlane, spec: &Value) -> (String, String) {
    let namespace = plane.namespace("columns");
    let models = models_of(&namespace);
    plane.create(&models, &small_model("small", spec));
    let status = json!({"status": {
        "observedGeneration": 1,
        "phase": "Ready",
        "conditions": [
            {
                "type": "CachePopulated", "status": "Unknown", "reason": "Elsewhere", "message": "",
                "lastTransitionTime": "2026-01-02T03:04:05Z"
            },
            {
                "type": "Ready", "status": "True", "reason": "Serving", "message": "It answers.",
                "lastTransitionTime": "2026-01-02T03:04:05Z"
            }
        ],
        "source": {"shortRevision": "8b3219a9"},
        "pull": {"percent": 42},
        "cache": {"claimName": "small-cache"},
        "model": {"dimensions": 384},
        "fingerprint": "f00d",
        "device": {"actual": "CPU"},
        "endpoint": {"url": "http://small.columns.svc:8000"},
        "replicas": 3,
        "readyReplicas": 2,
        "selector": "embedserve.dev/model=small"
    }});
    let one = format!("{models}/small");
    let answer = plane.request(User::Admin, Method::PATCH, &format!("{one}/status"), Some(&status));
    assert_eq!(answer.object()["status"], status["status"], "nothing of the status is dropped");
    (namespace, one)
}

fn table(output: &str) -> Vec<Vec<&str>> {
    output.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn get_shows_readiness_model_device_and_replicas() {
    let Some(plane) = plane() else { return };
    let (namespace, _) = model_with_status(plane, &json!({}));
    let output = plane.kubectl_ok(["get", "emb", "--namespace", &namespace]);
    let rows = table(&output);
    let columns = ["NAME", "READY", "REASON", "MODEL", "REV", "DIM", "DEVICE", "REPLICAS", "AGE"];
    assert_eq!(rows[0], columns);
    assert_eq!(rows[1][..8], ["small", "True", "Serving", "a/b", "8b3219a9", "384", "CPU", "2"]);
    assert_eq!(rows[1].len(), columns.len(), "{output}");
    assert_eq!(rows.len(), 2, "{output}");
}

#[test]
fn get_wide_also_shows_fingerprint_address_pull_and_volume() {
    let Some(plane) = plane() else { return };
    let (namespace, _) = model_with_status(plane, &json!({}));
    let output = plane.kubectl_ok(["get", "emb", "--output=wide", "--namespace", &namespace]);
    let rows = table(&output);
    assert_eq!(rows[0][9..], ["FINGERPRINT", "URL", "PULL%", "CACHE"]);
    assert_eq!(rows[1][9..], ["f00d", "http://small.columns.svc:8000", "42", "small-cache"]);
}

#[test]
fn get_all_lists_models_too() {
    let Some(plane) = plane() else { return };
    let (namespace, _) = model_with_status(plane, &json!({}));
    let output = plane.kubectl_ok(["get", "all", "--output=name", "--namespace", &namespace]);
    assert_eq!(output, "embeddingmodel.embedserve.dev/small\n");
}

#[test]
fn a_new_model_has_a_row_before_the_operator_has_seen_it() {
    let Some(plane) = plane() else { return };
    let namespace = plane.namespace("columns");
    plane.create(&models_of(&namespace), &small_model("small", &json!({})));
    let output = plane.kubectl_ok(["get", "emb", "--no-headers", "--namespace", &namespace]);
    assert_eq!(table(&output)[0][..2], ["small", "a/b"], "{output}");
}

#[test]
fn scale_changes_the_replicas_and_tells_autoscalers_the_selector() {
    let Some(plane) = plane() else { return };
    let (namespace, one) = model_with_status(plane, &json!({"replicas": 1}));
    let arguments = ["scale", "emb/small", "--current-replicas=1", "--replicas=4", "--namespace"];
    plane.kubectl_ok(arguments.iter().copied().chain([namespace.as_str()]));
    assert_eq!(plane.get(&one).expect("it is there")["spec"]["replicas"], 4);
    let scale = plane.get(&format!("{one}/scale")).expect("there is a scale");
    assert_eq!(scale["spec"], json!({"replicas": 4}));
    assert_eq!(scale["status"], json!({"replicas": 3, "selector": "embedserve.dev/model=small"}));
}

#[test]
fn a_model_without_replicas_can_be_scaled() {
    let Some(plane) = plane() else { return };
    let (namespace, one) = model_with_status(plane, &json!({}));
    plane.kubectl_ok(["scale", "emb/small", "--replicas=2", "--namespace", &namespace]);
    assert_eq!(plane.get(&one).expect("it is there")["spec"]["replicas"], 2);
}

/// Otherwise two would decide about one number.
#[test]
fn a_model_that_follows_the_load_cannot_be_scaled_by_hand() {
    let Some(plane) = plane() else { return };
    let (namespace, _) = model_with_status(plane, &json!({"autoscaling": {"max": 2}}));
    let output = plane.kubectl(["scale", "emb/small", "--replicas=2", "--namespace", &namespace]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("replicas and autoscaling are exclusive"), "{error}");
}

/// The operator writes the one and users the other, each without touching what is not theirs.
#[test]
fn status_and_specification_are_written_apart() {
    let Some(plane) = plane() else { return };
    let (_, one) = model_with_status(plane, &json!({}));
    let both = json!({"spec": {"replicas": 7}, "status": {"phase": "Failed"}});
    let through_status = format!("{one}/status");
    plane.request(User::Admin, Method::PATCH, &through_status, Some(&both)).object();
    let model = plane.get(&one).expect("it is there");
    assert_eq!(
        (&model["spec"].get("replicas"), &model["status"]["phase"]),
        (&None, &json!("Failed"))
    );
    assert_eq!(model["metadata"]["generation"], 1);
    let both = json!({"spec": {"replicas": 7}, "status": {"phase": "Ready"}});
    plane.request(User::Admin, Method::PATCH, &one, Some(&both)).object();
    let model = plane.get(&one).expect("it is there");
    assert_eq!(
        (&model["spec"]["replicas"], &model["status"]["phase"]),
        (&json!(7), &json!("Failed"))
    );
    assert_eq!(model["metadata"]["generation"], 2);
}
