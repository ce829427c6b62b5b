//! Makes the cluster as it should be: server-side apply with one field manager, and only where
//! something differs.
//!
//! Nobody's object is taken over: an object that somebody else made under a name that is needed is
//! left alone and reported.

mod shared;

use std::collections::BTreeSet;

use crds::conditions::Reason;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::TypeMeta;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{debug, info};

use crate::build::{Ownership, Update, Wanted};
use crate::compare::is_contained;
use crate::context::Context;
use crate::inventory::{Facts, LiveObject, Place, Verification};
use crate::kind::Kind;
use crate::names;
use crate::validate::ValidatedModel;
use crate::watches::place;

pub use shared::{adopt_jobs, release_unused};

/// What became of an attempt to make the cluster as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was refused, in words for the status.
    pub refused: Vec<Refusal>,
    /// What waits until an earlier object of the same name is gone.
    pub waiting: Vec<String>,
}

/// An object that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for the conditions.
    pub reason: Reason,
    /// What was refused, and the API server's words.
    pub message: String,
}

/// What should be gone.
#[derive(Clone, Debug, Default)]
pub struct Unwanted {
    /// Jobs whose results were lost and records of what is lost, to be made anew.
    pub again: Vec<Place>,
    /// The kinds of which everything that is not wanted goes.
    pub prune: BTreeSet<Kind>,
    /// Names that stay although they are not applied, such as the settings of old releases.
    pub keep: BTreeSet<(Kind, String)>,
}

/// Applies what is wanted and deletes what is not.
///
/// # Errors
/// When the API server does not answer, or refuses for a reason that may pass; what it refuses for good is in the
/// result.
pub async fn apply(
    context: &Context,
    valid: &ValidatedModel,
    wanted: &[Wanted],
    unwanted: &Unwanted,
) -> Result<Applied, kube::Error> {
    let mut applied = Applied::default();
    for place in &unwanted.again {
        delete_at(context, place).await?;
    }
    for object in wanted {
        match apply_one(context, valid, object).await {
            Ok(Outcome::AsItShouldBe) => {}
            Ok(Outcome::Waiting) => {
                applied.waiting.push(format!("{} {}", object.kind, object.name))
            }
            Ok(Outcome::Foreign) => applied.refused.push(Refusal {
                reason: Reason::ApplyFailed,
                message: format!(
                    "{} {} exists and was not made by this operator: rename one of the two",
                    object.kind, object.name
                ),
            }),
            Err(kube::Error::Api(status)) if is_for_good(status.code) => {
                let reason = match status.message.contains("exceeded quota") {
                    true => Reason::QuotaExceeded,
                    false => Reason::ApplyFailed,
                };
                let message = format!("{} {}: {}", object.kind, object.name, status.message);
                applied.refused.push(Refusal { reason, message });
            }
            Err(error) => return Err(error),
        }
    }
    prune(context, valid, wanted, unwanted).await?;
    Ok(applied)
}

enum Outcome {
    AsItShouldBe,
    /// It is going away, and can be made when it is gone.
    Waiting,
    /// Somebody else's.
    Foreign,
}

/// A refusal that will be the same in a second: invalid, forbidden, or a kind that is not there.
fn is_for_good(code: u16) -> bool {
    matches!(code, 400 | 403 | 404 | 405 | 413 | 422)
}

