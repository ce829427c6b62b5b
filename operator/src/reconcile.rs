//! One look at one model: dereference, validate, build, apply, update the status.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crds::EmbeddingModel;
use crds::spec::DeviceTarget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use tracing::{debug, instrument};

use crate::accelerator::{self, AcceleratorPlan};
use crate::apply::{self, Unwanted};
use crate::build::{self, Inputs};
use crate::context::Context;
use crate::deletion;
use crate::dereference::{dereference, siblings};
use crate::kind::Kind;
use crate::names;
use crate::plan::{CacheState, Images, Observed, Plan, Resolution, cache};
use crate::render_groups;
use crate::status;
use crate::update_status::update_status;
use crate::validate::{ValidatedModel, validate};
use crate::watches::place;

/// How soon a model is looked at again whose files are being pulled: its progress is shown.
const WHILE_PULLING: Duration = Duration::from_secs(5);
/// How soon a model is looked at again whose pods are on their way, or say nothing.
const WHILE_STARTING: Duration = Duration::from_secs(10);

/// Why a reconcile failed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API server did not do what was asked.
    #[error("the API server did not do what was asked")]
    Api(#[from] kube::Error),
    /// The API server did not answer.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    TookTooLong(Duration),
    /// A mistake of the operator's own.
    #[error("the reconcile ended unexpectedly: {0}")]
    Ended(String),
}

/// One [`reconcile`], on a task of its own, so that all cores are used and a panic harms nobody else. It is ended
/// when it takes too long; what it has done until then stands, and the next one goes on from there.
///
/// # Errors
/// As [`reconcile`], or when it was ended.
pub async fn attempt(
    model: Arc<EmbeddingModel>,
    context: Arc<Context>,
    patience: Duration,
) -> Result<Action, ReconcileError> {
    let uid = model.uid().unwrap_or_default();
    let reconcile = tokio::time::timeout(patience, reconcile(model, Arc::clone(&context)));
    let result = match tokio::spawn(reconcile).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(ReconcileError::TookTooLong(patience)),
        Err(error) => Err(ReconcileError::Ended(error.to_string())),
    };
    if result.is_ok() {
        context.clear_failures(&uid);
    }
    result
}

/// Looks at a model and makes the cluster as it should be.
///
/// # Errors
/// When the API server does not do what is asked; the model is looked at again later.
#[instrument(skip_all, fields(namespace = model.namespace(), name = model.name_any()))]
pub async fn reconcile(
    model: Arc<EmbeddingModel>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let _running = context.metrics.begin();
    let model = context.with_newest_status(&model);
    let resync = Action::requeue(with_jitter(context.settings.resync, &model));
    if model.metadata.deletion_timestamp.is_some() {
        return Ok(deletion::finish(&context, &model).await?.unwrap_or_else(Action::await_change));
    }
    let now = now();
    if model.spec.suspend {
        let status = status::status_of_suspended(&model, &now);
        update_status(&context, &model, status).await?;
        return Ok(resync);
    }
    let siblings = siblings(&context, &model);
    let valid = match validate(Arc::clone(&model), &siblings, &context.settings) {
        Ok(valid) => valid,
        Err(invalid) => {
            debug!(reason = %invalid.reason, "refused");
            let status = status::status_of_invalid(&model, &invalid, &now);
            update_status(&context, &model, status).await?;
            return Ok(resync);
        }
    };
    deletion::ensure_finalizer(&context, &valid).await?;
    let (observed, resolution) = dereference(&context, &valid, &now).await?;
    let nodes = match valid.model.spec.device.target {
        DeviceTarget::Cpu => None,
        DeviceTarget::Gpu | DeviceTarget::Npu => {
            Some(render_groups::look(&context, &valid, &observed).await?)
        }
    };
    let accelerator = match &nodes {
        Some(nodes) => accelerator::plan(render_groups::wish(&valid), nodes.view()),
        None => Ok(AcceleratorPlan::without_device()),
    };
    let default_image = match valid.wants_accelerator() {
        true => &context.settings.gpu_image,
        false => &context.settings.image,
    };
    let images =
        Images { given: valid.model.spec.image.serving.as_deref(), default: default_image };
    let plan = Plan::new(&valid, &observed, resolution, accelerator, images);

    let apis = context.apis();
    let inputs = Inputs {
        valid: &valid,
        plan: &plan,
        observed: &observed,
        settings: &context.settings,
        apis: &apis,
    };
    let mut wanted = build::build(inputs);
    wanted.extend(render_groups::jobs(&context, &valid, &plan));
    wanted.extend(nodes.as_ref().and_then(|nodes| render_groups::record(&valid, nodes)));
    wanted.sort_by_key(|object| object.kind);
    let mut unwanted = unwanted(&valid, &plan, &observed);
    unwanted.keep.extend(nodes.iter().flat_map(|nodes| nodes.given_up_jobs(&valid)));
    let mut applied = apply::apply(&context, &valid, &wanted, &unwanted).await?;
    applied.refused.extend(build::missing_definitions(inputs));

    let used = used_keys(&plan);
    apply::adopt_jobs(&context, &valid, &used).await?;
    let unused = apply::release_unused(&context, &valid.uid, &used).await?;
    deletion::remove_unused_files(&context, &valid, &unused, &used).await?;

    let status = status::status(inputs, &applied, &now);
    let is_ready = status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
    warn_of(&context, &valid, &observed).await;
    update_status(&context, &model, status).await?;
    Ok(next_look(&plan, is_ready, resync))
}

