//! The status: what was decided and seen, in the members that users read. Pure.

mod files;
mod serving;

use crds::EmbeddingModel;
use crds::conditions::{ConditionType, Reason};
use crds::status::{EmbeddingModelStatus, LastFailure, Phase, Timings};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::apply::Applied;
use crate::build::Inputs;
use crate::conditions::{self, Finding, State};
use crate::facts::PodFacts;
use crate::failure::{self, Failure};
use crate::names::{self, Component};
use crate::plan::{CacheState, Resolution};
use crate::pods::ModelInfo;
use crate::validate::Invalid;

/// The status of a model that could be built from.
pub fn status(inputs: Inputs<'_>, applied: &Applied, now: &Time) -> EmbeddingModelStatus {
    let Inputs { valid, plan, observed, .. } = inputs;
    let old = valid.model.status.clone().unwrap_or_default();
    let findings = conditions::findings(inputs, applied);
    let deployments = || observed.deployments.values();
    let models: Vec<&ModelInfo> = conditions::ready_pods(inputs)
        .filter_map(|pod| conditions::model_of(inputs, pod))
        .collect();
    EmbeddingModelStatus {
        observed_generation: Some(valid.generation),
        phase: Some(phase(inputs, &findings)),
        conditions: conditions::with_history(&findings, &old.conditions, valid.generation, now),
        source: files::source(inputs).or(old.source),
        pull: files::pull(inputs, now).or(old.pull.filter(|_| plan.cache.report().is_some())),
        cache: files::cache(inputs),
        model: serving::model(inputs, &models).or(old.model),
        fingerprint: models.first().and_then(|model| model.fingerprint.clone()).or(old.fingerprint),
        device: Some(serving::device(inputs, &models)),
        effective: serving::effective(inputs).or(old.effective),
        replicas: Some(deployments().map(|it| it.replicas).sum()),
        ready_replicas: Some(deployments().map(|it| it.ready).sum()),
        updated_replicas: Some(deployments().map(|it| it.updated).sum()),
        selector: Some(names::pod_selector_text(&valid.name)),
        endpoint: Some(serving::endpoint(inputs)),
        rollout: serving::rollout(inputs, old.rollout, now),
        history: plan.history.clone(),
        timings: timings(inputs, &models, old.timings.unwrap_or_default()),
        last_failure: last_failure(inputs, old.last_failure, now),
    }
}

/// The status of a model from which nothing can be built: what was known before stays.
pub fn status_of_invalid(
    model: &EmbeddingModel,
    invalid: &Invalid,
    now: &Time,
) -> EmbeddingModelStatus {
    let findings = conditions::findings_of_invalid(invalid);
    with_findings(model, &findings, Phase::Failed, now)
}

/// The status of a model that the operator leaves alone.
pub fn status_of_suspended(model: &EmbeddingModel, now: &Time) -> EmbeddingModelStatus {
    let message = "the operator leaves the model alone; pods that serve go on serving";
    let ready = Finding::fails(ConditionType::Ready, Reason::Suspended, message);
    with_findings(model, &conditions::summary(ready), Phase::Suspended, now)
}

/// Other conditions stay as they were; those that are given replace theirs.
fn with_findings(
    model: &EmbeddingModel,
    findings: &[Finding],
    phase: Phase,
    now: &Time,
) -> EmbeddingModelStatus {
    let old = model.status.clone().unwrap_or_default();
    let generation = model.metadata.generation.unwrap_or_default();
    let mut conditions = conditions::with_history(findings, &old.conditions, generation, now);
    let others =
        old.conditions.iter().filter(|old| !conditions.iter().any(|new| new.type_ == old.type_));
    conditions.extend(others.cloned().collect::<Vec<_>>());
    conditions
        .sort_by_key(|it| ConditionType::ALL.iter().position(|kind| kind.as_str() == it.type_));
    EmbeddingModelStatus {
        observed_generation: Some(generation),
        phase: Some(phase),
        conditions,
        ..old
    }
}

fn phase(inputs: Inputs<'_>, findings: &[Finding]) -> Phase {
    let of = |kind| findings.iter().find(|finding| finding.kind == kind);
    let holds = |kind| of(kind).is_some_and(|finding| finding.state == State::True);
    let reason = of(ConditionType::Ready).map(|finding| finding.reason);
    let answers = conditions::ready_pods(inputs).next().is_some();
    match () {
        () if holds(ConditionType::Ready) && reason == Some(Reason::FallbackInUse) => {
            Phase::Degraded
        }
        () if holds(ConditionType::Ready) => Phase::Ready,
        () if answers => Phase::Degraded,
        () if holds(ConditionType::Stalled) => Phase::Failed,
        () if !holds(ConditionType::SourceResolved) => Phase::Resolving,
        () if !holds(ConditionType::CachePopulated) => Phase::Pulling,
        () => Phase::Starting,
    }
}

