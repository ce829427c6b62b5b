//! From decisions to objects: one free function for each object. Pure.
//!
//! Whatever is written here in a pod template reaches every user's pods: a difference restarts them.
//! The golden hashes in `tests/golden.rs` say when that happens.

mod config;
mod container;
mod deployment;
mod gpu;
mod jobs;
mod monitoring;
mod network;
mod route;
mod scaling;
mod service;
mod volume;

use std::collections::BTreeMap;

use crds::conditions::Reason;
use crds::spec::{GpuAllocation, MonitoringMode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;

use crate::apply::Refusal;
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::{Observed, Plan};
use crate::settings::Settings;
use crate::validate::ValidatedModel;

pub use jobs::{remove_job, render_group_job};
pub use network::MANAGEMENT_PORT;
pub use service::PORT;
pub use volume::RECORD;

/// An object as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub ownership: Ownership,
    /// What happens to one that is there already.
    pub update: Update,
    /// The whole object, as it is applied.
    pub body: Value,
}

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The model's alone.
    Own,
    /// Several models may use it: applying keeps the other owners.
    Shared,
    /// Nobody's: it stays when its users go.
    Kept,
}

/// What happens to an object that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It is changed to what it should be.
    Apply,
    /// It stays as it is: its content never changes under its name.
    Once,
    /// It is deleted and made anew, because Kubernetes lets nobody change it.
    Replace,
}

/// Which optional kinds the cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apis {
    /// The kinds.
    pub available: std::collections::BTreeSet<Kind>,
}

impl Apis {
    /// Whether the cluster has the kind.
    pub fn has(&self, kind: Kind) -> bool {
        !kind.is_optional() || self.available.contains(&kind)
    }
}

/// Everything that the builders look at.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The checked model.
    pub valid: &'a ValidatedModel,
    /// What was decided.
    pub plan: &'a Plan,
    /// What there is.
    pub observed: &'a Observed,
    /// The administrator's settings.
    pub settings: &'a Settings,
    /// The optional kinds of the cluster.
    pub apis: &'a Apis,
}

/// The objects that should be there now.
pub fn build(inputs: Inputs<'_>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    wanted.extend(jobs::resolve(inputs));
    wanted.extend(volume::record(inputs));
    wanted.extend(volume::claim(inputs));
    wanted.extend(jobs::pull(inputs));
    wanted.extend(config::config_map(inputs));
    let has_claims = inputs.apis.has(Kind::ResourceClaimTemplate);
    wanted.extend(gpu::claim_template(inputs).filter(|_| has_claims));
    wanted.extend(deployment::deployments(inputs));
    wanted.push(service::service(inputs));
    wanted.extend(network::policies(inputs));
    wanted.extend(scaling::disruption_budget(inputs));
    wanted.extend(scaling::autoscalers(inputs));
    wanted.extend(route::ingress(inputs));
    wanted.extend(route::http_route(inputs));
    wanted.extend(monitoring::pod_monitor(inputs));
    wanted.extend(monitoring::prometheus_rule(inputs));
    wanted
}

/// Objects that the specification asks for by name and whose kinds the cluster does not have.
pub fn missing_definitions(inputs: Inputs<'_>) -> Vec<Refusal> {
    let monitoring = &inputs.valid.model.spec.monitoring;
    let is_claim = inputs
        .valid
        .model
        .spec
        .device
        .gpu
        .as_ref()
        .is_some_and(|gpu| gpu.allocation == GpuAllocation::Dra);
    [
        (monitoring.pod_monitor == MonitoringMode::Enabled, Kind::PodMonitor),
        (monitoring.prometheus_rule == MonitoringMode::Enabled, Kind::PrometheusRule),
        (is_claim, Kind::ResourceClaimTemplate),
    ]
    .into_iter()
    .filter(|(is_wanted, kind)| *is_wanted && !inputs.apis.has(*kind))
    .map(|(_, kind)| Refusal {
        reason: Reason::ResourceDefinitionMissing,
        message: format!("the cluster has no {kind} ({})", kind.gvk().api_version()),
    })
    .collect()
}

impl Wanted {
    /// An object of the model alone.
    pub(crate) fn own(kind: Kind, object: &impl Serialize) -> Self {
        Self::new(kind, Ownership::Own, object)
    }

    fn new(kind: Kind, ownership: Ownership, object: &impl Serialize) -> Self {
        let body = serde_json::to_value(object).expect("objects of Kubernetes are plain JSON");
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let update = match kind {
            Kind::ConfigMap if body["immutable"] == true => Update::Once,
            Kind::Job | Kind::ResourceClaimTemplate => Update::Replace,
            _ => Update::Apply,
        };
        Self { kind, name, ownership, update, body }
    }
}

/// The metadata of an object of the model alone.
pub(crate) fn own_metadata(
    valid: &ValidatedModel,
    name: String,
    component: Component,
) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(valid.namespace.clone()),
        labels: Some(names::labels(&valid.name, component)),
        owner_references: Some(vec![names::owner_reference(&valid.model, true)]),
        ..ObjectMeta::default()
    }
}

/// The metadata of an object about a cache key, which several models may use.
pub(crate) fn shared_metadata(
    valid: &ValidatedModel,
    name: String,
    component: Component,
    key: &str,
) -> ObjectMeta {
    let mut labels = names::shared_labels(component);
    labels.insert(names::CACHE_KEY.to_owned(), key.to_owned());
    ObjectMeta {
        name: Some(name),
        namespace: Some(valid.namespace.clone()),
        labels: Some(labels),
        owner_references: Some(vec![names::owner_reference(&valid.model, false)]),
        ..ObjectMeta::default()
    }
}

/// A map of texts.
pub(crate) fn text_map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}
