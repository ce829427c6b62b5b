//! What was there and is not seen, or not seen yet: reports, records and volumes.

use crds::EmbeddingModel;
use crds::status::Release;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use model_repository::job_report::{JobReport, ModelFacts, SourceReport};
use operator::facts::JobFacts;
use operator::inventory::{Facts, Inventory, LiveObject};
use operator::kind::Kind;
use operator::names::{self, Component};
use operator::validate::validate;
use serde_json::json;

use crate::api::{Answer, Asked};
use crate::cluster::{context, look_at, model, ready, settings, status};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const KEY: &str = "0123456789ab";

fn report() -> SourceReport {
    SourceReport {
        commit: COMMIT.to_owned(),
        files: 9,
        download_bytes: 91_000_000,
        disk_bytes: 120_000_000,
        weights_bytes: 23_000_000,
        facts: ModelFacts {
            hidden_size: Some(384),
            usable_tokens: Some(512),
            pooling: Some("MEAN".to_owned()),
            ..ModelFacts::default()
        },
        ..SourceReport::default()
    }
}

/// The hash of what the model asks for.
fn request() -> String {
    validate(model().into(), &[], &settings()).expect("it is valid").request
}

/// The model when its commit is known.
fn resolved() -> EmbeddingModel {
    let mut model = model();
    model.status.get_or_insert_default().history = vec![Release {
        request: request(),
        resolved_revision: Some(COMMIT.to_owned()),
        disk_bytes: Some(120_000_000),
        key: KEY.to_owned(),
        claim_name: Some(names::cache(KEY)),
        path: Some(format!("/models/{KEY}")),
        ..Release::default()
    }];
    model
}

/// An object of the model that the watches have seen.
fn live(kind: Kind, name: &str, component: Component, facts: Facts, owners: &[&str]) -> LiveObject {
    let mut labels = names::labels("small", component);
    let is_shared = name.starts_with("emb-");
    if is_shared {
        labels = names::shared_labels(component);
        labels.insert(names::CACHE_KEY.to_owned(), KEY.to_owned());
    }
    let owner = |uid: &&str| OwnerReference {
        api_version: crds::API_VERSION.to_owned(),
        kind: crds::KIND.to_owned(),
        name: "small".to_owned(),
        uid: (*uid).to_owned(),
        ..OwnerReference::default()
    };
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("search".to_owned()),
        uid: Some(format!("uid of {name}")),
        resource_version: Some("4".to_owned()),
        labels: Some(labels),
        owner_references: Some(owners.iter().map(owner).collect()),
        ..ObjectMeta::default()
    };
    LiveObject::new(kind, &metadata, facts)
}

const OWN: &str = "11111111-2222-3333-4444-555555555555";

/// The watch of Jobs may be ahead of that of pods: a Job that is run again because of it asks a hub twice.
#[tokio::test]
async fn a_report_that_the_watch_of_pods_has_not_seen_yet_is_not_lost() {
    let name = names::resolve_job("small", &request());
    let facts = JobFacts { succeeded: true, ..JobFacts::default() };
    let inventory = Inventory::default();
    let job = Facts::Job(Box::new(facts));
    inventory.insert(live(Kind::Job, &name, Component::Resolve, job, &[OWN]));
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "p", "namespace": "search", "uid": "p",
            "labels": {"batch.kubernetes.io/job-name": name, "embedserve.dev/model": "small"}
        },
        "status": {"phase": "Succeeded", "containerStatuses": [{
            "name": "resolve", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "message": JobReport::Done(report()).render()}}
        }]}
    });
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]});
    let (context, log) = context(&model(), inventory, move |asked: &Asked| {
        asked.is("GET", "/pods").then(|| Answer::Json(200, list.clone()))
    });
    assert_eq!(look_at(model(), context).await, Ok(()));
    let status = status(&log).expect("a status was written");
    assert_eq!(status["source"]["resolvedRevision"], COMMIT);
    assert!(!log.writes().iter().any(|asked| asked.method == "DELETE"), "{:?}", log.writes());
}

