//! The operator's rights are what it uses: nothing is missing, and nothing is more than it needs.

use std::collections::BTreeSet;

use integration_tests::control_plane::{AuditEvent, ControlPlane, Part, User};
use integration_tests::kubelet::Kubelet;
use integration_tests::operator::{Model, Operator, allow_operator, rules};
use integration_tests::wait;
use serde_json::{Value, json};

use crate::gpu::node;
use crate::stage::{COMMIT, finish_job, resolved};

/// A request as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl Right {
    fn new(group: &str, resource: &str, verb: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), verb: verb.to_owned() }
    }
}

/// Every right that the chart's rules give.
fn given() -> BTreeSet<Right> {
    let texts = |value: &Value| {
        let items = value.as_array().cloned().unwrap_or_default();
        items.into_iter().filter_map(|it| Some(it.as_str()?.to_owned())).collect::<Vec<_>>()
    };
    let mut rights = BTreeSet::new();
    for file in ["operator-rules.yaml", "lease-rules.yaml"] {
        let rules: Vec<Value> = serde_yaml::from_str(&rules(file)).expect("rules are YAML");
        for rule in rules {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        rights.insert(Right::new(&group, &resource, &verb));
                    }
                }
            }
        }
    }
    rights
}

/// No request is made with it, and yet it is needed.
fn without_requests() -> BTreeSet<Right> {
    // The API server asks for it where the owner references of others are guarded.
    [Right::new("embedserve.dev", "embeddingmodels/finalizers", "update")].into()
}

/// Every right that the operator has made use of.
fn used(plane: &ControlPlane) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for event in plane.audit() {
        if event.user != User::Operator.name() || event.status == 403 {
            continue;
        }
        let resource = match event.subresource.as_str() {
            "" => event.resource.clone(),
            subresource => format!("{}/{subresource}", event.resource),
        };
        // To apply what is not there yet takes the right to create it.
        if event.verb == "patch" && event.status == 201 {
            rights.insert(Right::new(&event.group, &resource, "create"));
        }
        rights.insert(Right::new(&event.group, &resource, &event.verb));
    }
    rights
}

/// Kinds of others, as far as the operator needs them: whatever is in them is stored.
fn define(plane: &ControlPlane, group: &str, kind: &str, plural: &str) {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut annotations = json!({});
    if group.ends_with("k8s.io") {
        annotations["api-approved.kubernetes.io"] =
            json!("https://github.com/kubernetes-sigs/gateway-api");
    }
    let definition = json!({
        "metadata": {"name": format!("{plural}.{group}"), "annotations": annotations},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    });
    plane.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
    let path = format!("/apis/{group}/v1/{plural}");
    wait::until(&format!("{kind} is served"), || plane.get(&path).is_some());
}

/// Lets the Jobs of a model's namespace succeed until its Deployment is there.
fn bring_up(model: &Model<'_>, spec: &str, deployment: &str) {
    model.apply(spec);
    let kubelet = Kubelet::new(model.plane, model.namespace);
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    finish_job(&kubelet, "pull", &resolved(COMMIT));
    model.wait_for_object("apis/apps/v1", "deployments", deployment);
}

/// The objects of kinds that a model can do without.
fn left(model: &Model<'_>) -> Vec<String> {
    [
        ("apis/networking.k8s.io/v1", "networkpolicies"),
        ("apis/networking.k8s.io/v1", "ingresses"),
        ("apis/monitoring.coreos.com/v1", "podmonitors"),
        ("apis/monitoring.coreos.com/v1", "prometheusrules"),
        ("apis/policy/v1", "poddisruptionbudgets"),
        ("apis/autoscaling/v2", "horizontalpodautoscalers"),
        ("apis/gateway.networking.k8s.io/v1", "httproutes"),
        ("apis/resource.k8s.io/v1", "resourceclaimtemplates"),
    ]
    .iter()
    .flat_map(|(api, resource)| {
        let path = format!("/{api}/namespaces/{}/{resource}", model.namespace);
        let list = model.plane.get(&path).expect("the kind is there");
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.into_iter().map(move |it| format!("{resource}/{}", it["metadata"]["name"]))
    })
    // The policy of a pull goes with its Job.
    .filter(|name| !name.contains("emb-"))
    .collect()
}

