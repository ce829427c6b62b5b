//! How the pods of a model get at an Intel GPU or NPU, given what the nodes offer. Pure.
//!
//! The device plugin has one resource name for each kernel driver (`gpu.intel.com/i915` and
//! `gpu.intel.com/xe`) and none for either, and a Deployment can ask for one name only: where nodes of
//! both kinds fit, there are two Deployments behind the one Service. A GPU's render node belongs to a
//! group whose number differs from node to node, so the pods get the groups of all nodes that fit.

use std::collections::{BTreeMap, BTreeSet};

use crds::conditions::Reason;
use crds::spec::{DeviceTarget, Gpu, GpuAllocation, RenderGroupMode, Scheduling};
use k8s_openapi::api::core::v1::{Taint, Toleration};

use crate::facts::NodeFacts;

/// The resource of Intel's device plugin for GPUs with the driver i915.
pub const I915: &str = "gpu.intel.com/i915";
/// The resource of Intel's device plugin for GPUs with the driver xe.
pub const XE: &str = "gpu.intel.com/xe";
/// The resource of Intel's device plugin for NPUs.
pub const NPU: &str = "npu.intel.com/accel";

/// How the pods get their device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceleratorPlan {
    /// The Deployments, at least one.
    pub variants: Vec<Variant>,
    /// The groups that may open the render nodes, ascending.
    pub groups: Vec<i64>,
    /// Nodes whose render group has to be found, with the resource that a Job asks for there.
    pub discover: Vec<Discovery>,
    /// The names of the nodes that fit.
    pub nodes: Vec<String>,
}

impl AcceleratorPlan {
    /// One Deployment whose pods ask for no device and run on the CPU.
    pub fn without_device() -> Self {
        Self { variants: vec![single()], ..Self::default() }
    }
}

/// One Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The driver that is part of its name; `None` where no name of a resource says one. It is part of the
    /// name also where there is only one Deployment, so that a second kind of node changes nothing for it.
    pub driver: Option<&'static str>,
    /// The resource to ask for; `None` for a claim, a host path or the CPU.
    pub resource: Option<String>,
    /// Its share of the replicas, in parts of the sum of all weights.
    pub weight: i64,
}

/// A node whose render group has to be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discovery {
    /// The node.
    pub node: String,
    /// The resource to ask for; `None` where the device is mounted from the node.
    pub resource: Option<String>,
}

/// Why no pod can get its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoDevice {
    /// The reason for the condition Schedulable.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// What has to be found out first.
    pub discover: Vec<Discovery>,
}

/// The wishes about a device.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The kind of device; not the CPU.
    pub target: DeviceTarget,
    /// How to get at a GPU.
    pub gpu: &'a Gpu,
    /// Where pods may run.
    pub scheduling: &'a Scheduling,
    /// Whether the model may run on a CPU instead.
    pub may_fall_back: bool,
}

/// What is known about nodes.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// All nodes.
    pub nodes: &'a [NodeFacts],
    /// The render groups that were found, by node.
    pub groups: &'a BTreeMap<String, i64>,
    /// Nodes where the search was given up.
    pub given_up: &'a BTreeSet<String>,
    /// The Deployments that there are.
    pub current: &'a [Variant],
    /// The groups of their pods.
    pub current_groups: &'a [i64],
}

/// Decides how pods get their device.
///
/// What runs is not taken down because a node or its device plugin is away for a while: Deployments
/// stay until another kind of device is offered, and groups stay with their Deployment.
///
/// # Errors
/// The reason in words when no node fits, or when the render groups are not known yet.
pub fn plan(wish: Wish<'_>, known: Known<'_>) -> Result<AcceleratorPlan, NoDevice> {
    match plan_device(wish, known) {
        Err(none) if !known.current.is_empty() && none.reason != Reason::RenderGroupUnknown => {
            Ok(AcceleratorPlan {
                variants: known.current.to_vec(),
                groups: known.current_groups.to_vec(),
                ..AcceleratorPlan::default()
            })
        }
        // The pods then start without a device, and say so.
        Err(none) if wish.may_fall_back && none.discover.is_empty() => {
            Ok(AcceleratorPlan::without_device())
        }
        decided => decided,
    }
}

