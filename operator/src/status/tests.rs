//! What users read in the status, from one look to the next.

use crds::status::RolloutState;

use super::*;
use crate::build::Apis;
use crate::facts::{ContainerFacts, JobFacts, Termination};
use crate::plan::{JobView, Observed, Plan};
use crate::pods::{Info, LoadTimings, Progress};
use crate::testing::{self, COMMIT, plan, pulled, serving, time, valid};
use crate::validate::ValidatedModel;

fn look(valid: &ValidatedModel, observed: &Observed, at: &str) -> EmbeddingModelStatus {
    let planned = plan(valid, observed);
    look_with(valid, observed, &planned, at)
}

fn look_with(
    valid: &ValidatedModel,
    observed: &Observed,
    plan: &Plan,
    at: &str,
) -> EmbeddingModelStatus {
    let (settings, apis) = (testing::settings(), Apis::default());
    let inputs = Inputs { valid, plan, observed, settings: &settings, apis: &apis };
    status(inputs, &Applied::default(), &time(at))
}

fn pulling(progress: Option<Progress>, failure: Option<Failure>) -> (ValidatedModel, Observed) {
    let valid = valid("");
    let mut observed = pulled(&valid, COMMIT);
    observed.records.clear();
    observed.progress = progress;
    observed.pull = Some(JobView { failure, attempt: 3, ..JobView::default() });
    (valid, observed)
}

fn failed_container(at: &str) -> ContainerFacts {
    ContainerFacts {
        name: "server".to_owned(),
        ended_before: Some(Termination {
            exit_code: 1,
            reason: "Error".to_owned(),
            message: format!("failed at {at}"),
            started: None,
            time: Some(time(at)),
        }),
        ..ContainerFacts::default()
    }
}

fn pod(name: &str, container: ContainerFacts) -> PodFacts {
    PodFacts {
        name: name.to_owned(),
        uid: name.to_owned(),
        phase: "Running".to_owned(),
        component: Some(Component::Serving),
        containers: vec![container],
        ..PodFacts::default()
    }
}

#[test]
fn the_progress_of_a_pull_is_told_in_percent() {
    for (done, total, percent) in [
        (0, Some(200), Some(0)),
        (1, Some(200), Some(0)),
        (199, Some(200), Some(99)),
        (200, Some(200), Some(100)),
        // A resumed download may count more than was announced.
        (250, Some(200), Some(100)),
        (u64::MAX / 2, Some(u64::MAX / 2), Some(100)),
        // Without a total of its own, that of the release counts.
        (45_500_000, None, Some(50)),
        (0, Some(0), None),
        // A number that is none cannot be shown.
        (u64::MAX, Some(200), None),
    ] {
        let progress = Progress { bytes_done: done, bytes_total: total, ..Progress::default() };
        let (valid, observed) = pulling(Some(progress), None);
        let pull = look(&valid, &observed, "00:02:00").pull.expect("it is pulled");
        assert_eq!(pull.percent, percent, "{done} of {total:?}");
        assert_eq!(pull.attempt, Some(3));
    }
    let (valid, observed) = pulling(None, None);
    let pull = look(&valid, &observed, "00:02:00").pull.expect("it is pulled");
    assert_eq!((pull.percent, pull.bytes_total), (None, Some(91_000_000)));
}

#[test]
fn a_finished_pull_is_whole_and_has_no_error_any_more() {
    let failure = crate::failure::of_unmade_pod("the hub is away");
    let (valid, mut observed) = pulling(None, Some(failure));
    let before = look(&valid, &observed, "00:02:00");
    let error = before.pull.as_ref().and_then(|it| it.last_error.clone()).expect("it fails");
    assert_eq!(error.message.as_deref(), Some("the hub is away"));
    observed.pull = Some(testing::done(COMMIT));
    let valid = testing::valid_with("", before);
    let pull = look(&valid, &observed, "00:03:00").pull.expect("it was pulled");
    assert_eq!((pull.percent, pull.last_error), (Some(100), None));
}

#[test]
fn an_error_without_a_time_keeps_the_one_at_which_it_was_first_seen() {
    let failure = crate::failure::of_unmade_pod("the hub is away");
    let (valid, observed) = pulling(None, Some(failure));
    let first = look(&valid, &observed, "00:02:00");
    let valid = testing::valid_with("", first.clone());
    let second = look(&valid, &observed, "00:09:00");
    let time_of =
        |status: &EmbeddingModelStatus| status.pull.as_ref()?.last_error.as_ref()?.time.clone();
    assert_eq!(time_of(&second), Some(time("00:02:00")));
    assert_eq!(second.last_failure, first.last_failure);
    // Nothing at all differs, so nothing is written.
    assert_eq!(second, first);
}

#[test]
fn the_last_failure_stays_when_its_pod_is_gone_and_never_goes_back_in_time() {
    let (valid, mut observed) = serving("", COMMIT);
    observed.pods.push(pod("small-b", failed_container("11:00:00")));
    observed.pods.push(pod("small-a", failed_container("12:00:00")));
    let both = look(&valid, &observed, "13:00:00");
    let message = |status: &EmbeddingModelStatus| {
        status.last_failure.as_ref().and_then(|it| it.message.clone()).expect("something failed")
    };
    assert_eq!(message(&both), "failed at 12:00:00");
    observed.pods.pop();
    let valid = testing::valid_with("", both);
    let without = look(&valid, &observed, "13:00:00");
    assert_eq!(message(&without), "failed at 12:00:00", "the other pod's failure is older");
    observed.pods.clear();
    let valid = testing::valid_with("", without);
    let none = look(&valid, &observed, "13:00:00");
    assert_eq!(message(&none), "failed at 12:00:00");
    observed.pods.push(pod("small-c", failed_container("14:00:00")));
    let valid = testing::valid_with("", none);
    assert_eq!(message(&look(&valid, &observed, "14:00:00")), "failed at 14:00:00");
}

