//! Which Deployments, groups and searches follow from which nodes.

use crds::spec::{GpuAllocation, RenderGroups};

use super::*;

fn node(name: &str, devices: &[(&str, i64)]) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        is_schedulable: true,
        devices: devices.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        ..NodeFacts::default()
    }
}

fn with_group(node: NodeFacts, group: i64) -> NodeFacts {
    NodeFacts { render_group: Some(group), ..node }
}

/// Plans for nodes of which only the groups are known that they state.
fn plan_for(
    gpu: &Gpu,
    scheduling: &Scheduling,
    nodes: &[NodeFacts],
) -> Result<AcceleratorPlan, NoDevice> {
    let wish = Wish { target: DeviceTarget::Gpu, gpu, scheduling, may_fall_back: false };
    let (groups, given_up) = Default::default();
    plan(
        wish,
        Known { nodes, groups: &groups, given_up: &given_up, current: &[], current_groups: &[] },
    )
}

fn auto(nodes: &[NodeFacts]) -> Result<AcceleratorPlan, NoDevice> {
    plan_for(&Gpu::default(), &Scheduling::default(), nodes)
}

#[test]
fn the_resource_follows_what_the_nodes_offer() {
    for (resource, other) in [(I915, XE), (XE, I915)] {
        let nodes =
            [with_group(node("a", &[(resource, 1)]), 992), node("b", &[("example.com/tpu", 4)])];
        let plan = auto(&nodes).expect("one node fits");
        assert_eq!(
            plan.variants,
            [Variant {
                driver: driver_of(resource),
                resource: Some(resource.to_owned()),
                weight: 1
            }]
        );
        assert_eq!((plan.groups, plan.nodes), (vec![992], vec!["a".to_owned()]), "not {other}");
    }
}

#[test]
fn both_drivers_make_two_deployments_that_share_the_replicas() {
    let nodes = [with_group(node("a", &[(I915, 1)]), 106), with_group(node("b", &[(XE, 3)]), 992)];
    let plan = auto(&nodes).expect("both fit");
    let drivers: Vec<_> = plan.variants.iter().map(|variant| variant.driver).collect();
    assert_eq!(drivers, [Some("i915"), Some("xe")]);
    assert_eq!(plan.groups, [106, 992]);
    for (replicas, expected) in
        [(0, [0, 0]), (1, [0, 1]), (2, [1, 1]), (4, [1, 3]), (5, [1, 4]), (8, [2, 6])]
    {
        assert_eq!(share(replicas, &plan.variants), expected, "{replicas}");
    }
}

#[test]
fn no_device_is_told_in_words() {
    let failure = auto(&[node("a", &[])]).expect_err("nothing is offered");
    assert_eq!(failure.reason, Reason::InsufficientGPU);
    assert!(failure.message.contains("device plugin"), "{}", failure.message);

    let xe = Gpu { resource_name: XE.to_owned(), ..Gpu::default() };
    let nodes = [node("a", &[(I915, 2)])];
    let failure = plan_for(&xe, &Scheduling::default(), &nodes).expect_err("the other driver");
    assert_eq!(failure.reason, Reason::NoMatchingDriver);
    assert!(failure.message.ends_with("offered are gpu.intel.com/i915"), "{}", failure.message);

    let two = Gpu { count: 2, ..Gpu::default() };
    let nodes = [node("a", &[(I915, 1)]), node("b", &[(I915, 1)])];
    let failure = plan_for(&two, &Scheduling::default(), &nodes).expect_err("one at a time");
    assert_eq!(failure.reason, Reason::InsufficientGPU);
}

