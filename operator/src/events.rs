//! Events: one for every change of a condition, so that `kubectl describe` tells the story.

use std::sync::{Mutex, PoisonError};

use crds::EmbeddingModel;
use crds::conditions::ConditionType;
use crds::status::EmbeddingModelStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use tracing::warn;

use crate::names;

/// After so many events the recorder begins anew. It remembers each for minutes, to count those that repeat, which
/// with a thousand models would be most of the operator's memory.
const REMEMBERED: usize = 256;

/// Writes events about models.
pub struct Events {
    client: Client,
    reporter: Reporter,
    recorder: Mutex<(Recorder, usize)>,
}

impl Events {
    /// Events in the name of this operator.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: names::MANAGER.to_owned(), instance };
        let recorder = Recorder::new(client.clone(), reporter.clone());
        Self { client, reporter, recorder: Mutex::new((recorder, 0)) }
    }

    fn recorder(&self) -> Recorder {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if recorder.1 == REMEMBERED {
            *recorder = (Recorder::new(self.client.clone(), self.reporter.clone()), 0);
        }
        recorder.1 += 1;
        recorder.0.clone()
    }

    /// Tells what changed from one status to the next.
    pub async fn tell(
        &self,
        model: &EmbeddingModel,
        before: &EmbeddingModelStatus,
        after: &EmbeddingModelStatus,
    ) {
        for event in changes(before, after) {
            self.publish(model, event).await;
        }
    }

    /// Tells of something that is no condition.
    pub async fn warn(&self, model: &EmbeddingModel, reason: &str, note: String) {
        self.publish(model, event(EventType::Warning, reason, note, "Reconcile")).await;
    }

    async fn publish(&self, model: &EmbeddingModel, event: Event) {
        // A lost event changes nothing that serves.
        if let Err(error) = self.recorder().publish(&event, &model.object_ref(&())).await {
            warn!(%error, reason = event.reason, "an event could not be written");
        }
    }
}

/// The events that tell a change: conditions that came, changed or hold again, and quarters of a pull.
pub fn changes(before: &EmbeddingModelStatus, after: &EmbeddingModelStatus) -> Vec<Event> {
    let mut events = Vec::new();
    for new in &after.conditions {
        let old = before.conditions.iter().find(|old| old.type_ == new.type_);
        let is_summary = [ConditionType::Reconciling, ConditionType::Stalled]
            .iter()
            .any(|kind| kind.as_str() == new.type_);
        let is_same = old.is_some_and(|old| old.status == new.status && old.reason == new.reason);
        // What begins as unknown is no news.
        if is_same || is_summary || new.status == "Unknown" {
            continue;
        }
        events.push(event(kind_of(new), &new.reason, new.message.clone(), &new.type_));
    }
    let quarter = |status: &EmbeddingModelStatus| {
        let pull = status.pull.as_ref()?;
        Some(pull.percent? / 25)
    };
    if let (Some(now), then) = (quarter(after), quarter(before))
        && now > then.unwrap_or(0)
        && now < 4
    {
        let pull = after.pull.clone().unwrap_or_default();
        let note = format!(
            "{} of {} bytes are there",
            pull.bytes_done.unwrap_or_default(),
            pull.bytes_total.unwrap_or_default()
        );
        events.push(event(EventType::Normal, "Pulling", note, "Pull"));
    }
    events
}

/// Work under way is normal; what keeps it from going on is a warning.
fn kind_of(condition: &Condition) -> EventType {
    const UNDER_WAY: [&str; 9] = [
        "Pending",
        "Resolving",
        "Pulling",
        "WaitingForVolume",
        "Starting",
        "Loading",
        "RollingOut",
        "Suspended",
        "Paused",
    ];
    match condition.status == "True" || UNDER_WAY.contains(&condition.reason.as_str()) {
        true => EventType::Normal,
        false => EventType::Warning,
    }
}

fn event(type_: EventType, reason: &str, note: String, action: &str) -> Event {
    // Kubernetes takes notes of up to a kibibyte.
    let note: String = note.chars().take(900).collect();
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use crds::status::PullStatus;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn status(conditions: &[(&str, &str, &str)], percent: Option<i32>) -> EmbeddingModelStatus {
        let conditions = conditions
            .iter()
            .map(|(kind, status, reason)| Condition {
                type_: (*kind).to_owned(),
                status: (*status).to_owned(),
                reason: (*reason).to_owned(),
                message: String::new(),
                observed_generation: None,
                last_transition_time: Time("2026-01-01T00:00:00Z".parse().expect("a time")),
            })
            .collect();
        let pull = Some(PullStatus { percent, ..PullStatus::default() });
        EmbeddingModelStatus { conditions, pull, ..EmbeddingModelStatus::default() }
    }

    fn told(before: &EmbeddingModelStatus, after: &EmbeddingModelStatus) -> Vec<(String, bool)> {
        changes(before, after)
            .into_iter()
            .map(|event| (event.reason, matches!(event.type_, EventType::Warning)))
            .collect()
    }

    #[test]
    fn every_change_of_a_condition_is_told_once() {
        let before = status(&[("SourceResolved", "False", "Resolving")], None);
        let after = status(
            &[
                ("SourceResolved", "False", "RevisionNotFound"),
                ("Ready", "False", "RevisionNotFound"),
                ("Stalled", "True", "RevisionNotFound"),
            ],
            None,
        );
        let expected =
            vec![("RevisionNotFound".to_owned(), true), ("RevisionNotFound".to_owned(), true)];
        assert_eq!(told(&before, &after), expected);
        assert_eq!(told(&after, &after), []);
    }

    #[test]
    fn work_under_way_is_no_warning() {
        let none = EmbeddingModelStatus::default();
        let after = status(
            &[("CachePopulated", "False", "Pulling"), ("Schedulable", "Unknown", "Pending")],
            None,
        );
        assert_eq!(told(&none, &after), [("Pulling".to_owned(), false)]);
    }

    #[test]
    fn quarters_of_a_pull_are_told() {
        let at = |percent| status(&[], Some(percent));
        for (from, to, events) in [(0, 24, 0), (24, 26, 1), (26, 49, 0), (10, 80, 1), (80, 100, 0)]
        {
            assert_eq!(changes(&at(from), &at(to)).len(), events, "{from} to {to}");
        }
    }
}