async fn apply_one(
    context: &Context,
    valid: &ValidatedModel,
    wanted: &Wanted,
) -> Result<Outcome, kube::Error> {
    let place = place(wanted.kind, &valid.namespace, &wanted.name);
    let mut body = wanted.body.clone();
    if wanted.ownership == Ownership::Kept {
        body["metadata"]["ownerReferences"] = json!([]);
    }
    let hash = names::hash(&hashable(&body));
    let live = context.inventory.get(&place);
    let Some(live) = live else {
        if has_guessable_name(wanted.kind) && is_taken(context, &place).await? {
            return Ok(Outcome::Foreign);
        }
        write(context, &place, body, &hash, wanted.ownership).await?;
        return Ok(Outcome::AsItShouldBe);
    };
    if live.is_leaving {
        return Ok(Outcome::Waiting);
    }
    if wanted.ownership == Ownership::Own && !may_adopt(context, valid, &live) {
        return Ok(Outcome::Foreign);
    }
    let has_owner = match wanted.ownership {
        Ownership::Kept => !live.is_owned_by(&valid.uid),
        Ownership::Own | Ownership::Shared => live.is_owned_by(&valid.uid),
    };
    let same = live.applied.as_deref() == Some(hash.as_str());
    match wanted.update {
        Update::Once if has_owner => return Ok(Outcome::AsItShouldBe),
        Update::Once => {
            // Only the owners change: the content of an immutable object stays what it is.
            shared::set_owners(context, &live, valid, wanted.ownership).await?;
            return Ok(Outcome::AsItShouldBe);
        }
        Update::Replace if same && has_owner => return Ok(Outcome::AsItShouldBe),
        Update::Replace
            if same || wanted.ownership == Ownership::Shared && !is_sole_owner(valid, &live) =>
        {
            // Another model made it its way, for the same result.
            if !has_owner {
                shared::set_owners(context, &live, valid, wanted.ownership).await?;
            }
            return Ok(Outcome::AsItShouldBe);
        }
        Update::Replace => {
            info!(kind = %place.kind, name = place.name, "made anew, because it cannot be changed");
            delete(context, &live).await?;
            return Ok(Outcome::Waiting);
        }
        Update::Apply
            if wanted.kind == Kind::NetworkPolicy
                && wanted.ownership == Ownership::Shared
                && has_owner
                && !is_sole_owner(valid, &live) =>
        {
            // It belongs to the Job, which another model made its way: two models that both had theirs
            // would write for ever.
            return Ok(Outcome::AsItShouldBe);
        }
        Update::Apply => {}
    }
    if same && has_owner {
        let inventory = &context.inventory;
        if inventory.verification(&place, live.version, &hash) == Some(Verification::Compared) {
            return Ok(Outcome::AsItShouldBe);
        }
        // An operator that has just begun would read everything there is before it does anything: what
        // carries the hash and shows no trace of others is compared the next time.
        if inventory.is_unseen(&place) && !live.is_changed_by_others {
            inventory.mark_verified(&place, live.version, &hash, Verification::Told);
            return Ok(Outcome::AsItShouldBe);
        }
        let found = api(context, &place).get_opt(&place.name).await?;
        if found.is_some_and(|found| is_contained(&body, &value(&found))) {
            inventory.mark_verified(&place, live.version, &hash, Verification::Compared);
            return Ok(Outcome::AsItShouldBe);
        }
    }
    write(context, &place, body, &hash, wanted.ownership).await?;
    Ok(Outcome::AsItShouldBe)
}

/// Whether a model is the only one that uses an object.
fn is_sole_owner(valid: &ValidatedModel, live: &LiveObject) -> bool {
    live.model_owners().all(|owner| owner.uid == valid.uid)
}

/// What the hash is about: everything but the owners, which differ from model to model.
fn hashable(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
    }
    body
}

/// Names that a person might choose too. Names with a hash are nobody else's.
fn has_guessable_name(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::ConfigMap | Kind::PersistentVolumeClaim | Kind::Job | Kind::ResourceClaimTemplate
    )
}

/// Whether an object of the name exists that the watch, which sees only the operator's, does not.
async fn is_taken(context: &Context, place: &Place) -> Result<bool, kube::Error> {
    let found = api(context, place).get_metadata_opt(&place.name).await?;
    Ok(found.is_some_and(|found| {
        let labels = found.metadata.labels.unwrap_or_default();
        labels.get(names::MANAGED_BY).is_none_or(|manager| manager != names::MANAGER)
    }))
}

/// Whether an object that carries the operator's label may be taken for this model's: it is its own,
/// its owner of the same name is gone, or a deletion that left it behind took the owner away.
fn may_adopt(context: &Context, valid: &ValidatedModel, live: &LiveObject) -> bool {
    let is_of_this_name = live.model.as_deref() == Some(valid.name.as_str());
    let has_other_owner =
        live.owners.iter().any(|owner| owner.uid != valid.uid && shared::is_alive(context, owner));
    is_of_this_name && !has_other_owner
}