/// When the model is looked at again without a change.
fn next_look(plan: &Plan, is_ready: bool, resync: Action) -> Action {
    let is_pulling = matches!(plan.cache, CacheState::Pulling { .. } | CacheState::Failed(_));
    match (is_ready, is_pulling) {
        (true, false) => resync,
        (_, true) => Action::requeue(WHILE_PULLING),
        (false, false) => Action::requeue(WHILE_STARTING),
    }
}

/// What goes: Jobs whose results were lost, the record of a volume that is gone, and objects that were
/// wanted once.
fn unwanted(valid: &ValidatedModel, plan: &Plan, observed: &Observed) -> Unwanted {
    let mut unwanted = Unwanted::default();
    if plan.resolution == (Resolution::Resolving { again: true }) {
        let name = names::resolve_job(&valid.name, &valid.request);
        unwanted.again.push(place(Kind::Job, &valid.namespace, &name));
    }
    if let (CacheState::Pulling { again: true }, Some(target)) = (&plan.cache, &plan.target) {
        unwanted.again.push(place(Kind::Job, &valid.namespace, &names::pull_job(&target.key)));
    }
    if let Some(target) = &plan.target
        && cache::is_without_volume(valid, target, observed)
    {
        unwanted.again.push(place(Kind::ConfigMap, &valid.namespace, &names::cache(&target.key)));
    }
    unwanted.prune = [
        Kind::NetworkPolicy,
        Kind::PodDisruptionBudget,
        Kind::Ingress,
        Kind::HTTPRoute,
        Kind::PodMonitor,
        Kind::PrometheusRule,
        Kind::Job,
    ]
    .into();
    // What serves stays until something else is known to serve.
    let is_decided = plan.serving.is_some() && plan.accelerator.is_ok();
    if is_decided {
        unwanted.prune.extend([Kind::Deployment, Kind::ConfigMap, Kind::ResourceClaimTemplate]);
    }
    if is_decided || valid.model.spec.autoscaling.is_none() {
        unwanted.prune.insert(Kind::HorizontalPodAutoscaler);
    }
    unwanted.keep = keep(valid, plan, observed);
    unwanted
}

/// Objects that stay although they are not applied: the settings of releases that pods may go back
/// to, and the Job that has just answered.
fn keep(valid: &ValidatedModel, plan: &Plan, observed: &Observed) -> BTreeSet<(Kind, String)> {
    let mut keep = BTreeSet::new();
    let releases = plan.history.iter().chain(plan.serving.iter().map(|serving| &serving.release));
    keep.extend(
        releases.filter_map(|release| Some((Kind::ConfigMap, release.config_map.clone()?))),
    );
    // Pods of a release that is being replaced still mount its settings.
    let running: BTreeSet<&str> = observed
        .pods
        .iter()
        .filter_map(|pod| pod.release.as_deref())
        .chain(observed.deployments.values().filter_map(|it| it.release.as_deref()))
        .collect();
    keep.extend(running.iter().map(|label| (Kind::ConfigMap, format!("{}-{label}", valid.name))));
    keep.insert((Kind::ConfigMap, names::render_groups(&valid.name)));
    keep.insert((Kind::Job, names::resolve_job(&valid.name, &valid.request)));
    if let Err(none) = &plan.accelerator {
        keep.extend(
            none.discover
                .iter()
                .map(|it| (Kind::Job, names::render_group_job(&valid.name, &it.node))),
        );
    }
    keep
}

/// The cache keys that the model uses.
fn used_keys(plan: &Plan) -> Vec<String> {
    let releases = plan.history.iter().chain(plan.serving.iter().map(|serving| &serving.release));
    let mut keys: Vec<String> =
        releases.chain(&plan.target).map(|release| release.key.clone()).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Tells of what may be a mistake, once for each specification.
async fn warn_of(context: &Context, valid: &ValidatedModel, observed: &Observed) {
    let seen = valid.model.status.as_ref().and_then(|status| status.observed_generation);
    if seen == Some(valid.generation) {
        return;
    }
    for warning in &valid.warnings {
        context.events.warn(&valid.model, warning.reason, warning.message.clone()).await;
    }
    let one_node = observed.claim.as_ref().is_some_and(|claim| claim.facts.is_bound_to_one_node());
    if one_node && valid.model.replica_bounds().1 > 1 {
        let message = "the volume can be mounted by one node at a time, so all pods run on one node: use a storage \
                       class with ReadWriteMany, or cache.mode Ephemeral";
        context.events.warn(&valid.model, "VolumeOfOneNode", message.to_owned()).await;
    }
}

/// Now, to the second, as Kubernetes keeps times.
pub fn now() -> Time {
    let seconds = Timestamp::now().as_second();
    Time(Timestamp::from_second(seconds).expect("a time that was just read"))
}

/// A tenth more or less, by the model, so that not all are looked at in the same moment.
fn with_jitter(interval: Duration, model: &EmbeddingModel) -> Duration {
    let spread = u32::from_str_radix(&names::hash(&model.uid())[..4], 16).unwrap_or_default();
    interval.mul_f64(0.9 + 0.2 * f64::from(spread) / 65_536.0)
}
