//! Runs reconciles: which models, when, and how many at a time.

mod models;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crds::EmbeddingModel;
use futures_util::{FutureExt, StreamExt};
use kube::runtime::controller::{Action, Config, Error, ReconcileRequest, applier};
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::build::Apis;
use crate::context::{Context, Memory};
use crate::events::Events;
use crate::inventory::Inventory;
use crate::kind::Kind;
use crate::metrics::{Category, Metrics};
use crate::pods::Pods;
use crate::reconcile::{ReconcileError, attempt};
use crate::records;
use crate::settings::{PodAccess, Settings};
use crate::watches::{Ready, Trigger, Watches};
use models::{Known, News};

/// How long a reconcile may take. The client waits for answers without an end, so that a few requests that
/// are never answered would otherwise hold up all models.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest pause between two tries of a model that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often is looked whether optional kinds have come or gone.
const LOOK_FOR_KINDS: Duration = Duration::from_secs(60);

/// What a controller needs.
pub struct Start {
    /// The client.
    pub client: Client,
    /// The administrator's settings.
    pub settings: Settings,
    /// How pods are reached.
    pub pod_access: PodAccess,
    /// Numbers for Prometheus.
    pub metrics: Arc<Metrics>,
    /// The name of this process in events.
    pub instance: Option<String>,
}

/// Reconciles until `shutdown` completes; reconciles that have begun are finished.
///
/// # Errors
/// When no HTTP client can be made.
pub async fn run(
    start: Start,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), reqwest::Error> {
    let Start { client, settings, pod_access, metrics, instance } = start;
    let (trigger, queue) = mpsc::unbounded_channel();
    let inventory = Arc::new(Inventory::default());
    let watches = Watches {
        client: client.clone(),
        inventory: Arc::clone(&inventory),
        trigger: trigger.clone(),
        scopes: settings.scopes(),
    };
    let (tell, mut news) = mpsc::unbounded_channel();
    let (models, models_ready) = watch_models(&client, &settings, trigger.clone(), tell);
    let context = Arc::new(Context {
        pods: Pods::new(client.clone(), pod_access)?,
        events: Events::new(client.clone(), instance),
        client,
        models: models.clone(),
        inventory,
        metrics,
        settings,
        memory: Memory::default(),
    });
    let forgetful = Arc::clone(&context);
    tokio::spawn(async move {
        while let Some(news) = news.recv().await {
            match news {
                News::Shown(uid, version) => forgetful.status_shown(&uid, version),
                News::Gone(uid) => {
                    forgetful.forget(&uid);
                    forgetful.metrics.forget(&uid);
                }
            }
        }
    });
    let mut ready: Vec<Ready> = models_ready;
    let required = Kind::ALL.into_iter().filter(|kind| !kind.is_optional());
    ready.extend(required.flat_map(|kind| watches.start(kind)));
    ready.extend(watches.start_pods());
    ready.extend(look_for_kinds(&context, &watches, &mut BTreeSet::new()).await);
    for mut list in ready {
        // The sender lives as long as its watch, which is as long as the process.
        let _ = list.wait_for(|is_complete| *is_complete).await;
    }
    if let Err(error) = records::read_all(&context).await {
        warn!(%error, "the records of files could not be listed and are read one by one");
    }
    info!(models = models.len(), "everything is listed");
    let kinds = tokio::spawn(keep_looking_for_kinds(
        Arc::clone(&context),
        watches,
        models.clone(),
        trigger,
    ));
    apply_reconciles(context, models, queue, shutdown).await;
    kinds.abort();
    Ok(())
}