/// Applies an object with the hash of what it should be, and notes whether it has become that.
async fn write(
    context: &Context,
    place: &Place,
    mut body: Value,
    hash: &str,
    ownership: Ownership,
) -> Result<(), kube::Error> {
    body["metadata"]["annotations"][names::APPLIED] = json!(hash);
    let guard = match ownership {
        Ownership::Shared => {
            let guard = context.lock_owners(place).await;
            shared::keep_other_owners(context, place, &mut body).await?;
            Some(guard)
        }
        Ownership::Own | Ownership::Kept => None,
    };
    let (live, answer) = send(context, place, &body).await?;
    drop(guard);
    if is_contained(&body, &value(&answer)) {
        context.inventory.mark_verified(place, live.version, hash, Verification::Compared);
    }
    Ok(())
}

/// One server-side apply. The inventory takes in the answer, which is returned too.
///
/// # Errors
/// When the API server refuses the object or does not answer.
pub(crate) async fn send(
    context: &Context,
    place: &Place,
    body: &Value,
) -> Result<(LiveObject, DynamicObject), kube::Error> {
    debug!(kind = %place.kind, name = place.name, "applied");
    let params = PatchParams::apply(names::MANAGER).force();
    let answer = api(context, place).patch(&place.name, &params, &Patch::Apply(body)).await?;
    context.metrics.count_write(place.kind);
    let live = live_object(place.kind, &answer);
    context.inventory.insert(live.clone());
    Ok((live, answer))
}

/// Deletes the object of a place, unless there is none or it is going away already.
///
/// # Errors
/// When the API server does not answer.
pub async fn delete_at(context: &Context, place: &Place) -> Result<(), kube::Error> {
    match context.inventory.get(place).filter(|live| !live.is_leaving) {
        Some(live) => delete(context, &live).await,
        None => Ok(()),
    }
}

/// Deletes an object, if it is still the one that was seen. Its pods go with it.
pub async fn delete(context: &Context, live: &LiveObject) -> Result<(), kube::Error> {
    let params = DeleteParams::background()
        .preconditions(Preconditions { uid: Some(live.uid.clone()), resource_version: None });
    info!(kind = %live.place.kind, name = live.place.name, "deleted");
    match api(context, &live.place).delete(&live.place.name, &params).await {
        Ok(_) => {
            context.metrics.count_write(live.place.kind);
            context.inventory.mark_leaving(&live.place, &live.uid);
            Ok(())
        }
        // Somebody else was faster, or another object has the name by now.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Deletes the model's own objects of the given kinds that are not wanted any more.
async fn prune(
    context: &Context,
    valid: &ValidatedModel,
    wanted: &[Wanted],
    unwanted: &Unwanted,
) -> Result<(), kube::Error> {
    for live in context.inventory.of_model(&valid.namespace, &valid.name) {
        let kind = live.place.kind;
        let is_wanted = wanted.iter().any(|it| it.kind == kind && it.name == live.place.name)
            || unwanted.keep.contains(&(kind, live.place.name.clone()));
        if unwanted.prune.contains(&kind)
            && !is_wanted
            && !live.is_leaving
            && may_adopt(context, valid, &live)
        {
            delete(context, &live).await?;
        }
    }
    Ok(())
}

/// The API of objects of a place's kind and namespace.
fn api(context: &Context, place: &Place) -> Api<DynamicObject> {
    Api::namespaced_with(context.client.clone(), &place.namespace, &place.kind.api_resource())
}

/// The facts of an object that an answer holds.
fn live_object(kind: Kind, object: &DynamicObject) -> LiveObject {
    let facts = match kind {
        Kind::Deployment => facts::<Deployment>(object),
        Kind::Job => facts::<Job>(object),
        Kind::PersistentVolumeClaim => facts::<PersistentVolumeClaim>(object),
        _ => Facts::None,
    };
    LiveObject::new(kind, &object.metadata, facts)
}

fn facts<K: DeserializeOwned>(object: &DynamicObject) -> Facts
where
    for<'a> Facts: From<&'a K>,
{
    serde_json::from_value::<K>(value(object)).map_or(Facts::None, |typed| Facts::from(&typed))
}

/// An object as plain JSON.
fn value(object: &DynamicObject) -> Value {
    let mut value = object.data.clone();
    value["metadata"] = serde_json::to_value(&object.metadata).expect("metadata are plain JSON");
    if let Some(TypeMeta { api_version, kind }) = &object.types {
        value["apiVersion"] = json!(api_version);
        value["kind"] = json!(kind);
    }
    value
}
