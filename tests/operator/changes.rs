//! Another revision, other settings, and the way back.

use integration_tests::control_plane::User;
use integration_tests::kubelet::{End, Kubelet};
use integration_tests::operator::Model;
use integration_tests::wait;
use serde_json::{Value, json};

use crate::stage::{COMMIT, bring_files, failed, finish_job, model, resolved, serve, stage};

const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn spec(revision: &str) -> String {
    format!("{{source: {{huggingFace: {{repo: a/b, revision: {revision}}}}}}}")
}

/// The commit whose files the Deployment's pods mount, by the folder in their settings.
fn served_folder(model: &Model<'_>) -> String {
    let deployment = model.object("apis/apps/v1", "deployments", model.name).expect("it serves");
    let volumes =
        deployment["spec"]["template"]["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let map = volumes
        .iter()
        .find_map(|volume| volume["configMap"]["name"].as_str())
        .expect("it has settings")
        .to_owned();
    let settings = model.object("api/v1", "configmaps", &map).expect("the settings are there");
    settings["data"]["config.json"].as_str().expect("a text").to_owned()
}

fn keys(model: &Model<'_>) -> Vec<String> {
    let history = model.status()["history"].as_array().cloned().unwrap_or_default();
    history.iter().filter_map(|release| Some(release["key"].as_str()?.to_owned())).collect()
}

/// The pod of the newest template becomes ready, and the pods before it end.
fn roll(model: &Model<'_>, address: &str) {
    let kubelet = Kubelet::new(model.plane, model.namespace);
    let deployment =
        || model.object("apis/apps/v1", "deployments", model.name).expect("it is there");
    let label =
        deployment()["spec"]["template"]["metadata"]["labels"]["embedserve.dev/release"].clone();
    let selector = format!("embedserve.dev/release={}", label.as_str().expect("pods have it"));
    crate::stage::say_info(address, &crate::stage::info(model.name, "CPU"));
    let pod = kubelet.wait_for_pod(&selector);
    kubelet.run(&pod, address, true);
    wait::until("the old pods are gone", || {
        kubelet.end_leaving_pods();
        deployment()["status"]["replicas"] == 1
    });
}

#[test]
fn a_new_revision_is_pulled_beside_the_old_one_and_rolls_when_its_files_are_there() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("update");
    let (model, kubelet) = model(stage, &namespace, "bge", &spec("main"));
    bring_files(&model, COMMIT);
    serve(&model, "127.0.13.1");
    let old = served_folder(&model);
    let old_key = keys(&model)[0].clone();

    model.apply(&spec("v2"));
    model.wait_for("Ready", "False", "Resolving");
    assert!(
        model.condition("Ready").2.contains("goes on serving"),
        "{}",
        model.condition("Ready").2
    );
    finish_job(&kubelet, "resolve", &resolved(OTHER));
    model.wait_for("CachePopulated", "False", "Pulling");
    assert_eq!(served_folder(&model), old, "nothing rolls before the files are there");
    let new_key = keys(&model)[0].clone();
    assert!(model.object("api/v1", "persistentvolumeclaims", &format!("emb-{new_key}")).is_some());
    finish_job(&kubelet, "pull", &resolved(OTHER));
    wait::until("the new files are rolled out", || served_folder(&model) != old);
    model.wait_for("Ready", "False", "RollingOut");
    roll(&model, "127.0.13.2");
    model.wait_for("Ready", "True", "Ready");
    let status = model.status();
    assert_eq!(status["rollout"]["currentRevision"], OTHER);
    assert_eq!(status["rollout"]["previousRevision"], COMMIT);
    assert_eq!(keys(&model), [new_key.clone(), old_key.clone()]);

    // Back again: the old files are still there, and nobody is asked for them.
    let made = stage.plane.audit().len();
    model.apply(&spec("main"));
    wait::until("the old files are rolled out", || served_folder(&model) == old);
    roll(&model, "127.0.13.3");
    model.wait_for("Ready", "True", "Ready");
    assert_eq!(model.status()["source"]["resolvedRevision"], COMMIT);
    let audit = stage.plane.audit();
    let jobs = audit[made..]
        .iter()
        .filter(|it| it.resource == "jobs" && it.namespace == namespace && it.verb != "get");
    let by_operator: Vec<_> =
        jobs.filter(|it| it.user == User::Operator.name() && it.verb == "patch").collect();
    assert!(by_operator.is_empty(), "{by_operator:?}");
}

#[test]
fn a_bad_new_revision_leaves_the_old_one_serving_and_says_so() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("bad");
    let (model, kubelet) = model(stage, &namespace, "bge", &spec("main"));
    bring_files(&model, COMMIT);
    serve(&model, "127.0.13.4");
    let old = served_folder(&model);
    model.apply(&spec("v9"));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=resolve");
    let report = failed("RevisionNotFound", "a/b has no revision v9", Some(404));
    kubelet.crash(&pod, &End { exit_code: 1, reason: "Error", message: &report.render() }, 1);
    model.wait_for("Ready", "False", "RevisionNotFound");
    let status = model.status();
    assert_eq!(status["phase"], "Degraded");
    assert_eq!(model.condition("WorkloadAvailable").0, "True");
    assert!(model.condition("Ready").2.contains("commit 01234567 goes on serving"));
    assert_eq!(served_folder(&model), old);
    // What has nothing to do with the files is done all the same.
    stage.plane.kubectl_ok(["scale", "--namespace", &namespace, "emb/bge", "--replicas=2"]);
    wait::until("it is scaled", || {
        model
            .object("apis/apps/v1", "deployments", "bge")
            .is_some_and(|it| it["spec"]["replicas"] == 2)
    });
    assert_eq!(served_folder(&model), old);
}

