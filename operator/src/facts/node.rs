//! Nodes, for models that want a GPU.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Taint};

use crate::names;

/// What a node offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away that do not put up with it.
    pub taints: Vec<Taint>,
    /// Whether it takes new pods.
    pub is_schedulable: bool,
    /// Resources of device plugins, by name: how many pods may have.
    pub devices: BTreeMap<String, i64>,
    /// The group of its render node, where an administrator states it.
    pub render_group: Option<i64>,
}

impl From<&Node> for NodeFacts {
    fn from(node: &Node) -> Self {
        let metadata = &node.metadata;
        let spec = node.spec.clone().unwrap_or_default();
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let devices = allocatable
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.contains('/') && !name.starts_with("hugepages-"))
            .filter_map(|(name, quantity)| Some((name.clone(), quantity.0.parse().ok()?)))
            .collect();
        let stated = |values: &Option<BTreeMap<String, String>>| {
            values.as_ref().and_then(|values| values.get(names::RENDER_GROUP)?.parse().ok())
        };
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            labels: metadata.labels.clone().unwrap_or_default(),
            taints: spec.taints.unwrap_or_default(),
            is_schedulable: !spec.unschedulable.unwrap_or(false),
            devices,
            render_group: stated(&metadata.annotations).or_else(|| stated(&metadata.labels)),
        }
    }
}
