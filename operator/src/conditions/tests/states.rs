//! What people and tools read about a model: which reason comes first, and what to do about it.

use crds::EmbeddingModelStatus;

use super::super::*;
use super::scene::{Scene, answer, failing, pod};
use crate::accelerator::NoDevice;
use crate::apply::Refusal;
use crate::facts::{
    AutoscalerFacts, ContainerFacts, DeploymentFacts, PodFacts, RouteFacts, Termination,
};
use crate::kind::Kind;
use crate::pods::{Info, NotServing};
use crate::testing::{self, COMMIT, NEWER, plan, time};

#[test]
fn a_model_that_answers_is_ready_and_nothing_is_asked_of_anybody() {
    let findings = Scene::ready("").findings();
    for finding in &findings {
        assert!(finding.is_well(), "{finding:?}");
        assert!(!finding.full_message().contains(NOTHING), "{finding:?}");
    }
    let kinds: Vec<ConditionType> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds.len(), ConditionType::ALL.len() - 1, "all but ScalingActive: {kinds:?}");
}

/// In every state in which a model can be.
fn scenes() -> Vec<(&'static str, Scene)> {
    let mut scenes = vec![
        ("fresh", Scene::fresh("")),
        ("prepared", Scene::prepared("")),
        ("ready", Scene::ready("")),
        ("no pods", Scene::prepared(", replicas: 0")),
        ("autoscaled", Scene::ready(", autoscaling: {max: 3}")),
        ("contradicted", Scene::prepared(", limits: {maxInputTokens: 1024}")),
        (
            "a route without its kind",
            Scene::ready(", expose: {route: {parentRefs: [{name: edge}]}}"),
        ),
        ("an ingress that waits", Scene::ready(", expose: {ingress: {host: a.example.com}}")),
    ];
    let mut add = |name, mut scene: Scene, change: fn(&mut Scene)| {
        change(&mut scene);
        scenes.push((name, scene));
    };
    add("unresolvable", Scene::fresh(""), |it| {
        it.observed.resolve = Some(failing(Reason::RevisionNotFound));
    });
    add("pull fails", Scene::prepared(""), |it| {
        it.observed.records.clear();
        it.observed.pull = Some(failing(Reason::HubUnreachable));
    });
    add("volume is leaving", Scene::prepared(""), |it| {
        it.observed.claim.as_mut().expect("a volume").is_leaving = true;
    });
    add("no device", Scene::prepared(""), |it| {
        it.accelerator = Some(NoDevice {
            reason: Reason::InsufficientGPU,
            message: "none".to_owned(),
            discover: Vec::new(),
        });
    });
    add("unschedulable", Scene::ready(""), |it| {
        it.observed.pods[0].unschedulable = Some("1 Insufficient cpu".to_owned());
    });
    add("quota", Scene::prepared(""), |it| {
        let message = "pods is forbidden: exceeded quota".to_owned();
        let facts = DeploymentFacts {
            wanted: 1,
            replica_failure: Some(message),
            ..DeploymentFacts::default()
        };
        it.observed.deployments.insert("small".to_owned(), facts);
    });
    add("load fails", Scene::ready(""), |it| {
        it.observed.pods[0].is_ready = false;
        it.observed.deployments.get_mut("small").expect("a Deployment").available = 0;
        let failed = NotServing {
            name: "small".to_owned(),
            state: "failed".to_owned(),
            error: Some("no such file".to_owned()),
        };
        let info = Info { models: Vec::new(), not_serving: vec![failed] };
        it.observed.infos.insert("1".to_owned(), info);
    });
    add("silent pods", Scene::ready(""), |it| it.observed.infos.clear());
    add("other device", Scene::ready(""), |it| {
        it.observed.infos.insert("1".to_owned(), answer("GPU.0"));
    });
    add("refused", Scene::ready(""), |it| {
        it.applied.refused.push(Refusal {
            reason: Reason::ApplyFailed,
            message: "Service small: denied".to_owned(),
        });
    });
    add("waiting", Scene::ready(""), |it| it.applied.waiting.push("Job small".to_owned()));
    add("no metrics", Scene::ready(", autoscaling: {max: 3}"), |it| {
        let problem = Some(("FailedGetResourceMetric".to_owned(), "no metrics".to_owned()));
        it.observed.autoscalers.push(AutoscalerFacts { is_observed: true, problem });
    });
    scenes
}

