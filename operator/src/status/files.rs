//! What the status says of files: which commit, how far the pull is, and where they lie.

use crds::status::{CacheStatus, PullError, PullStatus, SourceStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::build::Inputs;
use crate::names;
use crate::plan::CacheState;

pub(super) fn source(inputs: Inputs<'_>) -> Option<SourceStatus> {
    let Inputs { valid, plan, .. } = inputs;
    let release = plan.resolution.release()?;
    let commit = release.resolved_revision.clone().unwrap_or_default();
    let report = plan.cache.report().or(plan.resolution.report());
    let old = valid.model.status.as_ref().and_then(|status| status.source.as_ref());
    let old_digest = old
        .filter(|old| old.resolved_revision.as_ref() == Some(&commit))
        .and_then(|old| old.digest.clone());
    Some(SourceStatus {
        requested_revision: release.requested_revision.clone(),
        short_revision: Some(commit.trim_start_matches("local-").chars().take(8).collect()),
        digest: report
            .map(|report| report.digest.clone())
            .filter(|it| !it.is_empty())
            .or(old_digest),
        size_bytes: release
            .size_bytes
            .or_else(|| report.and_then(|report| i64::try_from(report.download_bytes).ok())),
        files: release.files.or_else(|| report.and_then(|report| i32::try_from(report.files).ok())),
        resolved_time: release.resolved_time.clone(),
        resolved_revision: Some(commit),
    })
}

pub(super) fn pull(inputs: Inputs<'_>, now: &Time) -> Option<PullStatus> {
    let Inputs { plan, observed, .. } = inputs;
    let target = plan.target.as_ref()?;
    if let Some(report) = plan.cache.report() {
        let bytes = i64::try_from(report.download_bytes).ok();
        return Some(PullStatus {
            bytes_done: bytes,
            bytes_total: bytes,
            percent: Some(100),
            ..PullStatus::default()
        });
    }
    let job = observed.pull.as_ref()?;
    let progress = observed.progress.as_ref();
    let count = |number: u64| i64::try_from(number).ok();
    let total = progress.and_then(|it| count(it.bytes_total?)).or(target.size_bytes);
    let done = progress.and_then(|it| count(it.bytes_done));
    let percent = match (done, total) {
        (Some(done), Some(total)) if total > 0 => {
            i32::try_from(100 * i128::from(done) / i128::from(total)).ok()
        }
        _ => None,
    };
    let failure = match &plan.cache {
        CacheState::Failed(failure) => Some(failure.as_ref()),
        _ => None,
    };
    Some(PullStatus {
        job: Some(names::pull_job(&target.key)),
        attempt: Some(job.attempt.max(1)),
        bytes_done: done,
        bytes_total: total,
        percent: percent.map(|percent| percent.min(100)),
        bytes_per_second: progress.and_then(|it| count(it.bytes_per_second?)),
        eta_seconds: progress.and_then(|it| count(it.eta_seconds?)),
        last_error: failure.map(|failure| PullError {
            reason: Some(failure.reason.as_str().to_owned()),
            message: Some(failure.message.clone()),
            http_status: failure.http_status.map(i32::from),
            time: failure.time.clone().or_else(|| Some(now.clone())),
        }),
    })
    .map(|status| keep_error_time(inputs, status))
}

/// An error without a time of its own keeps the time at which it was first seen.
fn keep_error_time(inputs: Inputs<'_>, mut status: PullStatus) -> PullStatus {
    let old = inputs.valid.model.status.as_ref().and_then(|status| status.pull.as_ref());
    if let (Some(error), Some(before)) =
        (status.last_error.as_mut(), old.and_then(|old| old.last_error.as_ref()))
        && (&error.reason, &error.message) == (&before.reason, &before.message)
        && before.time.is_some()
    {
        error.time.clone_from(&before.time);
    }
    status
}

pub(super) fn cache(inputs: Inputs<'_>) -> Option<CacheStatus> {
    let Inputs { valid, plan, observed, .. } = inputs;
    let target = plan.target.as_ref()?;
    let old = valid.model.status.as_ref().and_then(|status| status.cache.as_ref());
    let verified = old
        .filter(|old| old.key.as_ref() == Some(&target.key))
        .and_then(|old| old.verified_time.clone());
    Some(CacheStatus {
        claim_name: target.claim_name.clone(),
        key: Some(target.key.clone()),
        path: target.path.clone(),
        shared_with: observed.shared_with.clone(),
        verified_time: match plan.cache.report() {
            Some(_) => verified.or_else(|| observed.now.clone()),
            None => None,
        },
    })
}
