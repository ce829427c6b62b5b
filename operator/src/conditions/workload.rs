//! The conditions about nodes, pods, devices, routes and scaling.

use crds::conditions::{ConditionType, Reason};
use crds::spec::DeviceTarget;

use super::Finding;
use crate::build::Inputs;
use crate::facts::PodFacts;
use crate::failure;
use crate::kind::Kind;
use crate::plan::{CacheState, ReleaseState};
use crate::pods::ModelInfo;

/// All of them, in the order in which they come true.
pub(super) fn findings(inputs: Inputs<'_>) -> Vec<Finding> {
    let mut findings =
        vec![schedulable(inputs), available(inputs), loaded(inputs), device(inputs), route(inputs)];
    findings.extend(scaling(inputs));
    findings
}

/// Whether pods were asked for.
fn wants_pods(inputs: Inputs<'_>) -> bool {
    inputs.valid.model.replica_bounds().1 > 0
}

fn schedulable(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::Schedulable;
    if let Err(none) = &inputs.plan.accelerator {
        return Finding::fails(kind, none.reason, none.message.clone());
    }
    if !wants_pods(inputs) {
        return Finding::holds(kind, Reason::NotNeeded, "no pods are asked for");
    }
    let pods = || current_pods(inputs);
    if let Some(message) = pods().find_map(|pod| pod.unschedulable.as_deref()) {
        return Finding::fails(kind, failure::unschedulable(message), message);
    }
    match pods().any(|pod| pod.scheduled.is_some()) {
        true => Finding::holds(kind, Reason::NodesFit, "every pod has a node"),
        false => Finding::unknown(kind, Reason::Pending, "there are no pods yet"),
    }
}

fn available(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::WorkloadAvailable;
    let deployments = &inputs.observed.deployments;
    if !wants_pods(inputs) {
        return Finding::holds(kind, Reason::ScaledToZero, "no pods are asked for");
    }
    if inputs.plan.serving.is_none() && deployments.is_empty() {
        return Finding::unknown(
            kind,
            Reason::Pending,
            "there are no pods before the files are there",
        );
    }
    if inputs.plan.accelerator.is_err() && deployments.is_empty() {
        return Finding::unknown(
            kind,
            Reason::Pending,
            "there are no pods before a node offers their device",
        );
    }
    let wanted: i32 = deployments.values().map(|it| it.wanted).sum();
    let available: i32 = deployments.values().map(|it| it.available).sum();
    if wanted > 0 && available >= wanted {
        return Finding::holds(
            kind,
            Reason::Available,
            format!("{available} of {wanted} pods are available"),
        );
    }
    let counted = format!("{available} of {wanted} pods are available");
    if let Some(message) = deployments.values().find_map(|it| it.replica_failure.as_deref()) {
        let failure = failure::of_unmade_pod(message);
        return Finding::fails(kind, failure.reason, format!("{counted}: {}", failure.message));
    }
    match current_pods(inputs).find_map(failure::of_pod) {
        Some(failure) => {
            let message = format!("{counted}; {}: {}", failure.pod, failure.message);
            Finding::fails(kind, failure.reason, message)
        }
        None => Finding::fails(kind, Reason::Starting, counted),
    }
}

fn loaded(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::ModelLoaded;
    if let CacheState::Contradicted { message, .. } = &inputs.plan.cache {
        return Finding::fails(kind, Reason::InvalidSpec, message.clone());
    }
    if !wants_pods(inputs) {
        return Finding::holds(kind, Reason::NotNeeded, "no pods are asked for");
    }
    if let Some((pod, error)) = load_error(inputs) {
        return Finding::fails(kind, Reason::LoadFailed, format!("{}: {error}", pod.name));
    }
    let ready: Vec<&PodFacts> = ready_pods(inputs).collect();
    let answered = ready.iter().filter(|pod| model_of(inputs, pod).is_some()).count();
    match (ready.len(), answered) {
        (0, _) => Finding::fails(kind, Reason::Loading, "no pod is ready yet"),
        (ready, answered) if answered == ready => {
            Finding::holds(kind, Reason::Loaded, format!("{ready} pods have loaded the model"))
        }
        (ready, answered) => Finding::unknown(
            kind,
            Reason::Unknown,
            format!("{answered} of {ready} ready pods said what they run"),
        ),
    }
}