/// A right too many is a way into other people's namespaces for whoever gets hold of the operator's token; one
/// too few is a model that does not come up.
#[test]
fn every_right_is_used_and_no_request_is_refused() {
    let Some(mut plane) = ControlPlane::start() else { return };
    plane.define_embedding_models();
    define(&plane, "monitoring.coreos.com", "PodMonitor", "podmonitors");
    define(&plane, "monitoring.coreos.com", "PrometheusRule", "prometheusrules");
    define(&plane, "gateway.networking.k8s.io", "HTTPRoute", "httproutes");
    plane.run(Part::ControllerManager);
    allow_operator(&plane);
    let operator = Operator::start(&plane, &[]);
    operator.wait_until_leading();
    node(&plane, "any-1", "any", &json!({"cpu": "4"}), &json!({}));
    let known = json!({"embedserve.dev/render-gid": "109"});
    node(&plane, "gpu-1", "gpu", &json!({"gpu.intel.com/i915": "1"}), &known);
    let source = "source: {huggingFace: {repo: a/b}}";
    let namespaces = ["web", "gate", "claim", "gpu"].map(|name| plane.namespace(name));
    let model = |index: usize, name| Model { plane: &plane, namespace: &namespaces[index], name };
    let (web, gate, claim, gpu) =
        (model(0, "bge"), model(1, "bge"), model(2, "bge"), model(3, "bge"));

    // All kinds that a specification can ask for.
    let device = "device: {target: GPU, gpu: {allocation: DRA, claim: {driver: xe}}}";
    bring_up(&claim, &format!("{{{source}, {device}}}"), "bge");
    let route = "replicas: 2, expose: {route: {parentRefs: [{name: public}]}}";
    bring_up(&gate, &format!("{{{source}, {route}}}"), "bge");
    let device = "device: {target: GPU}, scheduling: {nodeSelector: {pool: gpu}}";
    bring_up(&gpu, &format!("{{{source}, {device}}}"), "bge-i915");
    let scaled = "autoscaling: {min: 2, max: 3}, expose: {ingress: {host: a.example.com}}";
    let volume = "cache: {persistentVolumeClaim: {storageClassName: fast}}";
    bring_up(&web, &format!("{{{source}, {scaled}, {volume}}}"), "bge");
    gate.wait_for_object("apis/gateway.networking.k8s.io/v1", "httproutes", "bge");
    web.wait_for_object("apis/monitoring.coreos.com/v1", "podmonitors", "bge");

    // Somebody touches everything, a second model shares files, and a pod is stuck.
    for (model, kinds) in [
        (&web, "service,deployment,pvc,hpa,ingress,podmonitor,prometheusrule,networkpolicy"),
        (&gate, "httproute,pdb"),
    ] {
        let namespace = model.namespace;
        plane.kubectl_ok(["label", kinds, "--all", "--namespace", namespace, "touched=yes"]);
    }
    let second = Model { name: "second", ..web };
    second.apply(&format!("{{{source}, {volume}}}"));
    let kubelet = Kubelet::new(&plane, web.namespace);
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    let pod = kubelet.wait_for_pod("app.kubernetes.io/component=serving");
    kubelet.bind(&pod);
    second.wait_for("CachePopulated", "True", "Populated");

    // Another revision, before the first one has served.
    let revision = "source: {huggingFace: {repo: a/b, revision: v2}}";
    bring_up(&gate, &format!("{{{revision}, {route}}}"), "bge");
    // The same event again.
    for suspend in [true, false, true, false] {
        claim.apply(&format!("{{{source}, suspend: {suspend}}}"));
        wait::until("it is suspended or goes on", || {
            claim.condition("Ready").1 == "Suspended" && suspend
                || claim.condition("Ready").1 != "Suspended" && !suspend
        });
    }
    // A volume of the user's, from which files are removed at the end.
    let volume = "cache: {persistentVolumeClaim: {claimName: models}}";
    let own = Model { name: "own", ..claim };
    bring_up(&own, &format!("{{{source}, {volume}}}"), "own");
    own.delete("Background");
    finish_job(&Kubelet::new(&plane, own.namespace), "remove", &resolved(COMMIT));
    wait::until("it is gone", || own.get().is_none());

    // Everything that was asked for is asked for no more.
    let bare = format!(
        "{{{source}, replicas: 1, networkPolicy: {{mode: Disabled}}, monitoring: {{podMonitor: Disabled, prometheusRule: Disabled}}}}"
    );
    let models = [&web, &second, &gate, &claim, &gpu];
    models.iter().for_each(|model| model.apply(&bare));
    for model in models {
        wait::until_or(
            "only what is needed is left",
            || left(model).is_empty(),
            || format!("{:#?}", left(model)),
        );
    }

    let stuck = |event: &AuditEvent| {
        event.user == User::Operator.name() && event.resource == "events" && event.verb == "list"
    };
    wait::until("the stuck pod is asked about", || plane.audit().iter().any(stuck));
    let (given, used) = (given(), &used(&plane) | &without_requests());
    let unused: Vec<&Right> = given.difference(&used).collect();
    assert!(unused.is_empty(), "{unused:#?}");
    let refused: Vec<AuditEvent> = plane
        .audit()
        .into_iter()
        .filter(|event| event.user == User::Operator.name() && event.status == 403)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
