//! Objects of the Prometheus operator, where the cluster has their definitions.

use crds::spec::MonitoringMode;
use serde_json::{Value, json};

use super::{Inputs, Wanted, own_metadata};
use crate::kind::Kind;
use crate::names::{self, Component};

/// Whether an object is made.
pub(crate) fn is_made(mode: MonitoringMode, kind: Kind, inputs: Inputs<'_>) -> bool {
    mode != MonitoringMode::Disabled && inputs.apis.has(kind)
}

/// The PodMonitor of the serving pods.
pub(super) fn pod_monitor(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, .. } = inputs;
    if !is_made(valid.model.spec.monitoring.pod_monitor, Kind::PodMonitor, inputs) {
        return None;
    }
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": own_metadata(valid, names::serving(&valid.name), Component::Serving),
        "spec": {
            "selector": {"matchLabels": names::pod_selector(&valid.name).match_labels},
            "podMetricsEndpoints": [{"port": "management", "path": "/metrics"}],
            "podTargetLabels": [names::MODEL],
        },
    });
    Some(Wanted::own(Kind::PodMonitor, &monitor))
}

/// The alerts about one model.
pub(super) fn prometheus_rule(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, .. } = inputs;
    if !is_made(valid.model.spec.monitoring.prometheus_rule, Kind::PrometheusRule, inputs) {
        return None;
    }
    let (name, namespace) = (&valid.name, &valid.namespace);
    let pods = format!("namespace=\"{namespace}\",embedserve_dev_model=\"{name}\"");
    let rules = [
        alert(
            "EmbeddingModelRefusesRequests",
            &format!("sum(rate(embedserve_requests_total{{{pods},status=\"429\"}}[5m])) > 0"),
            "10m",
            &format!("{namespace}/{name} refuses requests because its queue is full."),
            "Add replicas, or raise the CPU of the pods.",
        ),
        alert(
            "EmbeddingModelFails",
            &format!("sum(rate(embedserve_requests_total{{{pods},status=~\"5..\"}}[5m])) > 0"),
            "5m",
            &format!("{namespace}/{name} answers requests with errors of its own."),
            "Look at the pods' log.",
        ),
    ];
    let rule = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": own_metadata(valid, names::serving(name), Component::Serving),
        "spec": {"groups": [{"name": format!("embedserve.{name}"), "rules": rules}]},
    });
    Some(Wanted::own(Kind::PrometheusRule, &rule))
}

fn alert(name: &str, expression: &str, duration: &str, summary: &str, action: &str) -> Value {
    json!({
        "alert": name,
        "expr": expression,
        "for": duration,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary, "description": action},
    })
}