fn plan_device(wish: Wish<'_>, known: Known<'_>) -> Result<AcceleratorPlan, NoDevice> {
    let eligible: Vec<&NodeFacts> =
        known.nodes.iter().filter(|node| is_eligible(node, wish.scheduling)).collect();
    let none = |reason, message: String| NoDevice { reason, message, discover: Vec::new() };
    if eligible.is_empty() {
        let message = format!(
            "none of the {} nodes takes new pods, has the labels of scheduling.nodeSelector and only taints that \
             scheduling.tolerations puts up with",
            known.nodes.len()
        );
        return Err(none(Reason::Unschedulable, message));
    }
    let variants = match (wish.target, wish.gpu.allocation) {
        (DeviceTarget::Cpu, _) => return Ok(AcceleratorPlan::without_device()),
        (DeviceTarget::Npu, _) => by_resource(&[NPU], wish, &eligible)?,
        (DeviceTarget::Gpu, GpuAllocation::Dra | GpuAllocation::HostPath) => vec![single()],
        (DeviceTarget::Gpu, GpuAllocation::DevicePlugin) => match wish.gpu.resource_name.as_str() {
            "Auto" => by_resource(&[I915, XE], wish, &eligible)?,
            name => by_resource(&[name], wish, &eligible)?,
        },
    };
    let fitting: Vec<&NodeFacts> = eligible
        .into_iter()
        .filter(|node| {
            variants.iter().any(|variant| match &variant.resource {
                Some(resource) => offers(node, resource, 1),
                None => true,
            })
        })
        .collect();
    let mut plan = AcceleratorPlan {
        nodes: fitting.iter().map(|node| node.name.clone()).collect(),
        variants,
        ..AcceleratorPlan::default()
    };
    add_groups(&mut plan, wish, known, &fitting)?;
    Ok(plan)
}

/// The replicas of each variant: shares by weight, the largest remainders first, and never a pod less
/// in one because another got more than its weight.
pub fn share(replicas: i32, variants: &[Variant]) -> Vec<i32> {
    let sum: i64 = variants.iter().map(|variant| variant.weight.max(1)).sum();
    let mut shares: Vec<i64> = variants
        .iter()
        .map(|variant| i64::from(replicas) * variant.weight.max(1) / sum.max(1))
        .collect();
    let mut order: Vec<usize> = (0..variants.len()).collect();
    order.sort_by_key(|&index| {
        let remainder = i64::from(replicas) * variants[index].weight.max(1) % sum.max(1);
        (std::cmp::Reverse(remainder), index)
    });
    let mut left = i64::from(replicas) - shares.iter().sum::<i64>();
    for index in order.into_iter().cycle().take(variants.len() * 2) {
        if left == 0 {
            break;
        }
        shares[index] += 1;
        left -= 1;
    }
    shares.into_iter().map(|share| i32::try_from(share).unwrap_or(i32::MAX)).collect()
}

/// The only Deployment, which asks for no resource.
fn single() -> Variant {
    Variant { driver: None, resource: None, weight: 1 }
}

/// One variant for each of the resources that some eligible node offers.
fn by_resource(
    names: &[&str],
    wish: Wish<'_>,
    eligible: &[&NodeFacts],
) -> Result<Vec<Variant>, NoDevice> {
    let count = i64::from(wish.gpu.count);
    let variants: Vec<Variant> = names
        .iter()
        .filter_map(|name| {
            let weight = eligible
                .iter()
                .map(|node| node.devices.get(*name).copied().unwrap_or(0) / count)
                .sum();
            let resource = Some((*name).to_owned());
            (weight > 0).then_some(Variant { driver: driver_of(name), resource, weight })
        })
        .collect();
    if !variants.is_empty() {
        return Ok(variants);
    }
    let wanted = names.join(" or ");
    let offered: BTreeSet<&str> = eligible
        .iter()
        .flat_map(|node| node.devices.keys())
        .map(String::as_str)
        .filter(|name| name.contains("intel.com/"))
        .collect();
    let too_few = eligible.iter().any(|node| names.iter().any(|name| offers(node, name, 1)));
    let (reason, message) = match (too_few, offered.is_empty()) {
        (true, _) => {
            (Reason::InsufficientGPU, format!("no node offers {count} of {wanted} at a time"))
        }
        (false, true) => (
            Reason::InsufficientGPU,
            format!(
                "no node that the pods may run on offers {wanted}: Intel's device plugin is not there, or found no device"
            ),
        ),
        (false, false) => (
            Reason::NoMatchingDriver,
            format!(
                "no node that the pods may run on offers {wanted}; offered are {}",
                offered.into_iter().collect::<Vec<_>>().join(", ")
            ),
        ),
    };
    Err(NoDevice { reason, message, discover: Vec::new() })
}

