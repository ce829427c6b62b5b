//! Deleting a model converges, in every way that Kubernetes has, and also when a Job cannot run.

use integration_tests::kubelet::Kubelet;
use integration_tests::operator::{Model, Operator};
use integration_tests::wait;
use serde_json::{Value, json};

use crate::stage::{COMMIT, bring_files, model, serve, stage};

const SPEC: &str = "{source: {huggingFace: {repo: a/b}}}";

/// What is left of a model in its namespace, pods and events apart.
fn left(model: &Model<'_>) -> Vec<String> {
    let mut left = Vec::new();
    for (api, resource) in [
        ("api/v1", "configmaps"),
        ("api/v1", "services"),
        ("api/v1", "persistentvolumeclaims"),
        ("apis/apps/v1", "deployments"),
        ("apis/apps/v1", "replicasets"),
        ("apis/batch/v1", "jobs"),
        ("apis/networking.k8s.io/v1", "networkpolicies"),
        ("apis/policy/v1", "poddisruptionbudgets"),
    ] {
        let list = model
            .plane
            .get(&format!("/{api}/namespaces/{}/{resource}", model.namespace))
            .expect("a list");
        for object in list["items"].as_array().into_iter().flatten() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let is_leaving = object["metadata"]["deletionTimestamp"] != Value::Null;
            // Nobody here lets go of a volume that pods have used.
            if name != "kube-root-ca.crt" && !(resource == "persistentvolumeclaims" && is_leaving) {
                left.push(format!("{resource}/{name}"));
            }
        }
    }
    left
}

fn wait_until_gone(model: &Model<'_>) {
    let kubelet = Kubelet::new(model.plane, model.namespace);
    wait::until_or(
        "nothing is left of the model",
        || {
            kubelet.end_leaving_pods();
            model.get().is_none() && left(model).is_empty()
        },
        || format!("{:?} {:?}", model.get().map(|it| it["metadata"].clone()), left(model)),
    );
}

#[test]
fn background_and_foreground_deletion_leave_nothing() {
    let Some(stage) = stage() else { return };
    for (index, propagation) in ["Background", "Foreground"].into_iter().enumerate() {
        let namespace = stage.plane.namespace("delete");
        let (model, _) =
            model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b}}, replicas: 2}");
        bring_files(&model, COMMIT);
        model.wait_for_object("apis/policy/v1", "poddisruptionbudgets", "bge");
        let kubelet = Kubelet::new(model.plane, model.namespace);
        let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
        kubelet.run(&pod, &format!("127.0.14.{}", index + 1), true);
        model.delete(propagation);
        wait_until_gone(&model);
    }
}

#[test]
fn a_model_that_is_deleted_while_it_is_pulled_leaves_nothing() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("early");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    crate::stage::finish_job(&kubelet, "resolve", &crate::stage::resolved(COMMIT));
    model.wait_for("CachePopulated", "False", "Pulling");
    model.delete("Foreground");
    wait_until_gone(&model);
}

#[test]
fn orphans_go_on_serving_and_are_taken_up_again() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("orphan");
    let (model, _) = model(stage, &namespace, "bge", SPEC);
    bring_files(&model, COMMIT);
    serve(&model, "127.0.14.5");
    let uid = |it: Option<Value>| it.expect("it is there")["metadata"]["uid"].clone();
    let deployment = uid(model.object("apis/apps/v1", "deployments", "bge"));
    model.delete("Orphan");
    wait::until("the model is gone", || model.get().is_none());
    assert_eq!(uid(model.object("apis/apps/v1", "deployments", "bge")), deployment);
    model.apply(SPEC);
    // The Job that resolved the revision is still there too, and its answer counts.
    model.wait_for("Ready", "True", "Ready");
    assert_eq!(uid(model.object("apis/apps/v1", "deployments", "bge")), deployment);
    model.delete("Background");
    wait_until_gone(&model);
}

#[test]
fn a_model_that_is_deleted_and_made_again_at_once_comes_up() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("again");
    let (model, kubelet) = model(stage, &namespace, "bge", SPEC);
    bring_files(&model, COMMIT);
    serve(&model, "127.0.14.6");
    let old = model.get().expect("it is there")["metadata"]["uid"].clone();
    model.delete("Background");
    model.apply(SPEC);
    assert_ne!(model.get().expect("it is there")["metadata"]["uid"], old);
    wait::until("its files are there again", || {
        kubelet.end_leaving_pods();
        for component in ["resolve", "pull"] {
            for pod in kubelet.pods(&format!("app.kubernetes.io/component={component}")) {
                let name = pod["metadata"]["name"].as_str().expect("a name");
                if pod["status"]["phase"] == "Pending" {
                    kubelet.finish(name, &crate::stage::resolved(COMMIT).render());
                }
            }
        }
        model.condition("CachePopulated").0 == "True"
    });
    crate::stage::say_info("127.0.14.7", &crate::stage::info("bge", "CPU"));
    wait::until("it is ready again", || {
        kubelet.end_leaving_pods();
        for pod in kubelet.pods("app.kubernetes.io/component=serving") {
            if pod["status"]["phase"] == "Pending" {
                kubelet.run(pod["metadata"]["name"].as_str().expect("a name"), "127.0.14.7", true);
            }
        }
        model.condition("Ready").0 == "True"
    });
}

#[test]
fn files_in_a_volume_of_the_users_are_removed_by_a_job_that_is_waited_for_only_so_long() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let claim = json!({
        "metadata": {"name": "models"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    });
    let spec =
        "{source: {huggingFace: {repo: a/b}}, cache: {persistentVolumeClaim: {claimName: models}}}";

    let namespace = plane.namespace("claim");
    plane.create(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"), &claim);
    let (first, kubelet) = model(stage, &namespace, "bge", spec);
    bring_files(&first, COMMIT);
    first.delete("Background");
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=remove");
    assert!(first.get().is_some(), "the model waits for the Job");
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
    let key = first.status()["cache"]["key"].as_str().expect("it had files").to_owned();
    let args = plane.get(&path).expect("the pod")["spec"]["containers"][0]["args"].clone();
    assert_eq!((&args[0], &args[1]), (&json!("remove"), &json!(format!("/models/{key}"))));
    kubelet.finish(&pod, "");
    wait::until("the model is gone", || first.get().is_none());
    assert!(
        first.object("api/v1", "persistentvolumeclaims", "models").is_some(),
        "the claim is the user's"
    );

    // An operator that waits a second only, for a Job whose pod never runs.
    let namespace = plane.namespace("stuck");
    plane.create(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"), &claim);
    let (second, _) = model(stage, &namespace, "bge", spec);
    bring_files(&second, COMMIT);
    let operator = Operator::start(
        plane,
        &[
            "--no-leader-election",
            "--removal-timeout-seconds",
            "1",
            "--watch-namespaces",
            &namespace,
        ],
    );
    operator.wait_until_leading();
    second.delete("Background");
    wait::until("the model is gone although its Job never ran", || second.get().is_none());
    let events = plane.kubectl_ok([
        "get",
        "events",
        "--namespace",
        &namespace,
        "--output=jsonpath={.items[*].reason}",
    ]);
    assert!(events.contains("FilesLeftBehind"), "{events}");
}
