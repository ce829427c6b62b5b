//! Objects that several models use: who owns them, and when they go.
//!
//! Every user is an owner, so that Kubernetes' garbage collection counts them. Only one reconcile at a
//! time changes an object's owners, and it looks at the object itself first: a list of owners that is a moment old
//! would drop somebody.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tracing::info;

use super::{api, delete, live_object};
use crate::build::Ownership;
use crate::context::Context;
use crate::inventory::{LiveObject, Place};
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::validate::ValidatedModel;

/// Adds the owners that an object has already to one that is about to be applied.
pub(super) async fn keep_other_owners(
    context: &Context,
    place: &Place,
    body: &mut Value,
) -> Result<(), kube::Error> {
    let Some(live) = api(context, place).get_metadata_opt(&place.name).await? else {
        return Ok(());
    };
    let own = body["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let others = live.metadata.owner_references.unwrap_or_default();
    let others = others
        .into_iter()
        .filter(|other| {
            is_alive(context, other) && !own.iter().any(|own| own["uid"] == other.uid.as_str())
        })
        .map(|other| json!(other));
    let owners: Vec<Value> = own.iter().cloned().chain(others).collect();
    body["metadata"]["ownerReferences"] = Value::Array(owners);
    Ok(())
}

/// Makes a model an owner of an object (or not, if nobody shall be), and changes nothing else.
pub(super) async fn set_owners(
    context: &Context,
    live: &LiveObject,
    valid: &ValidatedModel,
    ownership: Ownership,
) -> Result<(), kube::Error> {
    let _guard = context.lock_owners(&live.place).await;
    let is_own = ownership == Ownership::Own;
    change_owners(context, &live.place, |owners| {
        owners.retain(|owner| owner.uid != valid.uid && is_alive(context, owner));
        if ownership != Ownership::Kept {
            owners.push(names::owner_reference(&valid.model, is_own));
        }
    })
    .await
}

/// Makes the model an owner of Jobs that an earlier model of its name left behind, or that another model
/// has made for the same files, so that they go with it.
///
/// # Errors
/// When the API server does not answer.
pub async fn adopt_jobs(
    context: &Context,
    valid: &ValidatedModel,
    used: &[String],
) -> Result<(), kube::Error> {
    let mut jobs = context.inventory.of_model(&valid.namespace, &valid.name);
    jobs.extend(used.iter().flat_map(|key| context.inventory.of_key(&valid.namespace, key)));
    for job in jobs {
        let is_to_stay = job.component != Some(Component::Remove) && !job.is_leaving;
        if job.place.kind == Kind::Job && is_to_stay && !job.is_owned_by(&valid.uid) {
            let ownership = match job.cache_key {
                Some(_) => Ownership::Shared,
                None => Ownership::Own,
            };
            set_owners(context, &job, valid, ownership).await?;
        }
    }
    Ok(())
}

/// Gives up the model's share of everything that it does not use any more; what nobody uses goes.
///
/// Returns the keys whose files lie in a volume that the user named, of which nobody else has a share.
///
/// # Errors
/// When the API server does not answer.
pub async fn release_unused(
    context: &Context,
    uid: &str,
    used: &[String],
) -> Result<Vec<String>, kube::Error> {
    let mut unused_keys = Vec::new();
    for live in context.inventory.shared_with(uid) {
        let Some(key) = live.cache_key.clone().filter(|key| !used.contains(key)) else { continue };
        if live.is_leaving {
            continue;
        }
        let _guard = context.lock_owners(&live.place).await;
        // Deleted with its last owner still on it: an operator that ends in between finds it again.
        if has_other_owners(context, &live, uid).await? {
            change_owners(context, &live.place, |owners| {
                owners.retain(|owner| owner.uid != uid && is_alive(context, owner));
            })
            .await?;
            continue;
        }
        info!(kind = %live.place.kind, name = live.place.name, "nobody uses it any more");
        delete(context, &live).await?;
        if live.place.kind == Kind::ConfigMap {
            unused_keys.push(key);
        }
    }
    Ok(unused_keys)
}

/// Whether somebody else owns an object too, by a look at the object itself.
async fn has_other_owners(
    context: &Context,
    live: &LiveObject,
    uid: &str,
) -> Result<bool, kube::Error> {
    let found = api(context, &live.place).get_metadata_opt(&live.place.name).await?;
    let owners = found.and_then(|found| found.metadata.owner_references).unwrap_or_default();
    Ok(owners.iter().any(|owner| owner.uid != uid && is_alive(context, owner)))
}

/// Writes other owners, if they are others.
async fn change_owners(
    context: &Context,
    place: &Place,
    change: impl FnOnce(&mut Vec<OwnerReference>),
) -> Result<(), kube::Error> {
    let api = api(context, place);
    let Some(live) = api.get_metadata_opt(&place.name).await? else {
        context.inventory.remove(place);
        return Ok(());
    };
    let before = live.metadata.owner_references.clone().unwrap_or_default();
    let mut owners = before.clone();
    change(&mut owners);
    if owners == before {
        return Ok(());
    }
    // A merge patch replaces the list; the version makes sure that it is the list that was seen.
    let patch = json!({"metadata": {
        "ownerReferences": owners,
        "resourceVersion": live.metadata.resource_version,
    }});
    let params =
        PatchParams { field_manager: Some(names::MANAGER.to_owned()), ..PatchParams::default() };
    let answer = api.patch(&place.name, &params, &Patch::Merge(&patch)).await?;
    context.metrics.count_write(place.kind);
    context.inventory.insert(live_object(place.kind, &answer));
    Ok(())
}

/// Whether an owner is a model that still exists; owners of other kinds are none of our business.
pub(super) fn is_alive(context: &Context, owner: &OwnerReference) -> bool {
    owner.kind != crds::KIND
        || context.models.find(|model| model.metadata.uid.as_ref() == Some(&owner.uid)).is_some()
}