#[tokio::test]
async fn a_report_that_is_lost_with_its_pod_is_made_anew() {
    let name = names::resolve_job("small", &request());
    let facts = JobFacts { succeeded: true, ..JobFacts::default() };
    let inventory = Inventory::default();
    let job = Facts::Job(Box::new(facts));
    inventory.insert(live(Kind::Job, &name, Component::Resolve, job, &[OWN]));
    let deleted =
        json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Success"});
    let (context, log) = context(&model(), inventory, move |asked: &Asked| {
        (asked.method == "DELETE").then(|| Answer::Json(200, deleted.clone()))
    });
    assert_eq!(look_at(model(), context).await, Ok(()));
    let deletions: Vec<_> =
        log.writes().into_iter().filter(|asked| asked.method == "DELETE").collect();
    assert_eq!(deletions.len(), 1, "{deletions:?}");
    assert!(deletions[0].path.ends_with(&name));
    // Whatever has the name by then is not meant.
    assert_eq!(deletions[0].body["preconditions"]["uid"], format!("uid of {name}"));
    assert_eq!(ready(&log).0, "Resolving");
}

/// Files that are gone are pulled again: the record of them goes first, and a new volume is made.
#[tokio::test]
async fn the_record_of_a_volume_that_is_gone_goes_and_the_files_are_pulled_again() {
    let inventory = Inventory::default();
    let record = names::cache(KEY);
    inventory.insert(live(Kind::ConfigMap, &record, Component::Cache, Facts::None, &[OWN]));
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": record, "namespace": "search", "uid": format!("uid of {record}")},
        "data": {"report.json": serde_json::to_string(&report()).expect("plain JSON")}
    });
    let (context, log) =
        context(&resolved(), inventory, move |asked: &Asked| match asked.method.as_str() {
            "GET" if asked.path.ends_with("/configmaps/emb-0123456789ab") => {
                Some(Answer::Json(200, map.clone()))
            }
            "GET" if asked.path.contains("/emb-") => Some(crate::api::not_found()),
            _ => None,
        });
    assert_eq!(look_at(resolved(), context).await, Ok(()));
    let written: Vec<String> = log
        .writes()
        .iter()
        .filter(|asked| asked.path.contains("/emb-"))
        .map(|asked| {
            let end: Vec<_> = asked.path.rsplitn(3, '/').take(2).collect();
            format!("{} {} {}", asked.method, end[1], end[0])
        })
        .collect();
    assert_eq!(
        written,
        [
            "DELETE configmaps emb-0123456789ab",
            "PATCH persistentvolumeclaims emb-0123456789ab",
            "PATCH networkpolicies emb-0123456789ab-pull",
            "PATCH jobs emb-0123456789ab-pull",
        ]
    );
    assert_eq!(ready(&log).0, "Pulling");
}

/// Two models with the same files and other hubs must not write over each other for ever.
#[tokio::test]
async fn the_network_policy_of_a_pull_that_another_model_shares_is_left_as_it_is() {
    let (policy, kind) = (names::pull_policy(KEY), Kind::NetworkPolicy);
    for (owners, writes) in [(vec![OWN], 1), (vec![OWN, "another"], 0)] {
        let inventory = Inventory::default();
        inventory.insert(live(kind, &policy, Component::Pull, Facts::None, &owners));
        let (context, log) = context(&resolved(), inventory, |asked: &Asked| {
            (asked.method == "GET" && asked.path.contains("/emb-")).then(crate::api::not_found)
        });
        assert_eq!(look_at(resolved(), context).await, Ok(()));
        let end = format!("/networkpolicies/{policy}");
        let found = log.writes().iter().filter(|asked| asked.is("PATCH", &end)).count();
        assert_eq!(found, writes, "{owners:?}");
    }
}
