//! From six lines to an address that answers, and what is said on the way.

use integration_tests::kubelet::Kubelet;
use integration_tests::operator::Model;
use integration_tests::program::{MINILM, Server, embedserve, minilm_repository};
use reqwest::Method;
use serde_json::{Value, json};

use integration_tests::control_plane::User;

use crate::stage::{COMMIT, finish_job, model, resolved, stage};

/// The program itself plays the pod's server: what the status says of it is what it really runs.
#[test]
fn six_lines_lead_to_a_model_whose_status_is_what_its_pod_says() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("first");
    let model = Model { plane, namespace: &namespace, name: "minilm" };
    let kubelet = Kubelet::new(plane, &namespace);
    model.apply(&format!("{{source: {{huggingFace: {{repo: {MINILM}}}}}, servedName: {MINILM}}}"));

    model.wait_for("SourceResolved", "False", "Resolving");
    let (_, _, message) = model.condition("Ready");
    assert!(message.ends_with("Wait for the resolve Job to finish."), "{message}");
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    model.wait_for("SourceResolved", "True", "Resolved");
    model.wait_for("CachePopulated", "False", "Pulling");
    finish_job(&kubelet, "pull", &resolved(COMMIT));
    model.wait_for("CachePopulated", "True", "Populated");

    let address = "127.0.11.1";
    let folder = minilm_repository().join(MINILM);
    let mut command = embedserve(["--model_name", MINILM, "--management_port", "8001"]);
    command.args(["--management_bind_address", address, "--model_path"]).arg(folder);
    let server = Server::spawn(command);
    server.wait_until("/v2/health/ready", 200);
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.run(&pod, address, true);
    model.wait_for("Ready", "True", "Ready");

    for (kind, reason) in [
        ("Schedulable", "NodesFit"),
        ("WorkloadAvailable", "Available"),
        ("ModelLoaded", "Loaded"),
        ("DeviceVerified", "Verified"),
        ("RouteReady", "Routed"),
    ] {
        let (status, found, message) = model.condition(kind);
        assert_eq!((status.as_str(), found.as_str()), ("True", reason), "{kind}: {message}");
    }
    assert_eq!(
        (model.condition("Reconciling").0, model.condition("Stalled").0),
        ("False".into(), "False".into())
    );
    let status = model.status();
    for (pointer, expected) in [
        ("/phase", json!("Ready")),
        ("/source/resolvedRevision", json!(COMMIT)),
        ("/source/sizeBytes", json!(91_000_000)),
        ("/device/actual", json!("CPU")),
        ("/device/verifiedPods", json!(1)),
        ("/device/nodes/0", json!("node-a")),
        ("/model/dimensions", json!(384)),
        ("/model/pooling", json!("Mean")),
        ("/endpoint/url", json!(format!("http://minilm.{namespace}.svc:8000/v3"))),
        ("/endpoint/servedName", json!(MINILM)),
        ("/rollout/state", json!("Complete")),
        ("/readyReplicas", json!(1)),
        ("/history/0/config_map", Value::Null),
    ] {
        assert_eq!(
            status.pointer(pointer).cloned().unwrap_or_default(),
            expected,
            "{pointer} in {status:#}"
        );
    }
    assert!(status["history"][0]["servedTime"].is_string(), "{status:#}");
    assert!(status["timings"]["compile"].is_string(), "{status:#}");
    // kubectl, Flux and Argo look at it like this.
    let waited = plane.kubectl_ok([
        "wait",
        "--for=condition=Ready",
        "--timeout=5s",
        "--namespace",
        &namespace,
        "emb/minilm",
    ]);
    assert!(waited.contains("condition met"), "{waited}");
    let events = plane.kubectl_ok([
        "get",
        "events",
        "--namespace",
        &namespace,
        "--output=jsonpath={.items[*].reason}",
    ]);
    for reason in ["Resolving", "Resolved", "Pulling", "Populated", "Available", "Ready"] {
        assert!(
            events.split_whitespace().any(|event| event == reason),
            "no event {reason} in {events}"
        );
    }
}