fn device(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::DeviceVerified;
    let wanted = inputs.valid.model.spec.device.target;
    if !wants_pods(inputs) {
        return Finding::holds(kind, Reason::NotNeeded, "no pods are asked for");
    }
    let ready = || ready_pods(inputs).filter(|pod| is_of_release(inputs, pod));
    let models: Vec<(&PodFacts, &ModelInfo)> =
        ready().filter_map(|pod| Some((pod, model_of(inputs, pod)?))).collect();
    let other = models.iter().find(|(_, model)| !is_device(&model.device, wanted));
    if let Some((pod, model)) = other {
        let why = model.fallback_reason.as_ref().map(|reason| format!(": {reason}"));
        let message = format!(
            "{} runs on {} ({}) and not on {}{}",
            pod.name,
            model.device,
            model.device_name,
            wanted.as_str(),
            why.unwrap_or_default()
        );
        let reason = match inputs.valid.model.spec.device.may_fall_back_to_cpu() {
            true => Reason::FallbackInUse,
            false => Reason::DeviceMismatch,
        };
        return Finding::fails(kind, reason, message);
    }
    if wanted != DeviceTarget::Cpu
        && let Some((pod, error)) = load_error(inputs)
    {
        return Finding::fails(kind, Reason::DeviceMismatch, format!("{}: {error}", pod.name));
    }
    match models.first() {
        Some((_, model)) => Finding::holds(
            kind,
            Reason::Verified,
            format!("{} pods run on {} ({})", models.len(), model.device, model.device_name),
        ),
        None if ready().next().is_some() => {
            Finding::unknown(kind, Reason::Unknown, "no ready pod said what it runs on")
        }
        None => Finding::unknown(kind, Reason::Pending, "no pod is ready yet"),
    }
}

fn route(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::RouteReady;
    let expose = &inputs.valid.model.spec.expose;
    if expose.route.is_some() && !inputs.apis.has(Kind::HTTPRoute) {
        let message = "the cluster has no HTTPRoute (Gateway API)";
        return Finding::fails(kind, Reason::ResourceDefinitionMissing, message);
    }
    if expose.route.is_none() && expose.ingress.is_none() {
        return Finding::holds(kind, Reason::Routed, "the Service leads to the pods");
    }
    let facts = inputs.observed.route.clone().unwrap_or_default();
    match (facts.is_accepted, facts.refusal) {
        (true, _) => {
            Finding::holds(kind, Reason::Routed, "the Service and the route lead to the pods")
        }
        (false, Some(refusal)) => Finding::fails(kind, Reason::RouteNotAccepted, refusal),
        (false, None) => Finding::fails(
            kind,
            Reason::RouteNotAccepted,
            "no controller has taken the route up yet",
        ),
    }
}

fn scaling(inputs: Inputs<'_>) -> Option<Finding> {
    let kind = ConditionType::ScalingActive;
    inputs.valid.model.spec.autoscaling.as_ref()?;
    let autoscalers = &inputs.observed.autoscalers;
    if let Some((reason, message)) = autoscalers.iter().find_map(|it| it.problem.as_ref()) {
        let kind_of = match reason.starts_with("FailedGet") {
            true => Reason::MetricsUnavailable,
            false => Reason::ScalingFailed,
        };
        return Some(Finding::fails(kind, kind_of, message.clone()));
    }
    Some(match !autoscalers.is_empty() && autoscalers.iter().all(|it| it.is_observed) {
        true => Finding::holds(kind, Reason::Scaling, "the autoscaler has its metrics"),
        false => Finding::unknown(kind, Reason::Pending, "the autoscaler has not looked yet"),
    })
}

/// What a pod runs of the model.
pub(crate) fn model_of<'a>(inputs: Inputs<'a>, pod: &PodFacts) -> Option<&'a ModelInfo> {
    let info = inputs.observed.infos.get(&pod.uid)?;
    info.models.iter().find(|model| model.name == inputs.valid.served_name)
}

/// The pods that answer.
pub(crate) fn ready_pods<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a PodFacts> {
    inputs.observed.pods.iter().filter(|pod| pod.is_ready && !pod.is_leaving)
}

/// The pods that serve what is served, or are to.
pub(super) fn current_pods<'a>(inputs: Inputs<'a>) -> impl Iterator<Item = &'a PodFacts> {
    inputs.observed.pods.iter().filter(move |pod| pod.is_current() && is_of_release(inputs, pod))
}

/// Whether a pod serves what is served, or is to. What is the matter with those that it replaces is no news of it.
fn is_of_release(inputs: Inputs<'_>, pod: &PodFacts) -> bool {
    let served = inputs.plan.serving.as_ref().and_then(|serving| serving.release.label());
    served.is_none() || pod.release.as_deref().is_none_or(|release| Some(release) == served)
}

/// Why a pod could not load the model, in the server's words.
pub(crate) fn load_error<'a>(inputs: Inputs<'a>) -> Option<(&'a PodFacts, &'a str)> {
    let mut pods =
        inputs.observed.pods.iter().filter(|pod| !pod.is_leaving && is_of_release(inputs, pod));
    pods.find_map(|pod| {
        let info = inputs.observed.infos.get(&pod.uid)?;
        let failed = info.not_serving.iter().find(|it| it.state == "failed")?;
        Some((pod, failed.error.as_deref().unwrap_or("the model could not be loaded")))
    })
}

/// Whether OpenVINO's name of a device, for example `GPU.1`, is of the wanted kind.
pub(crate) fn is_device(actual: &str, wanted: DeviceTarget) -> bool {
    actual.split('.').next() == Some(wanted.as_str())
}
