//! Numbers about the operator for Prometheus. All labels come from fixed sets.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crds::EmbeddingModel;
use crds::status::EmbeddingModelStatus;
use kube::ResourceExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::kind::Kind;

/// Why a reconcile failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Category {
    /// The API server could not be reached, or did not answer.
    Unreachable,
    /// Somebody else changed an object at the same time.
    Conflict,
    /// The API server asked to slow down.
    Throttled,
    /// The operator lacks a permission.
    Forbidden,
    /// The API server refused an object, or failed itself.
    Api,
    /// A mistake of the operator's own.
    Internal,
}

impl Category {
    /// The category of an error of the client.
    pub fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => match status.code {
                409 => Self::Conflict,
                429 => Self::Throttled,
                401 | 403 => Self::Forbidden,
                _ => Self::Api,
            },
            kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => Self::Internal,
            _ => Self::Unreachable,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    category: Category,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    condition: &'static str,
    status: &'static str,
}

/// All numbers of the operator.
pub struct Metrics {
    registry: Registry,
    reconciles: Counter,
    failures: Family<FailureLabels, Counter>,
    seconds: Histogram,
    running: Gauge,
    queued: Gauge,
    writes: Family<KindLabels, Counter>,
    status_writes: Counter,
    conditions: Family<ConditionLabels, Gauge>,
    models: Gauge,
    leader: Gauge,
    last_reconcile: Gauge<f64, AtomicU64>,
    seen: Mutex<std::collections::HashMap<String, Vec<ConditionLabels>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Numbers that all are zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("embedserve_operator");
        let metrics = Self {
            reconciles: Counter::default(),
            failures: Family::default(),
            seconds: Histogram::new([
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
            ]),
            running: Gauge::default(),
            queued: Gauge::default(),
            writes: Family::default(),
            status_writes: Counter::default(),
            conditions: Family::default(),
            models: Gauge::default(),
            leader: Gauge::default(),
            last_reconcile: Gauge::default(),
            seen: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register("reconciles", "Reconciles that began", metrics.reconciles.clone());
        registry.register(
            "reconcile_failures",
            "Reconciles that failed, by category",
            metrics.failures.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time of reconciles",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("reconciles_running", "Reconciles that run now", metrics.running.clone());
        registry.register(
            "queue_depth",
            "Models that wait to be looked at",
            metrics.queued.clone(),
        );
        registry.register(
            "writes",
            "Objects that were written or deleted, by kind",
            metrics.writes.clone(),
        );
        registry.register(
            "status_writes",
            "Statuses that were written",
            metrics.status_writes.clone(),
        );
        registry.register(
            "conditions",
            "Models by condition and status",
            metrics.conditions.clone(),
        );
        registry.register("models", "EmbeddingModels that there are", metrics.models.clone());
        registry.register("leader", "1 in the process that reconciles", metrics.leader.clone());
        registry.register(
            "last_reconcile_timestamp_seconds",
            "When a reconcile last succeeded, in seconds since 1970",
            metrics.last_reconcile.clone(),
        );
        Self { registry, ..metrics }
    }

    /// The text for Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String can always be written to");
        text
    }

    /// Counts a reconcile until the result is dropped.
    pub fn begin(&self) -> Running<'_> {
        self.reconciles.inc();
        self.running.inc();
        Running { metrics: self, started: std::time::Instant::now() }
    }

    /// Counts a failure.
    pub fn count_failure(&self, category: Category) {
        self.failures.get_or_create(&FailureLabels { category }).inc();
    }

    /// Notes that a reconcile succeeded.
    pub fn succeeded(&self) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        self.last_reconcile.set(now.as_ref().map_or(0.0, Duration::as_secs_f64));
    }

    /// Counts a written object.
    pub fn count_write(&self, kind: Kind) {
        self.writes.get_or_create(&KindLabels { kind: kind.as_str() }).inc();
    }

    /// Counts a written status.
    pub fn count_status_write(&self) {
        self.status_writes.inc();
    }

    /// Sets whether this process reconciles.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Sets how many models wait.
    pub fn set_queued(&self, queued: usize) {
        self.queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
    }

    /// Takes in the conditions of a model.
    pub fn set_conditions(&self, model: &EmbeddingModel, status: &EmbeddingModelStatus) {
        let labels: Vec<ConditionLabels> = status
            .conditions
            .iter()
            .filter_map(|condition| {
                let kind = crds::conditions::ConditionType::ALL
                    .into_iter()
                    .find(|kind| kind.as_str() == condition.type_)?;
                let status =
                    ["True", "False", "Unknown"].into_iter().find(|it| *it == condition.status)?;
                Some(ConditionLabels { condition: kind.as_str(), status })
            })
            .collect();
        self.replace(&model.uid().unwrap_or_default(), Some(labels));
    }

    /// Forgets a model that is gone.
    pub fn forget(&self, uid: &str) {
        self.replace(uid, None);
    }

    fn replace(&self, uid: &str, labels: Option<Vec<ConditionLabels>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match labels {
            Some(labels) => {
                for label in &labels {
                    self.conditions.get_or_create(label).inc();
                }
                seen.insert(uid.to_owned(), labels)
            }
            None => seen.remove(uid),
        };
        for label in before.iter().flatten() {
            self.conditions.get_or_create(label).dec();
        }
        self.models.set(i64::try_from(seen.len()).unwrap_or(i64::MAX));
    }
}

/// A reconcile that runs.
pub struct Running<'a> {
    metrics: &'a Metrics,
    started: std::time::Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.metrics.running.dec();
        self.metrics.seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    use super::*;
    use crate::testing;

    #[test]
    fn a_model_counts_once_for_each_condition_whatever_it_went_through() {
        let metrics = Metrics::new();
        let model = testing::model("small", "{source: {huggingFace: {repo: a/b}}}");
        let with = |status: &str| EmbeddingModelStatus {
            conditions: vec![Condition {
                type_: "Ready".to_owned(),
                status: status.to_owned(),
                reason: "Ready".to_owned(),
                message: String::new(),
                observed_generation: None,
                last_transition_time: Time("2026-01-01T00:00:00Z".parse().expect("a time")),
            }],
            ..EmbeddingModelStatus::default()
        };
        metrics.set_conditions(&model, &with("False"));
        metrics.set_conditions(&model, &with("True"));
        let text = metrics.text();
        let has =
            |line: &str| assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
        has(r#"embedserve_operator_conditions{condition="Ready",status="True"} 1"#);
        has(r#"embedserve_operator_conditions{condition="Ready",status="False"} 0"#);
        has("embedserve_operator_models 1");
        metrics.forget(&model.uid().expect("it has one"));
        assert!(metrics.text().contains("embedserve_operator_models 0"));
    }

    #[test]
    fn failures_are_counted_by_what_they_are() {
        let metrics = Metrics::new();
        drop(metrics.begin());
        metrics.count_failure(Category::Conflict);
        metrics.count_write(Kind::Deployment);
        let text = metrics.text();
        assert!(
            text.contains(r#"embedserve_operator_reconcile_failures_total{category="Conflict"} 1"#),
            "{text}"
        );
        assert!(text.contains("embedserve_operator_reconciles_total 1"), "{text}");
        assert!(
            text.contains(r#"embedserve_operator_writes_total{kind="Deployment"} 1"#),
            "{text}"
        );
        assert!(text.contains("embedserve_operator_reconcile_duration_seconds_count 1"), "{text}");
    }
}
