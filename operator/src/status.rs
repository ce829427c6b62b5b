//! The status: what was decided and seen, in the members that users read. Pure.

use crds::EmbeddingModel;
use crds::conditions::{ConditionType, Reason};
use crds::status::{
    CacheStatus, DeviceStatus, EffectiveStatus, EmbeddingModelStatus, EndpointStatus, LastFailure,
    ModelStatus, Phase, PullError, PullStatus, RolloutStatus, SourceStatus, Timings,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::accelerator::driver_of;
use crate::apply::Applied;
use crate::build::Inputs;
use crate::conditions::{self, Finding, State};
use crate::facts::PodFacts;
use crate::failure::{self, Failure};
use crate::names::{self, Component};
use crate::plan::rollout::ReleaseState;
use crate::plan::{CacheState, Resolution};
use crate::pods::ModelInfo;
use crate::release;
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
        source: source(inputs).or(old.source),
        pull: pull(inputs, now).or(old.pull.filter(|_| plan.cache.report().is_some())),
        cache: cache(inputs),
        model: model(inputs, &models).or(old.model),
        fingerprint: models.first().and_then(|model| model.fingerprint.clone()).or(old.fingerprint),
        device: Some(device(inputs, &models)),
        effective: effective(inputs).or(old.effective),
        replicas: Some(deployments().map(|it| it.replicas).sum()),
        ready_replicas: Some(deployments().map(|it| it.ready).sum()),
        updated_replicas: Some(deployments().map(|it| it.updated).sum()),
        selector: Some(names::pod_selector_text(&valid.name)),
        endpoint: Some(endpoint(inputs)),
        rollout: rollout(inputs, old.rollout, now),
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

fn source(inputs: Inputs<'_>) -> Option<SourceStatus> {
    let Inputs { valid, plan, .. } = inputs;
    let release = plan.resolution.release()?;
    let commit = release.resolved_revision.clone().unwrap_or_default();
    let report = plan.cache.report().or(plan.resolution.report());
    let old = valid.model.status.as_ref().and_then(|status| status.source.as_ref());
    let old_digest = old
        .filter(|old| old.resolved_revision.as_ref() == Some(&commit))
        .and_then(|old| old.digest.clone());
    Some(SourceStatus {
        requested_revision: release.requested_revision.clone(),
        short_revision: Some(commit.trim_start_matches("local-").chars().take(8).collect()),
        digest: report
            .map(|report| report.digest.clone())
            .filter(|it| !it.is_empty())
            .or(old_digest),
        size_bytes: release
            .size_bytes
            .or_else(|| report.and_then(|report| i64::try_from(report.download_bytes).ok())),
        files: release.files.or_else(|| report.and_then(|report| i32::try_from(report.files).ok())),
        resolved_time: release.resolved_time.clone(),
        resolved_revision: Some(commit),
    })
}

fn pull(inputs: Inputs<'_>, now: &Time) -> Option<PullStatus> {
    let Inputs { plan, observed, .. } = inputs;
    let target = plan.target.as_ref()?;
    if let Some(report) = plan.cache.report() {
        let bytes = i64::try_from(report.download_bytes).ok();
        return Some(PullStatus {
            bytes_done: bytes,
            bytes_total: bytes,
            percent: Some(100),
            ..PullStatus::default()
        });
    }
    let job = observed.pull.as_ref()?;
    let progress = observed.progress.as_ref();
    let count = |number: u64| i64::try_from(number).ok();
    let total = progress.and_then(|it| count(it.bytes_total?)).or(target.size_bytes);
    let done = progress.and_then(|it| count(it.bytes_done));
    let percent = match (done, total) {
        (Some(done), Some(total)) if total > 0 => {
            i32::try_from(100 * i128::from(done) / i128::from(total)).ok()
        }
        _ => None,
    };
    let failure = match &plan.cache {
        CacheState::Failed(failure) => Some(failure.as_ref()),
        _ => None,
    };
    Some(PullStatus {
        job: Some(names::pull_job(&target.key)),
        attempt: Some(job.attempt.max(1)),
        bytes_done: done,
        bytes_total: total,
        percent: percent.map(|percent| percent.min(100)),
        bytes_per_second: progress.and_then(|it| count(it.bytes_per_second)),
        eta_seconds: progress.and_then(|it| count(it.eta_seconds?)),
        last_error: failure.map(|failure| PullError {
            reason: Some(failure.reason.as_str().to_owned()),
            message: Some(failure.message.clone()),
            http_status: failure.http_status.map(i32::from),
            time: failure.time.clone().or_else(|| Some(now.clone())),
        }),
    })
    .map(|status| keep_error_time(inputs, status))
}

/// An error without a time of its own keeps the time at which it was first seen.
fn keep_error_time(inputs: Inputs<'_>, mut status: PullStatus) -> PullStatus {
    let old = inputs.valid.model.status.as_ref().and_then(|status| status.pull.as_ref());
    if let (Some(error), Some(before)) =
        (status.last_error.as_mut(), old.and_then(|old| old.last_error.as_ref()))
        && (&error.reason, &error.message) == (&before.reason, &before.message)
        && before.time.is_some()
    {
        error.time.clone_from(&before.time);
    }
    status
}

fn cache(inputs: Inputs<'_>) -> Option<CacheStatus> {
    let Inputs { valid, plan, observed, .. } = inputs;
    let target = plan.target.as_ref()?;
    let old = valid.model.status.as_ref().and_then(|status| status.cache.as_ref());
    let verified = old
        .filter(|old| old.key.as_ref() == Some(&target.key))
        .and_then(|old| old.verified_time.clone());
    Some(CacheStatus {
        claim_name: target.claim_name.clone(),
        key: Some(target.key.clone()),
        path: target.path.clone(),
        shared_with: observed.shared_with.clone(),
        verified_time: match plan.cache.report() {
            Some(_) => verified.or_else(|| observed.now.clone()),
            None => None,
        },
    })
}

fn model(inputs: Inputs<'_>, models: &[&ModelInfo]) -> Option<ModelStatus> {
    let report = inputs.plan.cache.report()?;
    let facts = &report.facts;
    let info = models.first();
    let count = |number: usize| i32::try_from(number).ok();
    let pooling = info
        .map(|info| info.pooling.clone())
        .or_else(|| facts.graph_pooling.clone().or_else(|| facts.pooling.clone()));
    let limit = inputs.valid.model.request_limits().max_input_tokens.or(facts.usable_tokens);
    Some(ModelStatus {
        architecture: facts.architecture.clone(),
        dimensions: info
            .and_then(|info| count(info.dimensions))
            .or_else(|| facts.graph_dimensions.or(facts.hidden_size).and_then(count)),
        max_input_tokens: info.map(|info| info.max_tokens).or(limit).and_then(count),
        pooling: pooling.map(|mode| match mode.as_str() {
            "MEAN" => "Mean".to_owned(),
            "LAST" => "LastToken".to_owned(),
            _ => mode,
        }),
        normalize: Some(inputs.valid.model.spec.normalize),
        precision: info
            .and_then(|info| info.weight_format.clone())
            .or_else(|| report.weight_format.clone())
            .or_else(|| facts.precision.clone()),
        tokenizer: facts.tokenizer.clone(),
    })
}

fn device(inputs: Inputs<'_>, models: &[&ModelInfo]) -> DeviceStatus {
    let wanted = inputs.valid.model.spec.device.target;
    let mut actual: Vec<&str> = models.iter().map(|model| model.device.as_str()).collect();
    actual.sort_unstable();
    actual.dedup();
    let accelerator = inputs.plan.accelerator.as_ref().ok();
    let resources: Vec<&str> = accelerator
        .into_iter()
        .flat_map(|plan| &plan.variants)
        .filter_map(|variant| variant.resource.as_deref())
        .collect();
    let drivers: Vec<&str> = resources.iter().filter_map(|resource| driver_of(resource)).collect();
    let mut nodes: Vec<String> =
        conditions::ready_pods(inputs).filter_map(|pod| pod.node.clone()).collect();
    nodes.sort();
    nodes.dedup();
    let text = |words: Vec<&str>| Some(words.join(",")).filter(|text| !text.is_empty());
    DeviceStatus {
        requested: Some(wanted.as_str().to_owned()),
        actual: match actual.as_slice() {
            [] => None,
            [one] => Some((*one).to_owned()),
            _ => Some("Mixed".to_owned()),
        },
        driver: text(drivers),
        resource_name: text(resources),
        render_gids: accelerator.map(|plan| plan.groups.clone()).unwrap_or_default(),
        verified_pods: i32::try_from(
            models.iter().filter(|model| conditions::is_device(&model.device, wanted)).count(),
        )
        .ok(),
        nodes,
    }
}

fn effective(inputs: Inputs<'_>) -> Option<EffectiveStatus> {
    let serving = inputs.plan.serving.as_ref()?;
    Some(EffectiveStatus {
        resources: Some(serving.resources.clone()),
        plugin_config: inputs.valid.model.spec.device.properties(),
        image: serving.release.image.clone(),
        config_hash: serving
            .release
            .config_map
            .as_deref()
            .map(|name| release::label(name).to_owned()),
    })
}

fn endpoint(inputs: Inputs<'_>) -> EndpointStatus {
    let valid = inputs.valid;
    let expose = &valid.model.spec.expose;
    let host = match (&expose.ingress, &expose.route) {
        (Some(ingress), _) => {
            let scheme = if ingress.tls_secret.is_some() { "https" } else { "http" };
            Some(format!("{scheme}://{}", ingress.host))
        }
        (None, Some(route)) => route
            .hostnames
            .iter()
            .find(|host| !host.starts_with('*'))
            .map(|host| format!("http://{host}")),
        (None, None) => None,
    };
    let inside = format!("http://{}.{}.svc:{}", valid.name, valid.namespace, expose.service.port);
    EndpointStatus {
        url: Some(format!("{}/v3", host.unwrap_or(inside))),
        paths: vec!["/v3/embeddings".to_owned(), "/v1/embeddings".to_owned()],
        served_name: Some(valid.served_name.clone()),
        auth_required: Some(valid.model.spec.auth.api_key_secret_ref.is_some()),
    }
}

fn rollout(inputs: Inputs<'_>, old: Option<RolloutStatus>, now: &Time) -> Option<RolloutStatus> {
    let plan = inputs.plan;
    if plan.serving.is_none() && old.is_none() {
        return None;
    }
    let target = plan.target.as_ref().and_then(|target| target.resolved_revision.clone());
    let label =
        plan.serving.as_ref().and_then(|serving| serving.release.label().map(str::to_owned));
    let same = old.as_ref().is_some_and(|old| {
        old.target_revision == target
            && (old
                .message
                .as_deref()
                .unwrap_or_default()
                .contains(label.as_deref().unwrap_or("?"))
                || old.state == Some(plan.rollout.state))
    });
    Some(RolloutStatus {
        current_revision: plan.rollout.current.clone(),
        target_revision: target,
        previous_revision: plan.rollout.previous.clone(),
        state: Some(plan.rollout.state),
        started_time: old
            .filter(|_| same)
            .and_then(|old| old.started_time)
            .or_else(|| Some(now.clone())),
        message: Some(plan.rollout.message.clone()),
    })
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
