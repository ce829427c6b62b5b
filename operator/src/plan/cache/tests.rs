//! How far files are, by what there is: records, Jobs and volumes may each be lost.

use super::*;
use crate::facts::JobFacts;
use crate::names;
use crate::plan::ClaimView;
use crate::testing::{self, COMMIT, bound, done, plan, pulled, serving, valid};

/// The state of the model's files when `change` is all that differs from files that were pulled.
fn changed(rest: &str, change: impl FnOnce(&mut Observed)) -> CacheState {
    let valid = valid(rest);
    let mut observed = pulled(&valid, COMMIT);
    change(&mut observed);
    plan(&valid, &observed).cache
}

fn job(succeeded: bool) -> JobView {
    JobView { facts: JobFacts { succeeded, ..JobFacts::default() }, ..JobView::default() }
}

fn leaving() -> ClaimView {
    ClaimView { is_leaving: true, ..bound() }
}

fn lost() -> ClaimView {
    let mut claim = bound();
    claim.facts.phase = Some("Lost".to_owned());
    claim
}

#[test]
fn a_record_on_a_volume_is_all_that_is_needed() {
    assert!(matches!(changed("", |_| {}), CacheState::Populated { .. }));
    // Also when somebody pulls again, for whatever reason.
    assert!(matches!(
        changed("", |observed| observed.pull = Some(job(false))),
        CacheState::Populated { .. }
    ));
}

#[test]
fn without_a_record_the_job_decides() {
    let failing = |reason| JobView {
        failure: Some(Failure { reason, ..crate::failure::of_unmade_pod("why") }),
        ..JobView::default()
    };
    let state = |pull: Option<JobView>| {
        changed("", |observed| {
            observed.records.clear();
            observed.pull = pull;
        })
    };
    assert_eq!(state(None), CacheState::Pulling { again: false });
    assert_eq!(state(Some(job(false))), CacheState::Pulling { again: false });
    // Its report is lost: the files are looked at again.
    assert_eq!(state(Some(job(true))), CacheState::Pulling { again: true });
    assert!(matches!(state(Some(done(COMMIT))), CacheState::Populated { .. }));
    assert!(matches!(state(Some(failing(Reason::HubError))), CacheState::Failed(_)));
    let waiting = CacheState::WaitingForVolume { message: "why".to_owned() };
    assert_eq!(state(Some(failing(Reason::WaitingForVolume))), waiting);
    let going = JobView { is_leaving: true, ..done(COMMIT) };
    assert_eq!(state(Some(going)), CacheState::Pulling { again: false });
}

/// A record that outlives its volume would have pods look for files in an empty one.
#[test]
fn a_record_of_a_volume_that_is_gone_means_nothing() {
    let gone = changed("", |observed| observed.claim = None);
    assert_eq!(gone, CacheState::Pulling { again: false });
    let with_old_job = changed("", |observed| {
        observed.claim = None;
        observed.pull = Some(JobView { facts: job(true).facts, ..done(COMMIT) });
    });
    assert_eq!(with_old_job, CacheState::Pulling { again: true });
    for claim in [leaving(), lost()] {
        let state = changed("", |observed| observed.claim = Some(claim.clone()));
        assert!(matches!(state, CacheState::WaitingForVolume { .. }), "{claim:?}: {state:?}");
    }
}

#[test]
fn volumes_that_the_operator_does_not_make_are_not_its_to_miss() {
    for rest in
        [", cache: {persistentVolumeClaim: {claimName: mine}}", ", cache: {mode: Ephemeral}"]
    {
        assert!(matches!(changed(rest, |_| {}), CacheState::Populated { .. }), "{rest}");
    }
}

#[test]
fn what_contradicts_the_files_is_told_and_what_serves_goes_on() {
    let state = changed(", limits: {maxInputTokens: 1024}", |_| {});
    let CacheState::Contradicted { message, .. } = &state else { panic!("{state:?}") };
    assert!(message.contains("1024"), "{message}");

    let (old, observed) = serving("", COMMIT);
    let status = old.model.status.clone().expect("a status");
    let new = testing::valid_with(", limits: {maxInputTokens: 1024}", status);
    let planned = plan(&new, &observed);
    let release = &planned.serving.expect("the old settings serve").release;
    assert_eq!(*release, old.model.status.as_ref().expect("a status").history[0]);
}

/// The promise of an upgrade: nothing restarts.
#[test]
fn another_image_of_a_newer_operator_is_for_new_releases_only() {
    let (valid, observed) = serving("", COMMIT);
    let upgraded = testing::plan_by(&valid, &observed, "embedserve:next");
    let image = |plan: &crate::plan::Plan| plan.serving.as_ref()?.release.image.clone();
    assert_eq!(image(&upgraded).as_deref(), Some("embedserve:test"));
    let status = || valid.model.status.clone().expect("a status");
    let other = testing::valid_with(", truncate: true", status());
    let upgraded = testing::plan_by(&other, &observed, "embedserve:next");
    assert_eq!(image(&upgraded).as_deref(), Some("embedserve:next"));
    let given = testing::valid_with(", image: {serving: \"mine:1\"}", status());
    let upgraded = testing::plan_by(&given, &observed, "embedserve:next");
    assert_eq!(image(&upgraded).as_deref(), Some("mine:1"));
}

#[test]
fn only_files_from_a_hub_are_pulled_onto_volumes() {
    for (spec, expected) in [
        ("{source: {huggingFace: {repo: a/b}}}", true),
        ("{source: {huggingFace: {repo: a/b}}, cache: {mode: Ephemeral}}", false),
        ("{source: {persistentVolumeClaim: {claimName: mine}}}", false),
    ] {
        let valid = testing::from(spec, crds::EmbeddingModelStatus::default());
        let planned = plan(&valid, &pulled(&valid, COMMIT));
        let target = planned.target.expect("it was resolved");
        assert_eq!(needs_pull(&valid, &target), expected, "{spec}");
        assert_eq!(target.claim_name == Some(names::cache(&target.key)), expected, "{spec}");
    }
}
