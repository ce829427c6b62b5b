//! The watch of the models themselves.

use std::collections::HashMap;

use crds::EmbeddingModel;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tracing::warn;

use crate::watches::Trigger;

/// What of a model decides whether it is looked at again: everything but its status.
type Cause = (Option<String>, Option<i64>, bool, u64);

/// Keeps the store up to date and asks for a look at each model that changed.
pub(super) async fn follow(
    apis: Vec<Api<EmbeddingModel>>,
    mut writer: Writer<EmbeddingModel>,
    trigger: Trigger,
    done: watch::Sender<bool>,
) {
    let namespaces = apis.len();
    let streams = apis.into_iter().map(|api| {
        watcher(api, watcher::Config::default().page_size(100))
            .default_backoff()
            .modify(|model: &mut EmbeddingModel| model.metadata.managed_fields = None)
            .boxed()
    });
    let mut events = select_all(streams);
    let mut causes: HashMap<ObjectRef<EmbeddingModel>, Cause> = HashMap::new();
    let mut lists = 0;
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                warn!(kind = crds::KIND, %error, "a watch was interrupted and goes on");
                continue;
            }
        };
        match &event {
            watcher::Event::Apply(model) | watcher::Event::InitApply(model) => {
                let reference = ObjectRef::from_obj(model);
                let cause = cause(model);
                writer.apply_watcher_event(&event);
                if causes.insert(reference.clone(), cause.clone()) != Some(cause) {
                    let _ = trigger.send(reference);
                }
                continue;
            }
            watcher::Event::Delete(model) => {
                causes.remove(&ObjectRef::from_obj(model));
                writer.apply_watcher_event(&event);
                for reference in concerned(model, &causes) {
                    let _ = trigger.send(reference);
                }
                continue;
            }
            watcher::Event::Init => {}
            watcher::Event::InitDone => lists += 1,
        }
        writer.apply_watcher_event(&event);
        if lists == namespaces {
            done.send_replace(true);
        }
    }
}

fn cause(model: &EmbeddingModel) -> Cause {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    model.metadata.labels.hash(&mut hasher);
    model.metadata.annotations.hash(&mut hasher);
    model.metadata.finalizers.hash(&mut hasher);
    let is_leaving = model.metadata.deletion_timestamp.is_some();
    (model.uid(), model.metadata.generation, is_leaving, hasher.finish())
}

/// The models of the namespace that a deletion may concern: it may have served a name that another
/// one wants, or shared its files.
fn concerned(
    gone: &EmbeddingModel,
    known: &HashMap<ObjectRef<EmbeddingModel>, Cause>,
) -> Vec<ObjectRef<EmbeddingModel>> {
    known.keys().filter(|other| other.namespace == gone.namespace()).cloned().collect()
}
