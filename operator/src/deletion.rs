//! The end of a model.
//!
//! Kubernetes' garbage collection deletes what the model owns, and what it shares with nobody else.
//! Only files in a volume that the user named need a hand: a Job removes them, and a finalizer waits
//! for it, not for ever. Nothing else is made for a model that is being deleted.

use std::time::Duration;

use crds::{EmbeddingModel, SourceRef};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use serde_json::json;
use tracing::info;

use crate::apply;
use crate::build;
use crate::context::Context;
use crate::inventory::Facts;
use crate::kind::Kind;
use crate::names;
use crate::validate::{ValidatedModel, validate};
use crate::watches::place;

/// How often a deletion looks whether its Jobs are done.
const LOOK: Duration = Duration::from_secs(5);

/// Makes sure that a model whose files lie in a volume that the user named is not gone before them.
///
/// # Errors
/// When the API server does not take the change.
pub async fn ensure_finalizer(
    context: &Context,
    valid: &ValidatedModel,
) -> Result<(), kube::Error> {
    let has = valid.model.finalizers().iter().any(|it| it == names::FINALIZER);
    match named_claim(&valid.model) {
        Some(_) if !has => set_finalizer(context, &valid.model, Presence::Present).await,
        _ => Ok(()),
    }
}

/// Removes the files of keys that nobody uses any more from a volume that the user named.
///
/// # Errors
/// When the API server does not take the Job.
pub async fn remove_unused_files(
    context: &Context,
    valid: &ValidatedModel,
    unused: &[String],
    used: &[String],
) -> Result<(), kube::Error> {
    let Some(claim) = named_claim(&valid.model) else { return Ok(()) };
    for key in used {
        // Files that are wanted again must not be removed by a Job that comes late.
        let job = place(Kind::Job, &valid.namespace, &names::remove_job(key));
        apply::delete_at(context, &job).await?;
    }
    for key in unused {
        make_remove_job(context, valid, claim, key).await?;
    }
    Ok(())
}

/// Goes on with a deletion; `None` when there is nothing left to do.
///
/// # Errors
/// When the API server does not do what is asked.
pub async fn finish(
    context: &Context,
    model: &EmbeddingModel,
) -> Result<Option<Action>, kube::Error> {
    if !model.finalizers().iter().any(|it| it == names::FINALIZER) {
        return Ok(None);
    }
    let is_overdue = model.metadata.deletion_timestamp.as_ref().is_some_and(|since| {
        let waited = Timestamp::now().duration_since(since.0);
        waited.unsigned_abs() > context.settings.removal_timeout
    });
    let left = match named_claim(model) {
        Some(claim) => remove_files(context, model, claim).await?,
        None => Vec::new(),
    };
    if !left.is_empty() && !is_overdue {
        return Ok(Some(Action::requeue(LOOK)));
    }
    if !left.is_empty() {
        let message = format!(
            "the files in the folders {} of the PersistentVolumeClaim {} could not be removed in time and stay there: \
             remove them by hand",
            left.join(", "),
            named_claim(model).unwrap_or_default()
        );
        context.events.warn(model, "FilesLeftBehind", message).await;
        for key in &left {
            let job =
                place(Kind::Job, &model.namespace().unwrap_or_default(), &names::remove_job(key));
            apply::delete_at(context, &job).await?;
        }
    }
    set_finalizer(context, model, Presence::Absent).await?;
    info!("the model is gone");
    Ok(None)
}

/// Has a Job remove the files of each key that no other model uses; returns the keys that are not
/// done.
async fn remove_files(
    context: &Context,
    model: &EmbeddingModel,
    claim: &str,
) -> Result<Vec<String>, kube::Error> {
    let namespace = model.namespace().unwrap_or_default();
    let uid = model.uid().unwrap_or_default();
    let Ok(valid) = validate(std::sync::Arc::new(model.clone()), &[], &context.settings) else {
        return Ok(Vec::new());
    };
    let (mut left, mut done) = (Vec::new(), Vec::new());
    let releases = model.status.iter().flat_map(|status| &status.history);
    let mut keys: Vec<&str> = releases
        .filter(|release| release.claim_name.as_deref() == Some(claim))
        .map(|release| release.key.as_str())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let is_shared = context
            .inventory
            .of_key(&namespace, key)
            .iter()
            .any(|object| object.model_owners().any(|owner| owner.uid != uid));
        if is_shared {
            continue;
        }
        let job = context.inventory.get(&place(Kind::Job, &namespace, &names::remove_job(key)));
        let is_done = job.as_ref().is_some_and(|job| match &job.facts {
            Facts::Job(facts) => facts.succeeded,
            _ => false,
        });
        if is_done {
            done.extend(job);
            continue;
        }
        left.push(key.to_owned());
        if job.is_none() {
            // A pull that goes on would write what is being removed.
            let pull = place(Kind::Job, &namespace, &names::pull_job(key));
            apply::delete_at(context, &pull).await?;
            make_remove_job(context, &valid, claim, key).await?;
        }
    }
    if left.is_empty() {
        for job in done {
            apply::delete(context, &job).await?;
        }
    }
    Ok(left)
}

async fn make_remove_job(
    context: &Context,
    valid: &ValidatedModel,
    claim: &str,
    key: &str,
) -> Result<(), kube::Error> {
    let job = build::remove_job(valid, &context.settings, claim, key);
    let place = place(job.kind, &valid.namespace, &job.name);
    apply::send(context, &place, &job.body).await.map(drop)
}

/// The volume that the user named for the files of a model from a hub.
fn named_claim(model: &EmbeddingModel) -> Option<&str> {
    let Some(SourceRef::HuggingFace(_)) = model.source() else { return None };
    model.spec.cache.persistent_volume_claim.as_ref()?.claim_name.as_deref()
}

/// Whether the finalizer is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

async fn set_finalizer(
    context: &Context,
    model: &EmbeddingModel,
    presence: Presence,
) -> Result<(), kube::Error> {
    let mut finalizers: Vec<&str> = model.finalizers().iter().map(String::as_str).collect();
    finalizers.retain(|it| *it != names::FINALIZER);
    if presence == Presence::Present {
        finalizers.push(names::FINALIZER);
    }
    let namespace = model.namespace().unwrap_or_default();
    let api: Api<EmbeddingModel> = Api::namespaced(context.client.clone(), &namespace);
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": model.resource_version()}});
    let params =
        PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&model.name_any(), &params, &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}
