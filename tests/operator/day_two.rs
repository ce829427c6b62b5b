//! Operators that come and go, and models that nothing happens to.

use std::time::{Duration, Instant};

use integration_tests::control_plane::{AuditEvent, ControlPlane, Part, User};
use integration_tests::operator::{Model, Operator, allow_operator};
use integration_tests::wait;

use crate::stage::{COMMIT, bring_files, model, serve, stage};

/// The operator's requests that change something, its Lease and its events apart.
fn writes(audit: &[AuditEvent]) -> Vec<&AuditEvent> {
    let reads = ["get", "list", "watch"];
    audit
        .iter()
        .filter(|event| event.user == User::Operator.name() && event.resource != "leases")
        .filter(|event| !reads.contains(&event.verb.as_str()))
        .collect()
}

#[test]
fn models_that_nothing_happens_to_are_looked_at_and_not_written() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("quiet");
    let names: Vec<String> = (0..5).map(|index| format!("bge-{index}")).collect();
    for name in &names {
        let spec = format!(
            "{{source: {{huggingFace: {{repo: a/{name}}}}}, autoscaling: {{max: 2}}, resources: {{requests: {{cpu: \"0.5\", memory: 1024Mi}}}}}}"
        );
        let (model, _) = model(stage, &namespace, name, &spec);
        bring_files(&model, COMMIT);
    }
    for name in &names {
        // The last that changes by itself.
        Model { plane, namespace: &namespace, name }.wait_for(
            "ScalingActive",
            "False",
            "MetricsUnavailable",
        );
    }
    serve(&Model { plane, namespace: &namespace, name: &names[0] }, "127.0.16.1");
    // Another operator for this namespace alone, which looks at everything every second.
    let arguments =
        ["--no-leader-election", "--resync-seconds", "1", "--watch-namespaces", &namespace];
    let operator = Operator::start(plane, &arguments);
    operator.wait_until_leading();
    let reconciles = || operator.metric("embedserve_operator_reconciles_total");
    wait::until("every model was looked at", || reconciles() >= 10.0);
    let (before, from) = (reconciles(), plane.audit().len());
    wait::until("every model was looked at five times more", || reconciles() >= before + 25.0);
    let audit = plane.audit();
    let changes: Vec<_> = writes(&audit[from..])
        .into_iter()
        .filter(|event| event.namespace == namespace)
        .cloned()
        .collect();
    assert!(changes.is_empty(), "{changes:#?}");
    assert_eq!(
        operator.metric(r#"embedserve_operator_conditions{condition="Ready",status="True"}"#),
        1.0
    );
    operator.terminate();
}

/// Gives the Service of the model `bge` another label than the operator does.
fn label_service(plane: &ControlPlane, namespace: &str) {
    let label = "app.kubernetes.io/name=other";
    plane.kubectl_ok(["label", "--namespace", namespace, "--overwrite", "service/bge", label]);
}

#[test]
fn what_somebody_changes_is_put_right() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("drift");
    let (model, _) = model(stage, &namespace, "bge", "{source: {huggingFace: {repo: a/b}}}");
    bring_files(&model, COMMIT);
    model.wait_for_object("apis/apps/v1", "deployments", "bge");
    plane.kubectl_ok(["scale", "--namespace", &namespace, "deployment/bge", "--replicas=7"]);
    plane.kubectl_ok(["delete", "--namespace", &namespace, "networkpolicy/bge-serving"]);
    label_service(plane, &namespace);
    wait::until("all three are put right", || {
        let deployment = model.object("apis/apps/v1", "deployments", "bge").expect("it is there");
        let service = model.object("api/v1", "services", "bge").expect("it is there");
        deployment["spec"]["replicas"] == 1
            && service["metadata"]["labels"]["app.kubernetes.io/name"] == "embedserve"
            && model.object("apis/networking.k8s.io/v1", "networkpolicies", "bge-serving").is_some()
    });
}

/// A control plane of its own: the Lease is one, and what the operator asks for is all in one log.
#[test]
fn of_two_operators_one_leads_and_the_other_takes_over() {
    let Some(mut plane) = ControlPlane::start() else { return };
    plane.define_embedding_models();
    allow_operator(&plane);
    let first = Operator::start(&plane, &[]);
    first.wait_until_leading();
    let second = Operator::start(&plane, &[]);
    wait::until("the second waits", || {
        second.get("/readyz").is_some_and(|text| text == "waiting to lead")
    });
    assert_eq!(first.metric("embedserve_operator_leader"), 1.0);
    assert_eq!(second.metric("embedserve_operator_leader"), 0.0);
    // An orderly end hands the Lease over: nobody waits until it has run out.
    first.terminate();
    let ended = Instant::now();
    second.wait_until_leading();
    assert!(ended.elapsed() < Duration::from_secs(12), "{:?}", ended.elapsed());
    let third = Operator::start(&plane, &[]);
    second.kill();
    third.wait_until_leading();
    let namespace = plane.namespace("lead");
    let model = Model { plane: &plane, namespace: &namespace, name: "bge" };
    model.apply("{source: {huggingFace: {repo: a/b}}}");
    model.wait_for("SourceResolved", "False", "Resolving");

    // What was changed while nobody led is put right.
    model.wait_for_object("api/v1", "services", "bge");
    third.kill();
    label_service(&plane, &namespace);
    let third = Operator::start(&plane, &[]);
    wait::until("the label is put right", || {
        let service = model.object("api/v1", "services", "bge").expect("it is there");
        service["metadata"]["labels"]["app.kubernetes.io/name"] == "embedserve"
    });

    // The API server goes away and comes back: the leader gives up or goes on, and nothing is stuck.
    plane.stop(Part::ApiServer);
    plane.run(Part::ApiServer);
    let name = "late";
    let model = Model { plane: &plane, namespace: &namespace, name };
    model.apply("{source: {huggingFace: {repo: a/c}}}");
    wait::until_or(
        "the model that came after the restart is looked at",
        || model.condition("SourceResolved").1 == "Resolving",
        || third.log(),
    );
}

#[test]
fn without_the_definition_the_operator_says_what_is_missing() {
    let Some(plane) = ControlPlane::start() else { return };
    allow_operator(&plane);
    let operator = Operator::start(&plane, &["--no-leader-election"]);
    wait::until("it says so", || {
        operator.log().contains("apply the output of `embedserve-operator crd` first")
    });
}
