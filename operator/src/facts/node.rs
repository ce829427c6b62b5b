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
    /// Resources of device plugins, by name: how many pods may have, at least one.
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
            // A kubelet goes on naming the resources of plugins that are gone, with none of them.
            .filter(|(_, count)| *count > 0)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::api::core::v1::{Node, NodeStatus};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    use super::NodeFacts;

    /// If it were, people would be told to ask for what is not there, and that nothing comes back by itself.
    #[test]
    fn a_resource_whose_plugin_is_gone_is_not_offered() {
        let quantity = |(name, count): (&str, &str)| (name.to_owned(), Quantity(count.to_owned()));
        let offered = [
            ("cpu", "2"),
            ("hugepages-2Mi", "0"),
            ("gpu.intel.com/i915", "0"),
            ("gpu.intel.com/xe", "2"),
        ];
        let allocatable = Some(offered.map(quantity).into());
        let status = Some(NodeStatus { allocatable, ..NodeStatus::default() });
        let facts = NodeFacts::from(&Node { status, ..Node::default() });
        assert_eq!(facts.devices, BTreeMap::from([("gpu.intel.com/xe".to_owned(), 2)]));
    }
}