#[test]
fn a_change_of_settings_needs_no_pull_and_has_settings_of_its_own() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("settings");
    let (model, _) = model(stage, &namespace, "bge", &spec("main"));
    bring_files(&model, COMMIT);
    serve(&model, "127.0.13.5");
    let before = model.status()["history"][0].clone();
    model.apply("{source: {huggingFace: {repo: a/b}}, pooling: CLS}");
    model.wait_for("Ready", "False", "RollingOut");
    let after = model.status()["history"][0].clone();
    assert_eq!(before["key"], after["key"]);
    assert_ne!(before["configMap"], after["configMap"]);
    let old = before["configMap"].as_str().expect("it has settings");
    assert!(model.object("api/v1", "configmaps", old).is_some(), "the old pods still need them");
}

#[test]
fn a_rollout_that_makes_no_progress_goes_back() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("rollback");
    let fast = "rollout: {progressDeadline: 30s}";
    let (model, _) = model(
        stage,
        &namespace,
        "bge",
        &format!("{{source: {{huggingFace: {{repo: a/b}}}}, {fast}}}"),
    );
    bring_files(&model, COMMIT);
    serve(&model, "127.0.13.6");
    let old = served_folder(&model);
    let good = model.status()["history"][0]["configMap"].clone();
    model.apply(&format!("{{source: {{huggingFace: {{repo: a/b}}}}, pooling: CLS, {fast}}}"));
    model.wait_for("Ready", "False", "RollingOut");
    // Its pod never becomes ready.
    model.wait_for("Ready", "False", "RolledBack");
    wait::until("the old settings are served again", || served_folder(&model) == old);
    let deployment = model.object("apis/apps/v1", "deployments", "bge").expect("it is there");
    let volumes =
        deployment["spec"]["template"]["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    assert!(volumes.iter().any(|volume| volume["configMap"]["name"] == good), "{volumes:?}");
    assert_eq!(model.status()["rollout"]["state"], "RolledBack");
    // A corrected specification is rolled out.
    model.apply(&format!("{{source: {{huggingFace: {{repo: a/b}}}}, {fast}}}"));
    model.wait_for("Ready", "True", "Ready");
}

#[test]
fn two_models_with_the_same_files_share_one_volume_and_one_pull() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("shared");
    let (first, kubelet) = model(stage, &namespace, "bge-a", &spec("main"));
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    first.wait_for("CachePopulated", "False", "Pulling");
    let (second, _) = model(stage, &namespace, "bge-b", &spec("main"));
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    second.wait_for("CachePopulated", "False", "Pulling");
    finish_job(&kubelet, "pull", &resolved(COMMIT));
    first.wait_for("CachePopulated", "True", "Populated");
    second.wait_for("CachePopulated", "True", "Populated");
    let claims = || {
        let list = plane
            .get(&format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims"))
            .expect("a list");
        list["items"].as_array().cloned().unwrap_or_default()
    };
    assert_eq!(claims().len(), 1);
    wait::until("both own it", || {
        claims()[0]["metadata"]["ownerReferences"].as_array().is_some_and(|it| it.len() == 2)
    });
    assert_eq!(first.status()["cache"]["key"], second.status()["cache"]["key"]);
    assert_eq!(second.status()["cache"]["sharedWith"], json!(["bge-a"]));
    // The volume stays for the second and goes with it.
    first.delete("Background");
    wait::until("only the second owns it", || {
        claims()[0]["metadata"]["ownerReferences"].as_array().is_some_and(|it| it.len() == 1)
    });
    second.delete("Background");
    wait::until("the volume is on its way out", || {
        claims().first().is_none_or(|claim| claim["metadata"]["deletionTimestamp"] != Value::Null)
    });
}

#[test]
fn files_that_no_release_needs_any_more_go() {
    let Some(stage) = stage() else { return };
    let namespace = stage.plane.namespace("history");
    let keep = "rollout: {historyLimit: 1}";
    let with = |revision: &str| {
        format!("{{source: {{huggingFace: {{repo: a/b, revision: {revision}}}}}, {keep}}}")
    };
    let (model, kubelet) = model(stage, &namespace, "bge", &with("v1"));
    bring_files(&model, COMMIT);
    serve(&model, "127.0.13.7");
    let first_key = keys(&model)[0].clone();
    for (revision, commit, address) in
        [("v2", OTHER, "127.0.13.8"), ("v3", &"3".repeat(40), "127.0.13.9")]
    {
        model.apply(&with(revision));
        finish_job(&kubelet, "resolve", &resolved(commit));
        model.wait_for("SourceResolved", "True", "Resolved");
        finish_job(&kubelet, "pull", &resolved(commit));
        model.wait_for("Ready", "False", "RollingOut");
        roll(&model, address);
        model.wait_for("Ready", "True", "Ready");
    }
    assert_eq!(keys(&model).len(), 2, "{:?}", keys(&model));
    wait::until("the volume of the first revision is on its way out", || {
        let claim = model.object("api/v1", "persistentvolumeclaims", &format!("emb-{first_key}"));
        claim.is_none_or(|claim| claim["metadata"]["deletionTimestamp"] != Value::Null)
    });
}
