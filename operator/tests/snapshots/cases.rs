//! The models whose objects are looked at as a whole: each a small specification that goes the real
//! way from validation over the decisions to the objects, with what a cluster would have shown.

#[path = "../../src/testing/model.rs"]
mod model;
#[path = "../../src/testing/settings.rs"]
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator::accelerator::{self, AcceleratorPlan, Known};
use operator::build::{self, Apis, Inputs, Wanted};
use operator::facts::{ClaimFacts, NodeFacts};
use operator::kind::Kind;
use operator::plan::{ClaimView, Images, JobView, Observed, Plan, resolution};
use operator::settings::Settings;
use operator::validate::{ValidatedModel, validate};
use operator::{release, render_groups};

use model::{COMMIT, model, report};
use settings::settings;

/// A model and the objects that follow from it.
pub(crate) struct Case {
    /// What is special about it.
    pub(crate) name: &'static str,
    /// The objects in the order in which they are applied.
    pub(crate) objects: Vec<Wanted>,
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    let hub = |rest: &str| format!("{{source: {{huggingFace: {{repo: org/small}}}}{rest}}}");
    let gpu = |rest: &str| hub(&format!(", device: {{target: GPU{rest}}}"));
    let allowed = Settings { allow_host_path: true, ..settings() };
    let proxied = Settings {
        hub_environment: vec![(
            "HTTPS_PROXY".to_owned(),
            "http://proxy.example.com:3128".to_owned(),
        )],
        hub_cidrs: vec!["192.0.2.0/24".to_owned()],
        ..settings()
    };
    let mirror = "{source: {huggingFace: {repo: org/small, revision: v1.5, \
                  endpoint: \"https://hub.example.com:8443/mirror\", tokenSecretRef: {name: hub}, \
                  caBundleRef: {name: authority, key: bundle.pem}, include: [\"onnx/*\"], \
                  exclude: [\"*.msgpack\", \"*.h5\"]}, \
                  verify: {sha256: {model.safetensors: \
                  0000000000000000000000000000000000000000000000000000000000000000}}}, \
                  conversion: {mode: Never, weightFormat: fp16}}";
    vec![
        pulled("cpu-minimal", &hub("")),
        of("resolving", &hub(""), &Given { is_resolved: false, ..Given::default() }),
        of("pulling", &hub(""), &Given { is_pulled: false, ..Given::default() }),
        of("gpu-both-drivers", &gpu(""), &Given { nodes: both_drivers(), ..Given::default() }),
        of("gpu-group-unknown", &gpu(""), &Given { nodes: unknown_group(), ..Given::default() }),
        of(
            "gpu-claim",
            &gpu(", gpu: {allocation: DRA, claim: {driver: xe, minMemory: 8Gi}}"),
            &Given {
                nodes: plain_node(),
                apis: vec![Kind::ResourceClaimTemplate],
                ..Given::default()
            },
        ),
        of(
            "gpu-host-path",
            &gpu(", gpu: {allocation: HostPath, renderGroups: {mode: Static, gids: [992]}}"),
            &Given { settings: allowed, nodes: plain_node(), ..Given::default() },
        ),
        pulled(
            "volume-source",
            "{source: {persistentVolumeClaim: {claimName: models, path: small/v1}}}",
        ),
        of(
            "volume-source-resolving",
            "{source: {persistentVolumeClaim: {claimName: models, path: small/v1}}}",
            &Given { is_resolved: false, ..Given::default() },
        ),
        of("mirror", mirror, &Given { settings: proxied.clone(), ..Given::default() }),
        of(
            "mirror-pulling",
            mirror,
            &Given { settings: proxied, is_pulled: false, ..Given::default() },
        ),
        pulled("ephemeral", &hub(", cache: {mode: Ephemeral}")),
        pulled("named-claim", &hub(", cache: {persistentVolumeClaim: {claimName: shared}}")),
        pulled("autoscaling", &hub(", autoscaling: {min: 2, max: 6}")),
        pulled(
            "ingress",
            &hub(
                ", expose: {ingress: {className: nginx, host: small.example.com, tlsSecret: tls}}",
            ),
        ),
        of(
            "http-route",
            &hub(
                ", expose: {route: {parentRefs: [{name: edge, namespace: gateways, sectionName: https}], \
                 hostnames: [small.example.com]}}",
            ),
            &Given { apis: vec![Kind::HTTPRoute], ..Given::default() },
        ),
        pulled("api-key", &hub(", auth: {apiKeySecretRef: {name: keys}}")),
        pulled("two-replicas", &hub(", replicas: 2")),
        of(
            "monitored",
            &hub(""),
            &Given { apis: vec![Kind::PodMonitor, Kind::PrometheusRule], ..Given::default() },
        ),
        removal(&hub(", cache: {persistentVolumeClaim: {claimName: shared}}")),
    ]
}

