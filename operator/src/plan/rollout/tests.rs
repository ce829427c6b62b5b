//! Which release pods serve, through good and bad changes.

use super::*;
use crate::facts::DeploymentFacts;
use crate::plan::{JobView, Plan};
use crate::testing::{self, COMMIT, NEWER, complete, done, plan, pulled, serving, time};

/// A model that serves `COMMIT`, and wants `NEWER`, whose files are there.
fn changed(rest: &str) -> (ValidatedModel, Observed) {
    let (old, mut observed) = serving("", COMMIT);
    let status = old.model.status.clone().expect("a status");
    let spec = format!("{{source: {{huggingFace: {{repo: a/b, revision: v2}}}}{rest}}}");
    let new = testing::from(&spec, status);
    let files = pulled(&new, NEWER);
    observed.records.extend(files.records);
    observed.resolve = files.resolve;
    (new, observed)
}

fn served(plan: &Plan) -> Option<&str> {
    plan.serving.as_ref()?.release.resolved_revision.as_deref()
}

/// The Deployment has been given the wanted release and made no progress.
fn time_out(plan: &Plan, observed: &mut Observed) {
    let stuck = DeploymentFacts {
        deadline_exceeded: true,
        available: 1,
        updated: 1,
        replicas: 2,
        ..complete(plan.target.as_ref().expect("it is resolved"))
    };
    observed.deployments.insert("small".to_owned(), stuck);
}

#[test]
fn the_wanted_release_is_rolled_out_when_its_files_are_there() {
    let (valid, mut observed) = changed("");
    let planned = plan(&valid, &observed);
    assert_eq!((served(&planned), planned.rollout.state), (Some(NEWER), RolloutState::Progressing));
    assert_eq!(planned.rollout.current.as_deref(), Some(COMMIT));
    let commits: Vec<_> =
        planned.history.iter().filter_map(|it| it.resolved_revision.as_deref()).collect();
    assert_eq!(commits, [NEWER, COMMIT]);
    assert_eq!(planned.history[0].served_time, None);

    let next = testing::next(&valid, &planned);
    let release = planned.serving.expect("it serves").release;
    observed.deployments.insert("small".to_owned(), complete(&release));
    observed.now = Some(time("10:00:00"));
    let planned = plan(&next, &observed);
    assert_eq!(planned.rollout.state, RolloutState::Complete);
    assert_eq!(planned.history[0].served_time, Some(time("10:00:00")));
    assert_eq!(
        (planned.rollout.current.as_deref(), planned.rollout.previous.as_deref()),
        (Some(NEWER), Some(COMMIT))
    );
}

#[test]
fn until_the_files_of_a_new_revision_are_there_the_old_one_serves() {
    let (valid, mut observed) = changed("");
    observed.records.retain(|_, report| report.commit == COMMIT);
    let mut jobs = vec![None, Some(JobView::default())];
    jobs.push(Some(JobView {
        failure: Some(crate::failure::of_unmade_pod("the hub is away")),
        ..JobView::default()
    }));
    for pull in jobs {
        observed.pull = pull;
        let planned = plan(&valid, &observed);
        assert_eq!(served(&planned), Some(COMMIT), "{:?}", observed.pull);
        assert!(planned.serving.as_ref().expect("it serves").texts.is_none());
    }
    // Nor does it matter that the revision does not even exist.
    observed.resolve = Some(JobView {
        failure: Some(crate::failure::of_unmade_pod("no such revision")),
        ..JobView::default()
    });
    assert_eq!(served(&plan(&valid, &observed)), Some(COMMIT));
}

#[test]
fn a_rollout_that_times_out_goes_back_and_is_not_tried_again_until_something_changes() {
    let (valid, mut observed) = changed("");
    let planned = plan(&valid, &observed);
    let valid = testing::next(&valid, &planned);
    time_out(&planned, &mut observed);
    let back = plan(&valid, &observed);
    assert_eq!((served(&back), back.rollout.state), (Some(COMMIT), RolloutState::RolledBack));
    assert!(back.rollout.message.contains(&NEWER[..8]), "{}", back.rollout.message);
    assert_eq!(back.history[0].failed_generation, Some(valid.generation));

    // The old pods serve again, and nothing says any more that it failed but the history.
    let valid = testing::next(&valid, &back);
    let old = &back.serving.as_ref().expect("it serves").release;
    observed.deployments.insert("small".to_owned(), complete(old));
    let later = plan(&valid, &observed);
    assert_eq!((served(&later), later.rollout.state), (Some(COMMIT), RolloutState::RolledBack));

    let mut model = crds::EmbeddingModel::clone(&valid.model);
    model.metadata.generation = Some(valid.generation + 1);
    let edited =
        crate::validate::validate(model.into(), &[], &testing::settings()).expect("it is valid");
    let again = plan(&edited, &observed);
    assert_eq!((served(&again), again.rollout.state), (Some(NEWER), RolloutState::Progressing));
    assert_eq!(again.history[0].failed_generation, None);
}

#[test]
fn without_auto_rollback_or_without_anything_to_go_back_to_a_time_out_is_a_failure() {
    let (valid, mut observed) = changed(", rollout: {autoRollback: false}");
    let planned = plan(&valid, &observed);
    time_out(&planned, &mut observed);
    let failed = plan(&testing::next(&valid, &planned), &observed);
    assert_eq!((served(&failed), failed.rollout.state), (Some(NEWER), RolloutState::Failed));

    let first = testing::valid("");
    let mut observed = pulled(&first, COMMIT);
    let planned = plan(&first, &observed);
    time_out(&planned, &mut observed);
    let failed = plan(&testing::next(&first, &planned), &observed);
    assert_eq!((served(&failed), failed.rollout.state), (Some(COMMIT), RolloutState::Failed));
}

