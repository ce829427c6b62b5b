//! A cluster with one model, and a reconcile of it.

#[path = "../../src/testing/settings.rs"]
mod settings;

use std::sync::Arc;

use crds::EmbeddingModel;
use kube::runtime::reflector::store;
use kube::runtime::watcher;
use operator::context::{Context, Memory};
use operator::events::Events;
use operator::inventory::Inventory;
use operator::metrics::{Category, Metrics};
use operator::pods::Pods;
use operator::reconcile::{ReconcileError, reconcile};
use operator::settings::{PodAccess, Settings};
use serde_json::Value;

use crate::api::{Answer, Asked, Log, accepted, client, empty_list, not_found};

pub(crate) use settings::settings;

/// A cluster that takes everything.
fn willing(asked: &Asked) -> Answer {
    let is_of_one = asked.path.rsplit('/').next().is_some_and(|it| it.starts_with("small"));
    match asked.method.as_str() {
        "GET" if is_of_one => not_found(),
        "GET" => empty_list(),
        "DELETE" => not_found(),
        _ if asked.path.ends_with("/status") => {
            let mut written = serde_json::to_value(model()).expect("plain JSON");
            written["status"] = asked.body["status"].clone();
            Answer::Json(200, written)
        }
        _ => accepted(asked),
    }
}

/// A model as small as can be.
pub(crate) fn model() -> EmbeddingModel {
    let text = "{apiVersion: embedserve.dev/v1alpha1, kind: EmbeddingModel, \
                metadata: {name: small, namespace: search, generation: 1, resourceVersion: \"5\", \
                uid: 11111111-2222-3333-4444-555555555555}, \
                spec: {source: {huggingFace: {repo: org/small}}}}";
    serde_yaml::from_str(text).expect("a manifest")
}

/// One reconcile of a new model. The cluster is willing but for what `answer` answers.
pub(crate) async fn look(
    answer: impl Fn(&Asked) -> Option<Answer> + Clone + Send + Sync + 'static,
) -> (Result<(), Category>, Log) {
    let (context, log) = context(&model(), Inventory::default(), answer);
    (look_at(model(), context).await, log)
}

/// One reconcile.
pub(crate) async fn look_at(model: EmbeddingModel, context: Arc<Context>) -> Result<(), Category> {
    let result = reconcile(Arc::new(model), context).await.map(drop);
    result.map_err(|error| match error {
        ReconcileError::Api(error) => Category::of(&error),
        other => panic!("not an answer of the API server: {other}"),
    })
}

/// What reconciles share in a cluster with this model. The cluster is willing but for what `answer` answers.
pub(crate) fn context(
    model: &EmbeddingModel,
    inventory: Inventory,
    answer: impl Fn(&Asked) -> Option<Answer> + Clone + Send + Sync + 'static,
) -> (Arc<Context>, Log) {
    let (client, log) = client(move |asked| answer(asked).unwrap_or_else(|| willing(asked)));
    let (models, mut writer) = store();
    writer.apply_watcher_event(&watcher::Event::Apply(model.clone()));
    let context = Arc::new(Context {
        pods: Pods::new(client.clone(), PodAccess::Proxy).expect("a client"),
        events: Events::new(client.clone(), None),
        client,
        models,
        inventory: Arc::new(inventory),
        metrics: Arc::new(Metrics::new()),
        settings: settings(),
        memory: Memory::default(),
    });
    (context, log)
}

/// The status that was written last.
pub(crate) fn status(log: &Log) -> Option<Value> {
    let writes = log.writes();
    let write = writes.iter().rev().find(|asked| asked.path.ends_with("/status"))?;
    Some(write.body["status"].clone())
}

/// Reason and message of the condition Ready that was written last.
pub(crate) fn ready(log: &Log) -> (String, String) {
    let status = status(log).expect("a status was written");
    let conditions = status["conditions"].as_array().expect("conditions");
    let ready = conditions.iter().find(|it| it["type"] == "Ready").expect("it is there");
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}
