//! Finding the groups of render nodes: by an administrator's annotation of the node, else by a Job there.
//!
//! What a Job finds is kept in a ConfigMap of the model, so that it is not looked for again. A node
//! on which no pod can look (all its devices are taken, say) is given up for a while and tried again when the
//! finished Job is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::spec::Gpu;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use crate::accelerator::{Known, Variant, Wish, driver_of};
use crate::build::{self, Wanted, own_metadata};
use crate::context::Context;
use crate::facts::NodeFacts;
use crate::failure;
use crate::inventory::Facts;
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::{Observed, Plan};
use crate::validate::ValidatedModel;

/// What is known about nodes and their groups.
pub struct Looked {
    nodes: Arc<Vec<NodeFacts>>,
    groups: BTreeMap<String, i64>,
    given_up: BTreeSet<String>,
    current: Vec<Variant>,
    current_groups: Vec<i64>,
}

impl Looked {
    /// As the decision wants it.
    pub fn view(&self) -> Known<'_> {
        Known {
            nodes: &self.nodes,
            groups: &self.groups,
            given_up: &self.given_up,
            current: &self.current,
            current_groups: &self.current_groups,
        }
    }

    /// The Jobs that found nothing. They stay until Kubernetes takes them away: only then is looked again.
    pub fn given_up_jobs(&self, valid: &ValidatedModel) -> impl Iterator<Item = (Kind, String)> {
        self.given_up.iter().map(|node| (Kind::Job, names::render_group_job(&valid.name, node)))
    }
}

/// The wish of a model.
pub fn wish(valid: &ValidatedModel) -> Wish<'_> {
    static DEFAULT: std::sync::LazyLock<Gpu> = std::sync::LazyLock::new(Gpu::default);
    let spec = &valid.model.spec;
    Wish {
        target: spec.device.target,
        gpu: spec.device.gpu.as_ref().unwrap_or(&DEFAULT),
        scheduling: &spec.scheduling,
        may_fall_back: spec.device.may_fall_back_to_cpu(),
    }
}

/// Reads what is known about nodes and groups, and takes in what Jobs have found.
///
/// # Errors
/// When the API server does not answer.
pub async fn look(
    context: &Context,
    valid: &ValidatedModel,
    observed: &Observed,
) -> Result<Looked, kube::Error> {
    let nodes = context.nodes().await?;
    let mut groups = BTreeMap::new();
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &valid.namespace);
    let name = names::render_groups(&valid.name);
    if context
        .inventory
        .get(&crate::watches::place(Kind::ConfigMap, &valid.namespace, &name))
        .is_some()
    {
        let found = api.get_opt(&name).await?.and_then(|map| map.data).unwrap_or_default();
        groups.extend(
            found.into_iter().filter_map(|(node, group)| Some((node, group.parse().ok()?))),
        );
    }
    let mut given_up = BTreeSet::new();
    for job in context.inventory.of_model(&valid.namespace, &valid.name) {
        let Facts::Job(facts) = &job.facts else { continue };
        let Some(node) = facts.node.clone() else { continue };
        if job.component != Some(Component::RenderGroup) {
            continue;
        }
        let found = observed
            .render_group_pods
            .iter()
            .filter(|pod| pod.job.as_ref() == Some(&job.place.name))
            .find_map(failure::render_group);
        match found {
            Some(group) => drop(groups.insert(node, group)),
            None if facts.failed.is_some() => drop(given_up.insert(node)),
            None => {}
        }
    }
    let current: Vec<Variant> = observed
        .deployments
        .values()
        .filter(|it| it.device_resource.is_some())
        .map(|it| Variant {
            driver: it.device_resource.as_deref().and_then(driver_of),
            resource: it.device_resource.clone(),
            weight: i64::from(it.wanted).max(1),
        })
        .collect();
    let current_groups = match current.is_empty() {
        true => Vec::new(),
        false => observed.deployments.values().flat_map(|it| it.groups.clone()).collect(),
    };
    Ok(Looked { nodes, groups, given_up, current, current_groups })
}

/// The Jobs that look for groups, and the ConfigMap with those that were found.
pub fn jobs(context: &Context, valid: &ValidatedModel, plan: &Plan) -> Vec<Wanted> {
    let discover = match &plan.accelerator {
        Ok(plan) => &plan.discover,
        Err(none) => &none.discover,
    };
    discover.iter().map(|it| build::render_group_job(valid, &context.settings, it)).collect()
}

/// The ConfigMap with the groups that were found.
pub fn record(valid: &ValidatedModel, looked: &Looked) -> Option<Wanted> {
    if looked.groups.is_empty() {
        return None;
    }
    let data =
        looked.groups.iter().map(|(node, group)| (node.clone(), group.to_string())).collect();
    let map = ConfigMap {
        metadata: own_metadata(valid, names::render_groups(&valid.name), Component::RenderGroup),
        data: Some(data),
        ..ConfigMap::default()
    };
    Some(Wanted::own(Kind::ConfigMap, &map))
}