/// The kernel driver that a resource of Intel's device plugin stands for.
pub fn driver_of(resource: &str) -> Option<&'static str> {
    match resource {
        I915 => Some("i915"),
        XE => Some("xe"),
        _ => None,
    }
}

/// Adds the groups of the render nodes, and says which have to be found first.
fn add_groups(
    plan: &mut AcceleratorPlan,
    wish: Wish<'_>,
    known: Known<'_>,
    fitting: &[&NodeFacts],
) -> Result<(), NoDevice> {
    match (wish.gpu.render_groups.mode, wish.gpu.allocation) {
        (RenderGroupMode::None, _) => return Ok(()),
        (RenderGroupMode::Static, _) => {
            plan.groups = wish.gpu.render_groups.gids.clone();
            plan.groups.sort_unstable();
            plan.groups.dedup();
            return Ok(());
        }
        // The claim's driver makes the device nodes for the container, open to all its users.
        (RenderGroupMode::Discover, GpuAllocation::Dra) => return Ok(()),
        (RenderGroupMode::Discover, GpuAllocation::DevicePlugin | GpuAllocation::HostPath) => {}
    }
    let mut groups: BTreeSet<i64> = known.current_groups.iter().copied().collect();
    let mut unknown = Vec::new();
    for node in fitting {
        match node.render_group.or_else(|| known.groups.get(&node.name).copied()) {
            Some(group) => drop(groups.insert(group)),
            None => {
                let resource = plan.variants.iter().find_map(|variant| {
                    variant.resource.clone().filter(|name| offers(node, name, 1))
                });
                unknown.push(Discovery { node: node.name.clone(), resource });
            }
        }
    }
    unknown.sort();
    plan.discover =
        unknown.iter().filter(|it| !known.given_up.contains(&it.node)).cloned().collect();
    if groups.is_empty() {
        let nodes: Vec<&str> = unknown.iter().map(|it| it.node.as_str()).collect();
        let message = match plan.discover.is_empty() {
            false => format!(
                "the group of /dev/dri/renderD* is being looked for on {}",
                nodes.join(", ")
            ),
            true => format!(
                "the group of /dev/dri/renderD* could not be found on {}: no pod could look at it there in time",
                nodes.join(", ")
            ),
        };
        let discover = std::mem::take(&mut plan.discover);
        return Err(NoDevice { reason: Reason::RenderGroupUnknown, message, discover });
    }
    plan.groups = groups.into_iter().collect();
    Ok(())
}

fn offers(node: &NodeFacts, resource: &str, count: i64) -> bool {
    node.devices.get(resource).is_some_and(|offered| *offered >= count)
}

/// Whether the scheduler could put a pod there, as far as labels and taints decide. Affinities are
/// left to the scheduler, whose words reach the status.
fn is_eligible(node: &NodeFacts, scheduling: &Scheduling) -> bool {
    let has_labels =
        scheduling.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let is_tolerated = node
        .taints
        .iter()
        .filter(|taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute")
        .all(|taint| scheduling.tolerations.iter().any(|it| tolerates(it, taint)));
    node.is_schedulable && has_labels && is_tolerated
}

/// Kubernetes' rule for taints and tolerations.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        _ => {
            toleration.value.as_deref().unwrap_or_default()
                == taint.value.as_deref().unwrap_or_default()
        }
    };
    let matches_key = match key.is_empty() {
        true => toleration.operator.as_deref() == Some("Exists"),
        false => key == taint.key,
    };
    matches_key && value && (effect.is_empty() || effect == taint.effect)
}

#[cfg(test)]
mod tests;
