//! An operator that is killed at any point leaves nothing half done: the next one finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use integration_tests::control_plane::{ControlPlane, Part, User};
use integration_tests::operator::{Operator, allow_operator};
use integration_tests::play::play_pods;
use integration_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::say_info;

const NAMESPACE: &str = "killed";
const ADDRESS: &str = "127.0.17.1";

/// How much is done: the long form where it is asked for.
struct Extent {
    models: usize,
    kills: usize,
}

impl Extent {
    fn asked_for() -> Self {
        match std::env::var_os("LONG") {
            Some(_) => Self { models: 50, kills: 100 },
            None => Self { models: 8, kills: 10 },
        }
    }
}

/// Numbers that look like chance and are the same every time (Knuth's linear congruential generator).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn list(plane: &ControlPlane, api: &str, resource: &str) -> Vec<Value> {
    let path = format!("/{api}/namespaces/{NAMESPACE}/{resource}");
    plane.get(&path).expect("a list")["items"].as_array().cloned().unwrap_or_default()
}

fn models(plane: &ControlPlane) -> Vec<Value> {
    list(plane, "apis/embedserve.dev/v1alpha1", "embeddingmodels")
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// Changes one model by chance: makes it, gives it another revision or other settings, or deletes it.
fn change(plane: &ControlPlane, chance: &mut Chance, extent: &Extent) {
    let model = format!("m{}", chance.below(extent.models as u64));
    let path = format!("/apis/embedserve.dev/v1alpha1/namespaces/{NAMESPACE}/embeddingmodels");
    let revision = format!("v{}", chance.below(3));
    // Some share their repository, and so their files.
    let repo = format!("org/r{}", chance.below(3 + extent.models as u64 / 2));
    let patch = match chance.below(4) {
        0 => {
            plane.request(User::Admin, Method::DELETE, &format!("{path}/{model}"), None);
            return;
        }
        1 => json!({"spec": {"truncate": chance.below(2) == 0}}),
        _ => json!({"spec": {"source": {"huggingFace": {"repo": repo, "revision": revision}}}}),
    };
    let answer =
        plane.request(User::Admin, Method::PATCH, &format!("{path}/{model}"), Some(&patch));
    if answer.status == 404 {
        let object = json!({
            "apiVersion": "embedserve.dev/v1alpha1", "kind": "EmbeddingModel", "metadata": {"name": model},
            "spec": {"source": {"huggingFace": {"repo": repo, "revision": revision}}},
        });
        plane.request(User::Admin, Method::POST, &path, Some(&object));
    }
}

/// What is not as it should be in the end.
fn unsettled(plane: &ControlPlane) -> Vec<String> {
    let mut problems = Vec::new();
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let models = models(plane);
    for model in &models {
        let status = &model["status"];
        let ready =
            status["conditions"].as_array().into_iter().flatten().find(|it| it["type"] == "Ready");
        let is_ready = ready.is_some_and(|it| it["status"] == "True");
        if !is_ready || status["observedGeneration"] != model["metadata"]["generation"] {
            problems.push(format!(
                "{} is not ready: {}",
                name(model),
                ready.map(|it| it["message"].clone()).unwrap_or_default()
            ));
        }
        for release in status["history"].as_array().into_iter().flatten() {
            keys.entry(release["key"].as_str().unwrap_or_default().to_owned())
                .or_default()
                .insert(name(model));
        }
    }
    let alive: BTreeSet<String> = models
        .iter()
        .map(|model| model["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
        .collect();
    for (api, resource) in [
        ("api/v1", "configmaps"),
        ("api/v1", "persistentvolumeclaims"),
        ("api/v1", "services"),
        ("apis/batch/v1", "jobs"),
        ("apis/apps/v1", "deployments"),
        ("apis/networking.k8s.io/v1", "networkpolicies"),
    ] {
        for object in list(plane, api, resource) {
            let labels = &object["metadata"]["labels"];
            let is_leaving = !object["metadata"]["deletionTimestamp"].is_null();
            if labels["app.kubernetes.io/managed-by"].is_null() || is_leaving {
                continue;
            }
            let owners =
                object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            let is_owned = owners
                .iter()
                .any(|owner| alive.contains(owner["uid"].as_str().unwrap_or_default()));
            let key = labels["embedserve.dev/cache-key"].as_str();
            if !is_owned || key.is_some_and(|key| !keys.contains_key(key)) {
                problems.push(format!("{resource}/{} is nobody's", name(&object)));
            }
        }
    }
    problems
}

/// The Jobs and pods that there are, for whoever reads a failure.
fn workload(plane: &ControlPlane) -> String {
    plane.kubectl_ok(["get", "jobs,pods,pvc", "--namespace", NAMESPACE, "--output=wide"])
}

#[test]
fn an_operator_that_is_killed_again_and_again_converges_and_leaves_nothing_behind() {
    let Some(mut plane) = ControlPlane::start() else { return };
    let extent = Extent::asked_for();
    plane.define_embedding_models();
    plane.run(Part::ControllerManager);
    allow_operator(&plane);
    plane.create("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}}));
    let mut info = crate::stage::info("m0", "CPU");
    info["models"] = (0..extent.models)
        .map(|index| crate::stage::info(&format!("m{index}"), "CPU")["models"][0].clone())
        .collect();
    say_info(ADDRESS, &info);

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                play_pods(&plane, ADDRESS);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let mut chance = Chance(20_260_101);
        for _ in 0..extent.kills {
            let operator = Operator::start(&plane, &["--no-leader-election"]);
            let life = Duration::from_millis(200 + chance.below(1800));
            let born = Instant::now();
            while born.elapsed() < life {
                change(&plane, &mut chance, &extent);
                std::thread::sleep(Duration::from_millis(40));
            }
            operator.kill();
        }
        let operator =
            Operator::start(&plane, &["--no-leader-election", "--log", "info,operator=debug"]);
        let settled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait::until_or(
                "everything is settled",
                || unsettled(&plane).is_empty(),
                || format!("{:#?}\n{}\n{}", unsettled(&plane), workload(&plane), operator.log()),
            );
        }));
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = settled {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(!models(&plane).is_empty(), "chance left some models");
}
