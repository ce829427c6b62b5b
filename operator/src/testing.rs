//! What the unit tests of this crate share: a model, what its Jobs report, and the way from there to a plan.

mod model;
mod settings;

use std::sync::Arc;

use crds::EmbeddingModel;
use crds::status::{EmbeddingModelStatus, Release};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::accelerator::AcceleratorPlan;
use crate::facts::{ClaimFacts, DeploymentFacts};
use crate::plan::rollout::ReleaseState;
use crate::plan::{ClaimView, Images, JobView, Observed, Plan, resolution};
use crate::settings::Settings;
use crate::validate::{ValidatedModel, validate};

pub(crate) use model::{COMMIT, model, report};
pub(crate) use settings::settings;

/// Another commit.
pub(crate) const NEWER: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// The model `small` from the hub, checked; `rest` is the specification after its source.
pub(crate) fn valid(rest: &str) -> ValidatedModel {
    valid_with(rest, EmbeddingModelStatus::default())
}

/// The same with a status.
pub(crate) fn valid_with(rest: &str, status: EmbeddingModelStatus) -> ValidatedModel {
    from(&format!("{{source: {{huggingFace: {{repo: a/b}}}}{rest}}}"), status)
}

/// A model of this specification with a status, checked.
pub(crate) fn from(spec: &str, status: EmbeddingModelStatus) -> ValidatedModel {
    let mut model = model("small", spec);
    model.status = Some(status);
    validate(Arc::new(model), &[], &settings()).expect("it is valid")
}

/// The same model with the history of `plan`, as the next look at it finds it.
pub(crate) fn next(valid: &ValidatedModel, plan: &Plan) -> ValidatedModel {
    with_history(valid, plan.history.clone())
}

/// The same model with this history.
pub(crate) fn with_history(valid: &ValidatedModel, history: Vec<Release>) -> ValidatedModel {
    let mut model = EmbeddingModel::clone(&valid.model);
    model.status.get_or_insert_default().history = history;
    validate(Arc::new(model), &[], &settings()).expect("it is valid")
}

/// A Job that has reported.
pub(crate) fn done(commit: &str) -> JobView {
    JobView { report: Some(report(commit)), ..JobView::default() }
}

/// A volume that can be used.
pub(crate) fn bound() -> ClaimView {
    let facts = ClaimFacts {
        phase: Some("Bound".to_owned()),
        requested: Some("256Mi".to_owned()),
        storage_class: Some("standard".to_owned()),
        access_modes: vec!["ReadWriteOnce".to_owned()],
    };
    ClaimView { facts, is_leaving: false }
}

/// A cluster in which the wish was resolved to a commit and its files were pulled.
pub(crate) fn pulled(valid: &ValidatedModel, commit: &str) -> Observed {
    let mut observed = Observed {
        now: Some(time("00:01:00")),
        resolve: Some(done(commit)),
        claim: crate::release::owns_volume(valid).then(bound),
        ..Observed::default()
    };
    let decided = resolution::decide(valid, &observed);
    let key = decided.release().expect("it was resolved").key.clone();
    observed.records.insert(key, report(commit));
    observed
}

/// A Deployment whose pods all serve a release.
pub(crate) fn complete(release: &Release) -> DeploymentFacts {
    DeploymentFacts {
        wanted: 1,
        replicas: 1,
        updated: 1,
        ready: 1,
        available: 1,
        is_observed: true,
        release: release.label().map(str::to_owned),
        image: release.image.clone(),
        ..DeploymentFacts::default()
    }
}

/// The plan for a model on CPUs by an operator whose own image is `image`.
pub(crate) fn plan_by(valid: &ValidatedModel, observed: &Observed, image: &str) -> Plan {
    let decided = resolution::decide(valid, observed);
    let given = valid.model.spec.image.serving.as_deref();
    Plan::new(
        valid,
        observed,
        decided,
        Ok(AcceleratorPlan::without_device()),
        Images { given, default: image },
    )
}

/// The plan for a model on CPUs.
pub(crate) fn plan(valid: &ValidatedModel, observed: &Observed) -> Plan {
    plan_by(valid, observed, "embedserve:test")
}

/// A model that serves `commit` on all pods, with the cluster that shows it.
pub(crate) fn serving(rest: &str, commit: &str) -> (ValidatedModel, Observed) {
    let valid = valid(rest);
    let mut observed = pulled(&valid, commit);
    let first = plan(&valid, &observed);
    let release = &first.serving.as_ref().expect("it is rolled out").release;
    observed.deployments.insert("small".to_owned(), complete(release));
    let served = plan(&next(&valid, &first), &observed);
    observed.resolve = None;
    (next(&valid, &served), observed)
}

/// A time of the first day of 2026.
pub(crate) fn time(clock: &str) -> Time {
    Time(format!("2026-01-01T{clock}Z").parse().expect("a time"))
}
