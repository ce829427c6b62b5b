//! The summary: `Ready`, and kstatus' `Reconciling` and `Stalled` that follow from it.

use crds::conditions::{ConditionType, Reason};
use crds::status::RolloutState;

use super::workload::current_pods;
use super::{Finding, State};
use crate::apply::Applied;
use crate::build::Inputs;
use crate::failure::{self, Failure};

/// The conditions that must hold for a model to be ready, in the order in which they come true.
const NEEDED: [ConditionType; 6] = [
    ConditionType::SourceResolved,
    ConditionType::CachePopulated,
    ConditionType::Schedulable,
    ConditionType::WorkloadAvailable,
    ConditionType::ModelLoaded,
    ConditionType::DeviceVerified,
];

/// The summary of a model's other conditions.
pub(super) fn of_model(
    inputs: Inputs<'_>,
    applied: &Applied,
    findings: &[Finding],
) -> Vec<Finding> {
    summary(ready(inputs, applied, findings))
}

/// `Ready` with the two conditions that follow from it.
pub fn summary(ready: Finding) -> Vec<Finding> {
    let is_stalled = !ready.is_well() && needs_a_person(ready.reason);
    let is_reconciling = !ready.is_well() && !is_stalled && !is_halt(ready.reason);
    let follows = |kind, holds: bool, otherwise: &str| match holds {
        true => Finding::holds(kind, ready.reason, ready.message.clone()),
        false => Finding::fails(kind, Reason::NotNeeded, otherwise),
    };
    vec![
        follows(ConditionType::Reconciling, is_reconciling, "there is nothing to do"),
        follows(ConditionType::Stalled, is_stalled, "the operator can go on"),
        ready,
    ]
}

fn ready(inputs: Inputs<'_>, applied: &Applied, findings: &[Finding]) -> Finding {
    let kind = ConditionType::Ready;
    let rollout = &inputs.plan.rollout;
    let goes_on = match (&inputs.plan.serving, &inputs.plan.target) {
        (Some(serving), target)
            if target.as_ref().map(|it| &it.config_map) != Some(&serving.release.config_map) =>
        {
            let commit = serving.release.resolved_revision.as_deref().unwrap_or_default();
            format!("; commit {} goes on serving", commit.get(..8).unwrap_or(commit))
        }
        _ => String::new(),
    };
    if let Some(refusal) = applied.refused.first() {
        return Finding::fails(kind, refusal.reason, refusal.message.clone());
    }
    let of = |kind| findings.iter().find(|finding| finding.kind == kind);
    // A rollout that failed is told before what its pods say, which is in status.lastFailure.
    match rollout.state {
        RolloutState::RolledBack => {
            return Finding::fails(kind, Reason::RolledBack, rollout.message.clone());
        }
        RolloutState::Failed => {
            return Finding::fails(kind, Reason::RolloutFailed, rollout.message.clone());
        }
        RolloutState::Paused => {
            return Finding::fails(kind, Reason::Paused, rollout.message.clone());
        }
        RolloutState::Complete | RolloutState::Progressing => {}
    }
    let is_rolling_out = rollout.state == RolloutState::Progressing;
    let is_fallback = |finding: &Finding| finding.reason == Reason::FallbackInUse;
    // What is known to be wrong is told before what is not known yet, which often only waits for it.
    let all = |state| {
        NEEDED
            .into_iter()
            .filter_map(of)
            .filter(move |finding| finding.state == state && !is_fallback(finding))
    };
    // That pods are waited for is told only where nothing says what keeps them.
    let awaits_pods = |it: &&Finding| matches!(it.reason, Reason::Starting | Reason::Loading);
    let first = all(State::False)
        .find(|finding| !awaits_pods(finding))
        .or_else(|| all(State::False).next())
        // While pods are replaced, it is not known yet how the new ones are.
        .or_else(|| all(State::Unknown).next().filter(|_| !is_rolling_out));
    if let Some(first) = first {
        let message = match first.message.is_empty() {
            true => first.reason.meaning().trim_end_matches('.').to_owned(),
            false => first.message.clone(),
        };
        return Finding {
            kind,
            state: State::False,
            message: format!("{message}{goes_on}"),
            ..first.clone()
        };
    }
    if !applied.waiting.is_empty() {
        let message =
            format!("{} of an earlier model is still being deleted", applied.waiting.join(", "));
        return Finding::fails(kind, Reason::Pending, message);
    }
    if is_rolling_out {
        return rolling_out(inputs);
    }
    if inputs.valid.model.replica_bounds().1 == 0 {
        return Finding::holds(
            kind,
            Reason::ScaledToZero,
            "the model is prepared and has no pods, as asked for",
        );
    }
    match findings.iter().find(|finding| is_fallback(finding)) {
        Some(fallback) => Finding::holds(kind, Reason::FallbackInUse, fallback.message.clone()),
        None => Finding::holds(kind, Reason::Ready, "the model answers on every pod"),
    }
}

/// A rollout under way, or what keeps its pods from serving while those before them do.
fn rolling_out(inputs: Inputs<'_>) -> Finding {
    let rollout = &inputs.plan.rollout;
    match current_pods(inputs).find_map(failure::of_pod) {
        Some(Failure { reason, pod, message, .. }) => {
            let message = format!("{}; {pod}: {message}", rollout.message);
            Finding::fails(ConditionType::Ready, reason, message)
        }
        None => Finding::fails(ConditionType::Ready, Reason::RollingOut, rollout.message.clone()),
    }
}

/// Whether nothing goes on by itself: a person has to change something. Flux and Argo then stop
/// waiting.
pub fn needs_a_person(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::InvalidSpec
            | Reason::ServedNameConflict
            | Reason::HostPathNotAllowed
            | Reason::SecretNotFound
            | Reason::ConfigMapNotFound
            | Reason::AuthenticationRequired
            | Reason::AccessDenied
            | Reason::RepositoryNotFound
            | Reason::RevisionNotFound
            | Reason::FileNotFound
            | Reason::CertificateInvalid
            | Reason::InsufficientStorage
            | Reason::UnsupportedModel
            | Reason::ConversionFailed
            | Reason::NoMatchingDriver
            | Reason::DeviceMismatch
            | Reason::LoadFailed
            | Reason::QuotaExceeded
            | Reason::RolloutFailed
            | Reason::RolledBack
            | Reason::ApplyFailed
            | Reason::ResourceDefinitionMissing
    )
}

/// Whether a person asked for a halt, so that there is neither work nor a problem.
fn is_halt(reason: Reason) -> bool {
    matches!(reason, Reason::Suspended | Reason::Paused)
}