#[test]
fn the_time_of_each_step_is_told_and_stays_when_its_job_is_gone() {
    let (valid, mut observed) = serving("", COMMIT);
    let job = |from: &str, to: &str| JobView {
        facts: JobFacts {
            succeeded: true,
            started: Some(time(from)),
            completed: Some(time(to)),
            ..JobFacts::default()
        },
        ..testing::done(COMMIT)
    };
    observed.resolve = Some(job("00:00:00", "00:00:04"));
    observed.pull = Some(job("00:00:05", "00:01:05"));
    let container =
        ContainerFacts { running_since: Some(time("00:01:12")), ..ContainerFacts::default() };
    observed.pods.push(PodFacts {
        is_ready: true,
        created: Some(time("00:01:06")),
        scheduled: Some(time("00:01:07")),
        ready_since: Some(time("00:01:20")),
        ..pod("small-a", container)
    });
    let load =
        LoadTimings { read_seconds: 0.25, compile_seconds: 3.21, first_embedding_seconds: 0.0123 };
    let model = ModelInfo {
        name: "small".to_owned(),
        device: "CPU".to_owned(),
        timings: load,
        ..ModelInfo::default()
    };
    let info = Info { models: vec![model], not_serving: Vec::new() };
    observed.infos.insert("small-a".to_owned(), info);
    let status = look(&valid, &observed, "00:02:00");
    let text = |text: &str| Some(text.to_owned());
    let expected = Timings {
        resolve: text("4.0s"),
        pull: text("60.0s"),
        schedule: text("1.0s"),
        image_pull: text("5.0s"),
        load: text("0.250s"),
        compile: text("3.2s"),
        first_embedding: text("0.012s"),
    };
    assert_eq!(status.timings, Some(expected.clone()));

    let bare = Observed {
        records: observed.records.clone(),
        claim: observed.claim.clone(),
        now: observed.now.clone(),
        ..Observed::default()
    };
    let later = look(&testing::valid_with("", status), &bare, "05:00:00");
    assert_eq!(later.timings, Some(expected));
}

#[test]
fn a_look_that_sees_the_same_writes_the_same() {
    let (valid, observed) = serving("", COMMIT);
    let first = look(&valid, &observed, "01:00:00");
    let second = look(&testing::valid_with("", first.clone()), &observed, "02:00:00");
    assert_eq!(second, first);
    assert_eq!(first.rollout.as_ref().and_then(|it| it.state), Some(RolloutState::Complete));
    assert_eq!(first.observed_generation, Some(3));
}

#[test]
fn what_was_known_stays_while_nothing_new_is() {
    let (valid, observed) = serving("", COMMIT);
    let before = look(&valid, &observed, "01:00:00");
    let spec = "{source: {huggingFace: {repo: a/b, revision: v2}}}";
    let new = testing::from(spec, before.clone());
    let status = look(&new, &observed, "02:00:00");
    assert_eq!((&status.source, &status.model), (&before.source, &before.model));
    assert_eq!(status.history, before.history);
    assert_eq!(status.effective, before.effective);
}

#[test]
fn a_suspended_model_keeps_all_of_its_status_but_the_verdict() {
    let (valid, observed) = serving("", COMMIT);
    let before = look(&valid, &observed, "01:00:00");
    let mut model = EmbeddingModel::clone(&valid.model);
    model.status = Some(before.clone());
    let status = status_of_suspended(&model, &time("02:00:00"));
    assert_eq!(status.phase, Some(Phase::Suspended));
    let conditions = status.conditions.clone();
    let expected = EmbeddingModelStatus { phase: status.phase, conditions, ..before };
    assert_eq!(status, expected);
    let ready = status.conditions.iter().find(|it| it.type_ == "Ready").expect("it is there");
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "Suspended"));
}

#[test]
fn the_address_is_that_by_which_clients_reach_the_model() {
    for (expose, expected) in [
        ("", "http://small.search.svc:8000/v3"),
        (", expose: {service: {port: 80}}", "http://small.search.svc:80/v3"),
        (", expose: {ingress: {host: a.example.com}}", "http://a.example.com/v3"),
        (", expose: {ingress: {host: a.example.com, tlsSecret: t}}", "https://a.example.com/v3"),
        (
            ", expose: {route: {parentRefs: [{name: e}], hostnames: [\"*.example.com\", b.example.com]}}",
            "http://b.example.com/v3",
        ),
        (", expose: {route: {parentRefs: [{name: e}]}}", "http://small.search.svc:8000/v3"),
    ] {
        let valid = valid(expose);
        let status = look(&valid, &Observed::default(), "00:00:00");
        assert_eq!(status.endpoint.and_then(|it| it.url).as_deref(), Some(expected), "{expose}");
    }
}