fn timings(inputs: Inputs<'_>, models: &[&ModelInfo], old: Timings) -> Option<Timings> {
    let observed = inputs.observed;
    let job = |view: &Option<crate::plan::JobView>| {
        let facts = &view.as_ref()?.facts;
        Some(seconds(between(facts.started.as_ref()?, facts.completed.as_ref()?)))
    };
    let pod: Option<&PodFacts> =
        conditions::ready_pods(inputs).min_by_key(|pod| pod.ready_since.as_ref().map(|it| it.0));
    let schedule =
        pod.and_then(|pod| Some(seconds(between(pod.created.as_ref()?, pod.scheduled.as_ref()?))));
    let image_pull = pod.and_then(|pod| {
        let started = pod.containers.iter().filter_map(|it| {
            it.ended_before
                .as_ref()
                .and_then(|ended| ended.started.as_ref())
                .or(it.running_since.as_ref())
        });
        let first = started.min_by_key(|time| time.0)?;
        Some(seconds(between(pod.scheduled.as_ref()?, first)))
    });
    let load = models.first().map(|model| model.timings);
    let timings = Timings {
        resolve: job(&observed.resolve).or(old.resolve),
        pull: job(&observed.pull).or(old.pull),
        schedule: schedule.or(old.schedule),
        image_pull: image_pull.or(old.image_pull),
        load: load.map(|it| seconds(it.read_seconds)).or(old.load),
        compile: load.map(|it| seconds(it.compile_seconds)).or(old.compile),
        first_embedding: load.map(|it| seconds(it.first_embedding_seconds)).or(old.first_embedding),
    };
    Some(timings).filter(|timings| *timings != Timings::default())
}

fn last_failure(inputs: Inputs<'_>, old: Option<LastFailure>, now: &Time) -> Option<LastFailure> {
    let Inputs { plan, observed, .. } = inputs;
    let mut failures: Vec<(Failure, Component)> = Vec::new();
    if let Resolution::Failed(failure) = &plan.resolution {
        failures.push((failure.as_ref().clone(), Component::Resolve));
    }
    if let CacheState::Failed(failure) = &plan.cache {
        failures.push((failure.as_ref().clone(), Component::Pull));
    }
    for pod in &observed.pods {
        failures.extend(failure::of_pod(pod).map(|failure| (failure, Component::Serving)));
        failures.extend(failure::last_end(pod).map(|failure| (failure, Component::Serving)));
    }
    if let Some((pod, error)) = conditions::load_error(inputs) {
        failures.push((failure::of_load(pod, error), Component::Serving));
    }
    let newest = failures
        .into_iter()
        .max_by_key(|(failure, _)| failure.time.as_ref().map_or(now.0, |time| time.0))
        .map(|(failure, component)| failure.into_status(component));
    match (newest, old) {
        (None, old) => old,
        (Some(new), Some(old)) if is_same_failure(&new, &old) => Some(old),
        // A pod that failed later may be gone by now.
        (Some(new), Some(old))
            if new
                .time
                .as_ref()
                .is_some_and(|new| old.time.as_ref().is_some_and(|old| new.0 < old.0)) =>
        {
            Some(old)
        }
        (Some(new), _) => {
            let time = new.time.clone().or_else(|| Some(now.clone()));
            Some(LastFailure { time, ..new })
        }
    }
}

fn is_same_failure(new: &LastFailure, old: &LastFailure) -> bool {
    let what = |it: &LastFailure| {
        (
            it.component.clone(),
            it.pod.clone(),
            it.container.clone(),
            it.reason.clone(),
            it.message.clone(),
        )
    };
    what(new) == what(old) && (new.time.is_none() || new.time == old.time)
}

/// The seconds from one time to another.
fn between(from: &Time, to: &Time) -> f64 {
    to.0.duration_since(from.0).as_secs_f64().max(0.0)
}

/// Seconds as people read them.
fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{seconds:.3}s"),
        seconds => format!("{seconds:.1}s"),
    }
}

#[cfg(test)]
mod tests;
