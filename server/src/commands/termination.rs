//! The last act of a Job: its outcome, written where Kubernetes looks for it.

use std::path::Path;

use model_repository::job_report::{FailureReport, JobReport, SourceReport};
use tracing::warn;

use super::failure::failure;
use crate::cli::{Exit, UsageError};

/// Writes what became of the work, if anybody wants it, and hands on whether it is done.
pub(super) fn reported(
    outcome: anyhow::Result<SourceReport>,
    path: Option<&Path>,
) -> anyhow::Result<Exit> {
    let report = match &outcome {
        Ok(source) => JobReport::Done(source.clone()),
        Err(error) => JobReport::Failed(failure(error)),
    };
    write(&report, path);
    outcome.map(|_| Exit::Ok)
}

/// The same for a group that was looked for.
pub(super) fn reported_group(
    outcome: anyhow::Result<u32>,
    path: Option<&Path>,
) -> anyhow::Result<Exit> {
    let report = match &outcome {
        Ok(gid) => JobReport::RenderGroup { gid: *gid },
        Err(error) => JobReport::Failed(failure(error)),
    };
    write(&report, path);
    outcome.map(|_| Exit::Ok)
}

/// The same for a command line that means nothing.
pub(super) fn refused(error: &UsageError) {
    let report = FailureReport {
        reason: crds::conditions::Reason::PullFailed.as_str().to_owned(),
        message: error.to_string(),
        http_status: None,
    };
    write(&JobReport::Failed(report), error.termination_message_path());
}

/// Writes into the file as it is: Kubernetes mounts it, so that nothing can be renamed to it.
/// The work counts, not the report: a failure to write is only told.
fn write(report: &JobReport, path: Option<&Path>) {
    let Some(path) = path else { return };
    if let Err(error) = std::fs::write(path, report.render()) {
        warn!(path = %path.display(), %error, "the outcome was not written");
    }
}