async fn apply_reconciles(
    context: Arc<Context>,
    models: Store<EmbeddingModel>,
    queue: UnboundedReceiver<ObjectRef<EmbeddingModel>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let metrics = Arc::clone(&context.metrics);
    let requests = futures_util::stream::unfold(queue, move |mut queue| {
        let metrics = Arc::clone(&metrics);
        async move {
            let model = queue.recv().await?;
            metrics.set_queued(queue.len());
            Some((Ok::<_, std::convert::Infallible>(ReconcileRequest::from(model)), queue))
        }
    });
    let config = Config::default().concurrency(context.settings.concurrency);
    let reconciles = applier(
        |model, context| attempt(model, context, PATIENCE).boxed(),
        on_error,
        Arc::clone(&context),
        models,
        requests.take_until(shutdown).boxed(),
        config,
    );
    reconciles
        .for_each(|result| {
            match result {
                Ok((model, _)) => {
                    context.metrics.succeeded();
                    debug!(%model, "reconciled");
                }
                // The model was deleted while it waited.
                Err(Error::ObjectNotFound(model)) => debug!(%model, "gone"),
                // Logged where the next try is decided.
                Err(Error::ReconcilerFailed(..)) => {}
                Err(other) => error!(error = %other, "the controller is disturbed"),
            }
            std::future::ready(())
        })
        .await;
}

/// The next try after a failure: soon, then with growing pauses.
fn on_error(model: Arc<EmbeddingModel>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let uid = model.uid().unwrap_or_default();
    let failures = context.count_failure(&uid);
    let category = match error {
        ReconcileError::Api(error) => Category::of(error),
        ReconcileError::TookTooLong(_) => Category::Unreachable,
        ReconcileError::Ended(_) => Category::Internal,
    };
    context.metrics.count_failure(category);
    let pause = pause_after(failures);
    let (namespace, name) = (model.namespace().unwrap_or_default(), model.name_any());
    let reason = std::error::Error::source(error).map(ToString::to_string);
    match category {
        // Somebody was faster; looking again is all there is to do.
        Category::Conflict if failures < 5 => debug!(namespace, name, "changed by somebody else"),
        _ => {
            warn!(namespace, name, ?category, %error, reason, seconds = pause.as_secs_f64(), "tried again later")
        }
    }
    Action::requeue(pause)
}

/// Half a second, doubled with every failure in a row, at most five minutes.
fn pause_after(failures: u32) -> Duration {
    let doubled =
        Duration::from_millis(500).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE)
}

/// All models, and a request for each that changed in anything but its status.
fn watch_models(
    client: &Client,
    settings: &Settings,
    trigger: Trigger,
    news: UnboundedSender<News>,
) -> (Store<EmbeddingModel>, Vec<Ready>) {
    let (reader, writer) = store();
    let scopes = settings.scopes();
    let (done, ready) = watch::channel(false);
    let known = Known::new(reader.clone(), writer, trigger, news);
    tokio::spawn(models::follow(client.clone(), scopes, known, done));
    (reader, vec![ready])
}

/// Starts watches of optional kinds that have come.
async fn look_for_kinds(
    context: &Arc<Context>,
    watches: &Watches,
    watched: &mut BTreeSet<Kind>,
) -> Vec<Ready> {
    let mut available = BTreeSet::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_optional()) {
        let version = kind.gvk().api_version();
        match context.client.list_api_group_resources(&version).await {
            Ok(list) if list.resources.iter().any(|it| it.kind == kind.as_str()) => {
                available.insert(kind);
            }
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                warn!(%kind, %error, "it could not be found out whether the cluster has the kind");
                available.extend(watched.get(&kind));
            }
        }
    }
    let new: Vec<Kind> = available.difference(watched).copied().collect();
    watched.extend(&new);
    context.set_apis(Apis { available });
    new.into_iter().flat_map(|kind| watches.start(kind)).collect()
}

/// Looks for optional kinds again and again; models are looked at again when one has come.
async fn keep_looking_for_kinds(
    context: Arc<Context>,
    watches: Watches,
    models: Store<EmbeddingModel>,
    trigger: Trigger,
) {
    let mut watched = context.apis().available;
    loop {
        tokio::time::sleep(LOOK_FOR_KINDS).await;
        for mut list in look_for_kinds(&context, &watches, &mut watched).await {
            let _ = list.wait_for(|is_complete| *is_complete).await;
            for model in models.state() {
                let _ = trigger.send(ObjectRef::from_obj(&*model));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_five_minutes() {
        let pauses =
            [1, 2, 3, 9, 10, 11, u32::MAX].map(|failures| pause_after(failures).as_millis());
        assert_eq!(pauses, [500, 1000, 2000, 128_000, 256_000, 300_000, 300_000]);
    }
}