/// A change of resources or nodes that does not work is not the release's fault: the release before would
/// fail too, or answer with other vectors.
#[test]
fn a_release_that_has_served_is_not_taken_back_when_another_change_times_out() {
    let (valid, mut observed) = changed("");
    let planned = plan(&valid, &observed);
    let release = planned.serving.clone().expect("it serves").release;
    observed.deployments.insert("small".to_owned(), complete(&release));
    let valid = testing::next(&valid, &planned);
    let planned = plan(&valid, &observed);
    let valid = testing::next(&valid, &planned);
    time_out(&planned, &mut observed);
    let failed = plan(&valid, &observed);
    assert_eq!((served(&failed), failed.rollout.state), (Some(NEWER), RolloutState::Failed));
}

#[test]
fn a_paused_change_waits_and_a_first_rollout_does_not() {
    let (valid, observed) = changed(", rollout: {paused: true}");
    let planned = plan(&valid, &observed);
    assert_eq!((served(&planned), planned.rollout.state), (Some(COMMIT), RolloutState::Paused));
    assert!(planned.serving.as_ref().expect("it serves").texts.is_none());

    let first = testing::valid(", rollout: {paused: true}");
    let planned = plan(&first, &pulled(&first, COMMIT));
    assert_eq!(served(&planned), Some(COMMIT));
}

/// A rollback by the user: no Job, no download, the same image as then.
#[test]
fn an_old_specification_finds_its_release_with_its_image() {
    let (new, mut observed) = changed("");
    let planned = testing::plan_by(&new, &observed, "embedserve:next");
    assert_eq!(
        planned.serving.as_ref().expect("it serves").release.image.as_deref(),
        Some("embedserve:next")
    );
    let new = testing::next(&new, &planned);
    observed.resolve = None;
    let status = new.model.status.clone().expect("a status");
    let back = testing::valid_with("", status);
    let planned = testing::plan_by(&back, &observed, "embedserve:next");
    let release = &planned.serving.as_ref().expect("it serves").release;
    assert_eq!(release.resolved_revision.as_deref(), Some(COMMIT));
    assert_eq!(release.image.as_deref(), Some("embedserve:test"));
    assert!(!planned.resolution.needs_job());
    assert!(matches!(planned.cache, CacheState::Populated { .. }));
}

#[test]
fn as_many_releases_are_kept_as_the_specification_says_and_what_serves_always() {
    let release = |number: usize, served: Option<&str>| Release {
        request: format!("r{number}"),
        key: format!("k{number}"),
        config_map: Some(format!("small-{number:010}")),
        served_time: served.map(time),
        ..Release::default()
    };
    let old = [
        release(1, Some("01:00:00")),
        release(2, None),
        release(3, Some("03:00:00")),
        release(4, Some("04:00:00")),
    ];
    let target = release(5, None);
    let keys = |limit: i32, serving: Option<&Release>| -> Vec<String> {
        let valid = testing::valid(&format!(", rollout: {{historyLimit: {limit}}}"));
        let decided = Decided {
            serving: serving.cloned(),
            serves_target: false,
            target_failed: false,
            plan: RolloutPlan {
                state: RolloutState::Progressing,
                message: String::new(),
                current: None,
                previous: None,
            },
        };
        let kept = history(&valid, &decided, Some(&target), &old, &Observed::default());
        kept.into_iter().map(|release| release.key).collect()
    };
    assert_eq!(keys(2, None), ["k5", "k4", "k3"]);
    assert_eq!(keys(10, None), ["k5", "k4", "k3", "k1"], "what never served is of no use");
    assert_eq!(keys(1, Some(&old[0])), ["k5", "k1"], "what serves is kept");
}

#[test]
fn a_release_counts_as_served_only_when_pods_have_answered_with_it() {
    let valid = testing::valid("");
    let mut observed = pulled(&valid, COMMIT);
    let planned = plan(&valid, &observed);
    let release = planned.serving.as_ref().expect("it serves").release.clone();
    let at = |facts: DeploymentFacts| [("small".to_owned(), facts)].into();
    for unfinished in [
        DeploymentFacts { available: 0, ..complete(&release) },
        DeploymentFacts { is_observed: false, ..complete(&release) },
        DeploymentFacts { replicas: 2, ..complete(&release) },
        DeploymentFacts { release: Some("other".to_owned()), ..complete(&release) },
        DeploymentFacts { wanted: 0, replicas: 0, updated: 0, available: 0, ..complete(&release) },
    ] {
        observed.deployments = at(unfinished.clone());
        assert_eq!(plan(&valid, &observed).history[0].served_time, None, "{unfinished:?}");
    }
    observed.deployments = at(complete(&release));
    assert!(plan(&valid, &observed).history[0].served_time.is_some());
}

/// Its record is what says which settings pods had: without it nothing is built, and nothing is taken away.
#[test]
fn a_release_without_its_record_is_left_alone_until_its_files_are_pulled_again() {
    let (valid, mut observed) = serving("", COMMIT);
    observed.records.clear();
    let planned = plan(&valid, &observed);
    assert_eq!(planned.cache, CacheState::Pulling { again: false });
    assert!(planned.serving.is_none());
    assert_eq!(
        planned.history[0].served_time,
        valid.model.status.as_ref().expect("a status").history[0].served_time
    );
    observed.pull = Some(done(COMMIT));
    assert_eq!(served(&plan(&valid, &observed)), Some(COMMIT));
}
