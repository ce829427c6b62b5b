//! Watches that are interrupted: what was missed is seen by another list.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use operator::inventory::Inventory;
use operator::kind::Kind;
use operator::watches::{Watches, place};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::api::{Answer, Asked, client, refusal};

fn service(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name, "namespace": "search", "uid": name, "resourceVersion": version,
            "labels": {
                "app.kubernetes.io/managed-by": "embedserve-operator",
                "embedserve.dev/model": name
            }
        }
    })
}

fn list(items: &[Value], version: &str) -> Answer {
    let kind = "PartialObjectMetadataList";
    Answer::Json(
        200,
        json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": {"resourceVersion": version}, "items": items}),
    )
}

#[tokio::test]
async fn a_version_that_is_gone_is_answered_with_another_list() {
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let gone = json!({"type": "ERROR", "object": {
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410
    }});
    let (client, log) = client(move |asked: &Asked| {
        if asked.query.contains("watch=true") {
            return match count.load(Ordering::SeqCst) {
                1 => Answer::Lines(vec![gone.clone()]),
                _ => Answer::Silence,
            };
        }
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => list(&[service("a", "1"), service("b", "2")], "2"),
            _ => list(&[service("b", "2"), service("c", "9")], "9"),
        }
    });
    let inventory = Arc::new(Inventory::default());
    let (trigger, mut looks) = mpsc::unbounded_channel();
    let watches =
        Watches { client, inventory: Arc::clone(&inventory), trigger, scopes: [None].into() };
    let mut ready = watches.start(Kind::Service).remove(0);
    ready.wait_for(|it| *it).await.expect("the first list is complete");

    let names = |name: &str| inventory.get(&place(Kind::Service, "search", name)).is_some();
    let changed = async {
        while names("a") || !names("c") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), changed).await.expect("it is listed again");
    assert!(names("b"));
    assert_eq!(lists.load(Ordering::SeqCst), 2, "{:?}", log.all());
    let mut told = Vec::new();
    while let Ok(reference) = looks.try_recv() {
        told.push(reference.name);
    }
    // What went and what came is told, of what both lists have it does no harm.
    assert!(["a", "c"].iter().all(|name| told.iter().any(|it| it == name)), "{told:?}");
    assert!(log.all().iter().all(|asked| asked.query.contains("labelSelector")), "all are limited");
}

#[tokio::test]
async fn a_list_that_fails_is_tried_again_until_it_succeeds() {
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let (client, _) = client(move |asked: &Asked| {
        if asked.query.contains("watch=true") {
            return Answer::Silence;
        }
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => refusal(500, "InternalError", "etcd is away"),
            _ => list(&[service("a", "1")], "1"),
        }
    });
    let inventory = Arc::new(Inventory::default());
    let (trigger, _looks) = mpsc::unbounded_channel();
    let watches =
        Watches { client, inventory: Arc::clone(&inventory), trigger, scopes: [None].into() };
    let mut ready = watches.start(Kind::Service).remove(0);
    let complete = tokio::time::timeout(Duration::from_secs(30), ready.wait_for(|it| *it)).await;
    complete.expect("it goes on").expect("the watch lives");
    assert!(inventory.get(&place(Kind::Service, "search", "a")).is_some());
}