/// What a cluster shows.
struct Given {
    settings: Settings,
    is_resolved: bool,
    is_pulled: bool,
    nodes: Vec<NodeFacts>,
    apis: Vec<Kind>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            settings: settings(),
            is_resolved: true,
            is_pulled: true,
            nodes: Vec::new(),
            apis: Vec::new(),
        }
    }
}

fn pulled(name: &'static str, spec: &str) -> Case {
    of(name, spec, &Given::default())
}

fn of(name: &'static str, spec: &str, given: &Given) -> Case {
    let valid =
        validate(Arc::new(model("small", spec)), &[], &given.settings).expect("it is valid");
    let observed = observed(&valid, given);
    let decided = resolution::decide(&valid, &observed);
    let (groups, given_up) = Default::default();
    let known = Known {
        nodes: &given.nodes,
        groups: &groups,
        given_up: &given_up,
        current: &[],
        current_groups: &[],
    };
    let accelerator = match valid.wants_accelerator() {
        true => accelerator::plan(render_groups::wish(&valid), known),
        false => Ok(AcceleratorPlan::without_device()),
    };
    let default = match valid.wants_accelerator() {
        true => given.settings.gpu_image.as_str(),
        false => given.settings.image.as_str(),
    };
    let plan = Plan::new(&valid, &observed, decided, accelerator, Images { given: None, default });
    let apis = Apis { available: given.apis.iter().copied().collect() };
    let mut objects = build::build(Inputs {
        valid: &valid,
        plan: &plan,
        observed: &observed,
        settings: &given.settings,
        apis: &apis,
    });
    if let Err(none) = &plan.accelerator {
        let jobs = none.discover.iter();
        objects.extend(jobs.map(|it| build::render_group_job(&valid, &given.settings, it)));
    }
    objects.sort_by_key(|object| object.kind);
    Case { name, objects }
}

/// The Job that removes files from a volume that the user named.
fn removal(spec: &str) -> Case {
    let valid = validate(Arc::new(model("small", spec)), &[], &settings()).expect("it is valid");
    let job = build::remove_job(&valid, &settings(), "shared", "0123456789ab");
    Case { name: "removal", objects: vec![job] }
}

fn observed(valid: &ValidatedModel, given: &Given) -> Observed {
    let mut observed = Observed { now: Some(time()), ..Observed::default() };
    if !given.is_resolved {
        return observed;
    }
    observed.resolve = Some(JobView { report: Some(report(COMMIT)), ..JobView::default() });
    let decided = resolution::decide(valid, &observed);
    let key = decided.release().expect("it was resolved").key.clone();
    if given.is_pulled {
        observed.records = BTreeMap::from([(key, report(COMMIT))]);
        observed.claim = release::owns_volume(valid).then(|| ClaimView {
            facts: ClaimFacts {
                phase: Some("Bound".to_owned()),
                requested: Some("256Mi".to_owned()),
                storage_class: Some("standard".to_owned()),
                access_modes: vec!["ReadWriteOnce".to_owned()],
            },
            is_leaving: false,
        });
    }
    observed
}

fn both_drivers() -> Vec<NodeFacts> {
    vec![
        NodeFacts { render_group: Some(106), ..node("old", &[(accelerator::I915, 1)]) },
        NodeFacts { render_group: Some(992), ..node("new", &[(accelerator::XE, 2)]) },
    ]
}

fn unknown_group() -> Vec<NodeFacts> {
    vec![node("new", &[(accelerator::XE, 1)])]
}

fn plain_node() -> Vec<NodeFacts> {
    vec![node("plain", &[])]
}

fn node(name: &str, devices: &[(&str, i64)]) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        is_schedulable: true,
        devices: devices.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        ..NodeFacts::default()
    }
}

fn time() -> Time {
    Time("2026-01-01T00:01:00Z".parse().expect("a time"))
}