#[test]
fn nodes_that_pods_may_not_run_on_do_not_count() {
    let taint =
        Taint { key: "gpu".to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
    let tainted = NodeFacts { taints: vec![taint], ..with_group(node("a", &[(XE, 1)]), 992) };
    let failure = auto(std::slice::from_ref(&tainted)).expect_err("nobody tolerates the taint");
    assert_eq!(failure.reason, Reason::Unschedulable);
    let toleration = Toleration {
        key: Some("gpu".to_owned()),
        operator: Some("Exists".to_owned()),
        ..Toleration::default()
    };
    let scheduling = Scheduling { tolerations: vec![toleration], ..Scheduling::default() };
    assert!(plan_for(&Gpu::default(), &scheduling, &[tainted]).is_ok());

    let selector = [("zone".to_owned(), "b".to_owned())].into();
    let scheduling = Scheduling { node_selector: selector, ..Scheduling::default() };
    let nodes = [with_group(node("a", &[(XE, 1)]), 992)];
    assert!(plan_for(&Gpu::default(), &scheduling, &nodes).is_err());
    let cordoned = NodeFacts { is_schedulable: false, ..nodes[0].clone() };
    assert!(auto(&[cordoned]).is_err());
}

#[test]
fn unknown_groups_are_looked_for_and_never_guessed() {
    let nodes = [node("a", &[(XE, 1)]), node("b", &[(XE, 1)])];
    let failure = auto(&nodes).expect_err("no group is known");
    assert_eq!(failure.reason, Reason::RenderGroupUnknown);
    let wanted: Vec<_> =
        failure.discover.iter().map(|it| (it.node.as_str(), it.resource.as_deref())).collect();
    assert_eq!(wanted, [("a", Some(XE)), ("b", Some(XE))]);

    // One is known: the pods can start there, and the search for the other goes on.
    let (gpu, scheduling) = (Gpu::default(), Scheduling::default());
    let wish = Wish {
        target: DeviceTarget::Gpu,
        gpu: &gpu,
        scheduling: &scheduling,
        may_fall_back: false,
    };
    let none_given_up = BTreeSet::new();
    let groups = [("a".to_owned(), 109)].into();
    let known = Known {
        nodes: &nodes,
        groups: &groups,
        given_up: &none_given_up,
        current: &[],
        current_groups: &[],
    };
    let found = plan(wish, known).expect("one group is known");
    assert_eq!((found.groups, found.discover.len()), (vec![109], 1));

    let given_up = ["a".to_owned(), "b".to_owned()].into();
    let no_groups = BTreeMap::new();
    let known = Known { groups: &no_groups, given_up: &given_up, ..known };
    let failure = plan(wish, known).expect_err("given up");
    assert_eq!((failure.reason, failure.discover.len()), (Reason::RenderGroupUnknown, 0));
    assert!(failure.message.contains("could not be found"), "{}", failure.message);
    let wish = Wish { may_fall_back: true, ..wish };
    let fallback = plan(wish, known).expect("the pods may run on a CPU");
    assert_eq!((fallback.variants[0].resource.as_deref(), fallback.groups.len()), (None, 0));
}

#[test]
fn what_runs_stays_while_a_device_plugin_is_away() {
    let (gpu, scheduling) = (Gpu::default(), Scheduling::default());
    let wish = Wish {
        target: DeviceTarget::Gpu,
        gpu: &gpu,
        scheduling: &scheduling,
        may_fall_back: false,
    };
    let current = [Variant { driver: Some("xe"), resource: Some(XE.to_owned()), weight: 1 }];
    let (groups, given_up) = Default::default();
    let nodes = [node("a", &[])];
    let known = Known {
        nodes: &nodes,
        groups: &groups,
        given_up: &given_up,
        current: &current,
        current_groups: &[992],
    };
    let kept = plan(wish, known).expect("it stays");
    assert_eq!((kept.variants.as_slice(), kept.groups.as_slice()), (&current[..], &[992][..]));
    // A node with another driver comes: the Deployment moves there, and its old group does no harm.
    let nodes = [with_group(node("b", &[(I915, 1)]), 106)];
    let moved = plan(wish, Known { nodes: &nodes, ..known }).expect("another driver");
    assert_eq!((moved.variants[0].driver, moved.groups), (Some("i915"), vec![106, 992]));
}

#[test]
fn given_groups_are_taken_and_claims_need_none() {
    let groups = RenderGroups { mode: RenderGroupMode::Static, gids: vec![992, 109, 992] };
    let gpu = Gpu { render_groups: groups, ..Gpu::default() };
    let plan = plan_for(&gpu, &Scheduling::default(), &[node("a", &[(XE, 1)])]).expect("it fits");
    assert_eq!((plan.groups, plan.discover.len()), (vec![109, 992], 0));

    let claim = Gpu { allocation: GpuAllocation::Dra, ..Gpu::default() };
    let plan = plan_for(&claim, &Scheduling::default(), &[node("a", &[])]).expect("claims decide");
    assert_eq!(plan.variants, [Variant { driver: None, resource: None, weight: 1 }]);
    assert!(plan.groups.is_empty());
}