#[test]
fn every_message_that_is_not_well_ends_with_what_to_do_next() {
    for (name, scene) in scenes() {
        for finding in scene.findings() {
            let message = finding.full_message();
            assert!(message.starts_with(|it: char| !it.is_whitespace()), "{name}: {finding:?}");
            if !finding.is_well() {
                assert!(message.ends_with(finding.reason.next_action()), "{name}: {message}");
                assert!(!message.ends_with(NOTHING), "{name}: {finding:?}");
                // The fact comes first, as a sentence of its own.
                let fact = message.strip_suffix(finding.reason.next_action()).expect("it ends so");
                assert!(fact.trim_end().ends_with(['.', '!', '?', '…']), "{name}: {message}");
            }
        }
    }
}

#[test]
fn the_conditions_are_always_the_same_ones_and_tools_see_one_verdict() {
    for (name, scene) in scenes() {
        let findings = scene.findings();
        let holds = |kind| findings.iter().any(|it| it.kind == kind && it.state == State::True);
        let verdicts =
            [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled].map(holds);
        assert_eq!(verdicts.iter().filter(|it| **it).count(), 1, "{name}: {verdicts:?}");
        let has_scaling = findings.iter().any(|it| it.kind == ConditionType::ScalingActive);
        assert_eq!(has_scaling, scene.valid.model.spec.autoscaling.is_some(), "{name}");
        let expected = ConditionType::ALL.len() - usize::from(!has_scaling);
        assert_eq!(findings.len(), expected, "{name}");
    }
}

