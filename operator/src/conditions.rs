//! The conditions: each a pure function of what was decided and seen, all of them computed, then
//! compared with those before.
//!
//! A message says what is the matter in the words of whoever knows it, and ends with what to do next.

mod summary;
mod workload;

use crds::conditions::{ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::apply::Applied;
use crate::build::Inputs;
use crate::plan::{CacheState, Resolution};
use crate::validate::{Invalid, ValidatedSource};

pub use summary::{needs_a_person, summary};
pub(crate) use workload::{is_device, load_error, model_of, ready_pods};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It could not be found out, or it is too early.
    Unknown,
}

impl State {
    /// The text in `status.conditions[].status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition without its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its type.
    pub kind: ConditionType,
    /// Whether it holds.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// What is the matter, in words, without the next action.
    pub message: String,
}

impl Finding {
    /// A condition that holds.
    pub fn holds(kind: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, state: State::True, reason, message: message.into() }
    }

    /// A condition that does not hold.
    pub fn fails(kind: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, state: State::False, reason, message: message.into() }
    }

    /// A condition about which nothing can be said yet.
    pub fn unknown(kind: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, state: State::Unknown, reason, message: message.into() }
    }

    /// Whether all is well as far as this condition goes.
    pub fn is_well(&self) -> bool {
        match self.kind.is_abnormal_when_true() {
            true => self.state != State::True,
            false => self.state == State::True,
        }
    }

    /// The message with the next action, unless all is well.
    pub fn full_message(&self) -> String {
        let fact = match self.message.trim_end() {
            "" => self.reason.meaning().to_owned(),
            text if text.ends_with(['.', '!', '?', '…']) => capitalised(text),
            text => format!("{}.", capitalised(text)),
        };
        let asks_nothing =
            self.is_well() && self.state != State::Unknown && self.reason.next_action() == NOTHING;
        match asks_nothing || (self.kind.is_abnormal_when_true() && self.is_well()) {
            true => fact,
            false => format!("{fact} {}", self.reason.next_action()),
        }
    }
}

/// The next action of reasons for being well.
const NOTHING: &str = "Nothing needs to be done.";

/// All conditions of a model that could be built from.
pub fn findings(inputs: Inputs<'_>, applied: &Applied) -> Vec<Finding> {
    let mut findings = vec![source(inputs), cache(inputs)];
    findings.extend(workload::findings(inputs));
    findings.extend(summary::of_model(inputs, applied, &findings));
    findings
}

/// The conditions of a model that cannot be built from.
pub fn findings_of_invalid(invalid: &Invalid) -> Vec<Finding> {
    summary(Finding::fails(ConditionType::Ready, invalid.reason, invalid.message.clone()))
}

/// The conditions with their history: the time of a condition changes with its state only.
pub fn with_history(
    findings: &[Finding],
    before: &[Condition],
    generation: i64,
    now: &Time,
) -> Vec<Condition> {
    let condition = |finding: &Finding| {
        let state = finding.state.as_str();
        let same = before.iter().find(|it| it.type_ == finding.kind.as_str() && it.status == state);
        Condition {
            type_: finding.kind.as_str().to_owned(),
            status: state.to_owned(),
            reason: finding.reason.as_str().to_owned(),
            message: finding.full_message(),
            observed_generation: Some(generation),
            last_transition_time: same
                .map_or_else(|| now.clone(), |it| it.last_transition_time.clone()),
        }
    };
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| ConditionType::ALL.iter().position(|kind| *kind == finding.kind));
    sorted.into_iter().map(condition).collect()
}

fn source(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::SourceResolved;
    match &inputs.plan.resolution {
        Resolution::Resolved { release, .. } => {
            let commit = release.resolved_revision.as_deref().unwrap_or_default();
            let message = match &inputs.valid.source {
                ValidatedSource::Hub(hub) => {
                    format!("revision {} of {} is commit {commit}", hub.revision, hub.repo)
                }
                ValidatedSource::Volume { claim, path } => {
                    format!("the folder /{path} of the PersistentVolumeClaim {claim} holds a model")
                }
            };
            Finding::holds(kind, Reason::Resolved, message)
        }
        Resolution::Resolving { .. } => Finding::fails(kind, Reason::Resolving, ""),
        Resolution::Failed(failure) => {
            Finding::fails(kind, failure.reason, failure.message.clone())
        }
    }
}

fn cache(inputs: Inputs<'_>) -> Finding {
    let kind = ConditionType::CachePopulated;
    match &inputs.plan.cache {
        CacheState::Unresolved => {
            Finding::unknown(kind, Reason::Pending, "the revision is not resolved yet")
        }
        CacheState::Pulling { .. } => {
            let progress = inputs.observed.progress.as_ref();
            let message =
                match progress.and_then(|progress| Some((progress, progress.bytes_total?))) {
                    Some((progress, total)) => {
                        format!(
                            "{} of {total} bytes are there ({})",
                            progress.bytes_done, progress.stage
                        )
                    }
                    None => String::new(),
                };
            Finding::fails(kind, Reason::Pulling, message)
        }
        CacheState::WaitingForVolume { message } => {
            Finding::fails(kind, Reason::WaitingForVolume, message.clone())
        }
        CacheState::Failed(failure) => {
            Finding::fails(kind, failure.reason, failure.message.clone())
        }
        CacheState::Populated { .. } | CacheState::Contradicted { .. } => {
            let has_volume =
                inputs.plan.target.as_ref().is_some_and(|target| target.claim_name.is_some());
            let message = match (has_volume, &inputs.valid.source) {
                (_, ValidatedSource::Volume { .. }) => "the files are served where they are",
                (true, _) => "all files are there and verified",
                (false, _) => "every pod pulls the files to its own disk",
            };
            Finding::holds(kind, Reason::Populated, message)
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        // Names of objects and models keep their spelling.
        Some(first)
            if text
                .split_whitespace()
                .next()
                .is_some_and(|word| word.bytes().all(|it| it.is_ascii_lowercase())) =>
        {
            first.to_uppercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
