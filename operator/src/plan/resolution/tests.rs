//! Which commit a wish means: as few questions to a hub as possible, and never another answer by itself.

use crds::status::EmbeddingModelStatus;

use super::*;
use crate::facts::JobFacts;
use crate::names;
use crate::testing::{self, COMMIT, NEWER, done, plan, pulled, serving, valid};

fn commit(resolution: &Resolution) -> Option<&str> {
    resolution.release()?.resolved_revision.as_deref()
}

fn failure() -> Failure {
    crate::failure::of_unmade_pod("no")
}

#[test]
fn a_wish_without_history_waits_for_its_job() {
    let valid = valid("");
    let with = |job: Option<JobView>| Observed { resolve: job, ..Observed::default() };
    let ended = |succeeded, failed: Option<&str>| JobView {
        facts: JobFacts { succeeded, failed: failed.map(str::to_owned), ..JobFacts::default() },
        ..JobView::default()
    };
    let failing = JobView { failure: Some(failure()), ..JobView::default() };
    for (job, expected) in [
        (None, Resolution::Resolving { again: false }),
        (Some(JobView::default()), Resolution::Resolving { again: false }),
        (Some(failing), Resolution::Failed(Box::new(failure()))),
        // What it found out is lost with its pod, so it has to look again.
        (Some(ended(true, None)), Resolution::Resolving { again: true }),
        (Some(ended(false, Some("gave up"))), Resolution::Resolving { again: true }),
    ] {
        assert_eq!(decide(&valid, &with(job.clone())), expected, "{job:?}");
    }
    let resolution = decide(&valid, &with(Some(done(COMMIT))));
    assert_eq!(commit(&resolution), Some(COMMIT));
    assert!(!resolution.needs_job());
    let release = resolution.release().expect("it is resolved");
    assert_eq!((release.disk_bytes, release.files), (Some(120_000_000), Some(9)));
    assert_eq!(release.claim_name, Some(names::cache(&release.key)));
}

#[test]
fn a_commit_with_a_size_or_a_volume_needs_no_job() {
    let pinned = |cache: &str| {
        let source = format!("source: {{huggingFace: {{repo: a/b, revision: {COMMIT}}}}}");
        testing::from(&format!("{{{source}{cache}}}"), EmbeddingModelStatus::default())
    };
    for (cache, expected) in [
        (", cache: {persistentVolumeClaim: {size: 1Gi}}", Some(COMMIT)),
        (", cache: {persistentVolumeClaim: {claimName: mine}}", Some(COMMIT)),
        // How large a volume must be, or what is served without one, has to be found out.
        ("", None),
        (", cache: {persistentVolumeClaim: {storageClassName: fast}}", None),
        (", cache: {mode: Ephemeral}", None),
    ] {
        let resolution = decide(&pinned(cache), &Observed::default());
        assert_eq!(commit(&resolution), expected, "{cache}");
        assert_eq!(resolution.needs_job(), expected.is_none(), "{cache}");
    }
    let branch = valid(", cache: {persistentVolumeClaim: {size: 1Gi}}");
    assert!(decide(&branch, &Observed::default()).needs_job());
}

/// A branch that moves must not move what serves.
#[test]
fn the_same_wish_keeps_its_commit_whatever_a_job_finds() {
    let (valid, mut observed) = serving("", COMMIT);
    observed.resolve = Some(done(NEWER));
    assert_eq!(commit(&decide(&valid, &observed)), Some(COMMIT));
    // Settings that are no part of the wish change nothing about it either.
    let other = testing::valid_with(
        ", replicas: 3, pooling: CLS, truncate: true",
        valid.model.status.clone().expect("a status"),
    );
    assert_eq!(commit(&decide(&other, &observed)), Some(COMMIT));
}

#[test]
fn another_wish_is_asked_about_and_the_old_one_needs_no_job_when_it_comes_back() {
    let (old, mut observed) = serving("", COMMIT);
    let status = old.model.status.clone().expect("a status");
    let spec = |revision: &str| {
        format!("{{source: {{huggingFace: {{repo: a/b, revision: {revision}}}}}}}")
    };
    let new = testing::from(&spec("v2"), status);
    assert!(decide(&new, &observed).needs_job());
    observed.resolve = Some(done(NEWER));
    let planned = plan(&new, &observed);
    assert_eq!(commit(&planned.resolution), Some(NEWER));
    // Back again: the history has it.
    observed.resolve = None;
    let back = testing::from(
        &spec("main"),
        testing::next(&new, &planned).model.status.clone().expect("a status"),
    );
    let resolution = decide(&back, &observed);
    assert_eq!((commit(&resolution), resolution.needs_job()), (Some(COMMIT), false));
}

#[test]
fn a_refresh_asks_again() {
    let (valid, observed) = serving("", COMMIT);
    let mut model = crds::EmbeddingModel::clone(&valid.model);
    model.metadata.annotations = Some([(names::REFRESH.to_owned(), "1".to_owned())].into());
    let refreshed =
        crate::validate::validate(model.into(), &[], &testing::settings()).expect("valid");
    assert!(decide(&refreshed, &observed).needs_job());
}

/// Otherwise a change of the cache would do nothing until the next revision.
#[test]
fn another_place_for_the_files_keeps_the_commit_and_is_taken_up() {
    let named = ", cache: {persistentVolumeClaim: {claimName: mine}}";
    let ephemeral = ", cache: {mode: Ephemeral}";
    for (from, to, claim) in [
        ("", named, Some("mine")),
        ("", ephemeral, None),
        (named, ephemeral, None),
        (ephemeral, named, Some("mine")),
    ] {
        let (old, observed) = serving(from, COMMIT);
        let new = testing::valid_with(to, old.model.status.clone().expect("a status"));
        let resolution = decide(&new, &observed);
        assert_eq!(commit(&resolution), Some(COMMIT), "{from} to {to}");
        let release = resolution.release().expect("it is resolved");
        assert_eq!(release.claim_name.as_deref(), claim, "{from} to {to}");
        assert_eq!(release.disk_bytes, Some(120_000_000), "{from} to {to}");
        // And it stays so when it has become history.
        let later = testing::next(&new, &plan(&new, &observed));
        let again = decide(&later, &observed);
        assert_eq!(again.release().and_then(|it| it.claim_name.as_deref()), claim);
    }
}

#[test]
fn what_no_volume_of_the_operator_holds_is_looked_at_again_when_its_record_is_lost() {
    let folder = "{source: {persistentVolumeClaim: {claimName: mine, path: x}}}";
    for spec in ["{source: {huggingFace: {repo: a/b}}, cache: {mode: Ephemeral}}", folder] {
        let first = testing::from(spec, EmbeddingModelStatus::default());
        let mut observed = pulled(&first, COMMIT);
        let valid = testing::next(&first, &plan(&first, &observed));
        observed.resolve = None;
        assert!(!decide(&valid, &observed).needs_job(), "{spec}");
        observed.records.clear();
        assert!(decide(&valid, &observed).needs_job(), "{spec}");
    }
}