#[test]
fn ready_repeats_the_first_thing_that_is_wrong() {
    let expected = [
        ("fresh", Reason::Resolving),
        ("prepared", Reason::Starting),
        ("ready", Reason::Ready),
        ("no pods", Reason::RollingOut),
        ("autoscaled", Reason::Ready),
        // Not that there are no pods yet: they will never come.
        ("contradicted", Reason::InvalidSpec),
        ("a route without its kind", Reason::Ready),
        ("an ingress that waits", Reason::Ready),
        ("unresolvable", Reason::RevisionNotFound),
        ("pull fails", Reason::HubUnreachable),
        ("volume is leaving", Reason::WaitingForVolume),
        ("no device", Reason::InsufficientGPU),
        ("unschedulable", Reason::InsufficientCPU),
        ("quota", Reason::QuotaExceeded),
        ("load fails", Reason::LoadFailed),
        ("silent pods", Reason::Unknown),
        ("other device", Reason::DeviceMismatch),
        ("refused", Reason::ApplyFailed),
        ("waiting", Reason::Pending),
        ("no metrics", Reason::Ready),
    ];
    let found: Vec<_> = scenes()
        .iter()
        .map(|(name, scene)| (*name, scene.find(ConditionType::Ready).reason))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_device_that_could_not_be_used_is_told_also_when_that_is_allowed() {
    let mut scene = Scene::ready("");
    let mut info = answer("CPU");
    info.models[0].fallback_reason = Some("no driver".to_owned());
    scene.observed.infos.insert("1".to_owned(), info);
    let spec = "{source: {huggingFace: {repo: a/b}}, device: {target: GPU, fallback: CPU}}";
    let status = scene.valid.model.status.clone().expect("a status");
    let gpu = testing::from(spec, status);
    // The release of the GPU serves, its pod says that it runs on the CPU.
    let planned = plan(&gpu, &scene.observed);
    let release = planned.serving.as_ref().expect("it serves").release.clone();
    scene.observed.deployments.insert("small".to_owned(), testing::complete(&release));
    scene.valid = testing::next(&gpu, &planned);
    assert_eq!(scene.reason(ConditionType::DeviceVerified), (State::False, Reason::FallbackInUse));
    assert_eq!(scene.reason(ConditionType::Ready), (State::True, Reason::FallbackInUse));
    let message = scene.find(ConditionType::Ready).full_message();
    assert!(message.contains("not on GPU: no driver"), "{message}");
    assert!(message.ends_with(Reason::FallbackInUse.next_action()), "{message}");
}

/// "0 of 0 pods are available: wait for them" would send people to look for pods.
#[test]
fn without_a_device_no_pods_are_waited_for() {
    let (_, scene) =
        scenes().into_iter().find(|(name, _)| *name == "no device").expect("there is one");
    let available = scene.find(ConditionType::WorkloadAvailable);
    assert_eq!((available.state, available.reason), (State::Unknown, Reason::Pending));
    assert!(available.message.contains("offers their device"), "{}", available.message);
}

/// If it were told, Flux and Argo would give up on the correction of what is wrong.
#[test]
fn what_is_the_matter_with_pods_that_are_replaced_is_no_news_of_their_successors() {
    let (_, mut load_fails) =
        scenes().into_iter().find(|(name, _)| *name == "load fails").expect("there is one");
    let (_, mut other_device) =
        scenes().into_iter().find(|(name, _)| *name == "other device").expect("there is one");
    for scene in [&mut load_fails, &mut other_device] {
        scene.observed.pods[0].release = Some("old".to_owned());
    }
    assert_eq!(load_fails.reason(ConditionType::Ready), (State::False, Reason::Starting));
    let verified = other_device.reason(ConditionType::DeviceVerified);
    assert_eq!(verified, (State::Unknown, Reason::Pending));
}

#[test]
fn a_model_without_pods_is_ready_by_design_and_says_how_to_get_some() {
    let scene = Scene::prepared(", replicas: 0");
    assert_eq!(scene.reason(ConditionType::Ready), (State::False, Reason::RollingOut));
    let mut scene = scene;
    let release = scene.plan().serving.expect("it serves").release;
    let none = DeploymentFacts {
        wanted: 0,
        replicas: 0,
        updated: 0,
        ready: 0,
        available: 0,
        ..testing::complete(&release)
    };
    scene.observed.deployments.insert("small".to_owned(), none);
    assert_eq!(scene.reason(ConditionType::Ready), (State::True, Reason::ScaledToZero));
    let message = scene.find(ConditionType::Ready).full_message();
    assert!(message.ends_with("Set replicas to 1 or more to serve it."), "{message}");
}

#[test]
fn while_a_new_revision_is_pulled_the_message_says_that_the_old_one_serves() {
    let ready = Scene::ready("");
    let spec = "{source: {huggingFace: {repo: a/b, revision: v2}}}";
    let status = ready.valid.model.status.clone().expect("a status");
    let mut scene = Scene::new(testing::from(spec, status), ready.observed);
    scene.observed.resolve = Some(testing::done(NEWER));
    let finding = scene.find(ConditionType::Ready);
    assert_eq!((finding.state, finding.reason), (State::False, Reason::Pulling));
    let expected = format!("commit {} goes on serving", &COMMIT[..8]);
    assert!(finding.message.ends_with(&expected), "{}", finding.message);
    assert_eq!(scene.reason(ConditionType::WorkloadAvailable), (State::True, Reason::Available));
}

/// Otherwise users see Pending while their model is rolled out, and wait for they do not know what.
#[test]
fn a_rollout_whose_new_pods_are_still_to_come_is_told_as_a_rollout() {
    let mut scene = Scene::ready("");
    let deployment = scene.observed.deployments.get_mut("small").expect("it is there");
    (deployment.replicas, deployment.updated) = (1, 0);
    scene.observed.pods[0].release = Some("old".to_owned());
    assert_eq!(scene.reason(ConditionType::DeviceVerified).0, State::Unknown);
    assert_eq!(scene.reason(ConditionType::Ready), (State::False, Reason::RollingOut));
}

/// The pods before serve on, so that enough are available: nothing else says that the new ones do not come up.
#[test]
fn a_rollout_whose_new_pods_end_again_and_again_says_why() {
    let mut scene = Scene::ready("");
    let release = scene.plan().serving.expect("it serves").release;
    let deployment = scene.observed.deployments.get_mut("small").expect("it is there");
    (deployment.replicas, deployment.updated) = (2, 1);
    assert_eq!(scene.reason(ConditionType::Ready), (State::False, Reason::RollingOut));
    let killed =
        Termination { exit_code: 137, reason: "OOMKilled".to_owned(), ..Termination::default() };
    let container = ContainerFacts {
        name: "server".to_owned(),
        waiting: Some(("CrashLoopBackOff".to_owned(), "back-off 10s".to_owned())),
        ended_before: Some(killed),
        ..ContainerFacts::default()
    };
    scene.observed.pods.push(PodFacts {
        name: "small-2".to_owned(),
        uid: "2".to_owned(),
        release: release.config_map.as_deref().map(|name| crate::release::label(name).to_owned()),
        is_ready: false,
        containers: vec![container],
        ..pod()
    });
    let ready = scene.find(ConditionType::Ready);
    assert_eq!((ready.state, ready.reason), (State::False, Reason::OutOfMemory));
    assert!(
        ready.message.contains("is being rolled out; small-2: the container used more"),
        "{ready:?}"
    );
    assert!(scene.find(ConditionType::WorkloadAvailable).is_well());
}

#[test]
fn a_refusal_comes_before_everything_and_a_failed_rollout_before_its_pods() {
    let mut scene = Scene::ready("");
    let spec = "{source: {huggingFace: {repo: a/b}}, truncate: true}";
    scene.valid = testing::from(spec, scene.valid.model.status.clone().expect("a status"));
    let release = scene.plan().serving.expect("it serves").release;
    let stuck =
        DeploymentFacts { deadline_exceeded: true, available: 0, ..testing::complete(&release) };
    scene.observed.deployments.insert("small".to_owned(), stuck);
    assert_eq!(scene.reason(ConditionType::Ready), (State::False, Reason::RolledBack));
    let message = "Deployment small: denied".to_owned();
    scene.applied.refused.push(Refusal { reason: Reason::QuotaExceeded, message });
    assert_eq!(scene.reason(ConditionType::Ready), (State::False, Reason::QuotaExceeded));
}

#[test]
fn a_route_is_ready_when_its_controller_says_so() {
    let spec = ", expose: {route: {parentRefs: [{name: edge}]}}";
    let mut scene = Scene::ready(spec);
    let kind = ConditionType::RouteReady;
    assert_eq!(scene.reason(kind), (State::False, Reason::ResourceDefinitionMissing));
    scene.apis.available.insert(Kind::HTTPRoute);
    assert_eq!(scene.reason(kind), (State::False, Reason::RouteNotAccepted));
    scene.observed.route = Some(RouteFacts { is_accepted: true, refusal: None });
    assert_eq!(scene.reason(kind), (State::True, Reason::Routed));
}

/// A branch is not called Main because its name begins a sentence.
#[test]
fn revisions_keep_their_spelling() {
    let message = Scene::prepared("").find(ConditionType::SourceResolved).full_message();
    assert_eq!(message, format!("Revision main of a/b is commit {COMMIT}."));
}

#[test]
fn a_refused_specification_says_so_and_nothing_else_is_touched() {
    let invalid = Invalid { reason: Reason::ServedNameConflict, message: "taken".to_owned() };
    let findings = findings_of_invalid(&invalid);
    let kinds: Vec<_> = findings.iter().map(|it| (it.kind, it.state)).collect();
    assert_eq!(
        kinds,
        [
            (ConditionType::Reconciling, State::False),
            (ConditionType::Stalled, State::True),
            (ConditionType::Ready, State::False)
        ]
    );
    let model = testing::model("small", "{source: {huggingFace: {repo: a/b}}}");
    let before = Scene::ready("").findings();
    let status = EmbeddingModelStatus {
        conditions: with_history(&before, &[], 1, &time("01:00:00")),
        ..EmbeddingModelStatus::default()
    };
    let model = crds::EmbeddingModel { status: Some(status.clone()), ..model };
    let after = crate::status::status_of_invalid(&model, &invalid, &time("02:00:00"));
    assert_eq!(after.conditions.len(), status.conditions.len());
    let changed = after.conditions.iter().filter(|it| !status.conditions.contains(it)).count();
    assert_eq!(changed, 3, "Ready, Stalled, and the generation of Reconciling");
}