#[test]
fn a_model_has_exactly_the_objects_that_it_needs() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("objects");
    let (model, _) = model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b}}}");
    crate::stage::bring_files(&model, COMMIT);
    model.wait_for_object("apis/apps/v1", "deployments", "bge");
    let key = model.status()["cache"]["key"].as_str().expect("it is resolved").to_owned();
    let claim = model
        .object("api/v1", "persistentvolumeclaims", &format!("emb-{key}"))
        .expect("the volume");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "256Mi");
    for (api, resource, name) in [
        ("api/v1", "services", "bge".to_owned()),
        ("api/v1", "configmaps", format!("emb-{key}")),
        ("apis/networking.k8s.io/v1", "networkpolicies", "bge-serving".to_owned()),
        ("apis/networking.k8s.io/v1", "networkpolicies", "bge-jobs".to_owned()),
        ("apis/networking.k8s.io/v1", "networkpolicies", format!("emb-{key}-pull")),
    ] {
        assert!(model.object(api, resource, &name).is_some(), "{resource}/{name} is missing");
    }
    // One pod has no budget, and nobody asked for scaling or a way in.
    for (api, resource) in [
        ("apis/policy/v1", "poddisruptionbudgets"),
        ("apis/autoscaling/v2", "horizontalpodautoscalers"),
        ("apis/networking.k8s.io/v1", "ingresses"),
    ] {
        assert!(model.object(api, resource, "bge").is_none(), "{resource}");
    }
    let settings = stage.plane.kubectl_ok([
        "get",
        "configmap",
        "--namespace",
        &namespace,
        "--selector=embedserve.dev/model=bge",
        "--output=json",
    ]);
    let settings: Value = serde_json::from_str(&settings).expect("JSON");
    let map = &settings["items"][0];
    assert_eq!(map["immutable"], true);
    assert!(
        map["data"]["graph.pbtxt"].as_str().expect("a text").contains("pooling: MEAN"),
        "{map:#}"
    );
}

#[test]
fn an_object_that_somebody_else_made_is_left_alone_and_named() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("foreign");
    let service = json!({
        "metadata": {"name": "search"},
        "spec": {"selector": {"app": "search"}, "ports": [{"port": 80}]}
    });
    plane.create(&format!("/api/v1/namespaces/{namespace}/services"), &service);
    let (model, _) = model(stage, &namespace, "search", "{source: {huggingFace: {repo: a/b}}}");
    model.wait_for("Ready", "False", "ApplyFailed");
    let (_, _, message) = model.condition("Ready");
    assert!(
        message.contains("Service search exists and was not made by this operator"),
        "{message}"
    );
    let found = model.object("api/v1", "services", "search").expect("it is still there");
    assert_eq!(found["spec"]["selector"]["app"], "search");
    assert!(found["metadata"]["ownerReferences"].is_null());
    // Away with it, and the model goes on.
    let path = format!("/api/v1/namespaces/{namespace}/services/search");
    plane.request(User::Admin, Method::DELETE, &path, None).object();
    model.wait_for("Ready", "False", "Resolving");
}

#[test]
fn scaling_the_model_scales_its_deployment() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("scale");
    let (model, _) = model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b}}}");
    crate::stage::bring_files(&model, COMMIT);
    model.wait_for_object("apis/apps/v1", "deployments", "bge");
    plane.kubectl_ok(["scale", "--namespace", &namespace, "emb/bge", "--replicas=3"]);
    integration_tests::wait::until("the Deployment has three pods", || {
        model
            .object("apis/apps/v1", "deployments", "bge")
            .is_some_and(|it| it["spec"]["replicas"] == 3)
    });
    model.wait_for_object("apis/policy/v1", "poddisruptionbudgets", "bge");
    plane.kubectl_ok(["scale", "--namespace", &namespace, "emb/bge", "--replicas=0"]);
    model.wait_for("Ready", "True", "ScaledToZero");
    integration_tests::wait::until("there is no budget for no pods", || {
        model.object("apis/policy/v1", "poddisruptionbudgets", "bge").is_none()
    });
}

#[test]
fn autoscaling_has_an_autoscaler_whose_number_is_left_alone() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("autoscaling");
    let spec = "{source: {huggingFace: {repo: a/b}}, autoscaling: {min: 2, max: 5, target: 70}}";
    let (model, _) = model(stage, &namespace, "bge", spec);
    crate::stage::bring_files(&model, COMMIT);
    let autoscaler =
        model.wait_for_object("apis/autoscaling/v2", "horizontalpodautoscalers", "bge");
    assert_eq!(
        (&autoscaler["spec"]["minReplicas"], &autoscaler["spec"]["maxReplicas"]),
        (&json!(2), &json!(5))
    );
    model.wait_for_object("apis/apps/v1", "deployments", "bge");
    // No metrics-server runs here, and the condition says so.
    model.wait_for("ScalingActive", "False", "MetricsUnavailable");
    // The autoscaler's number, as it would set it.
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/bge/scale");
    plane
        .request(User::Admin, Method::PATCH, &path, Some(&json!({"spec": {"replicas": 4}})))
        .object();
    model.apply(&spec.replace("target: 70", "target: 60"));
    integration_tests::wait::until("the new target is applied", || {
        let found = model
            .object("apis/autoscaling/v2", "horizontalpodautoscalers", "bge")
            .expect("it is there");
        found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    });
    let deployment = model.object("apis/apps/v1", "deployments", "bge").expect("it is there");
    assert_eq!(deployment["spec"]["replicas"], 4);
}
