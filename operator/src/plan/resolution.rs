//! Which commit is meant.
//!
//! A wish (repository, revision, choice of files, weight format) is resolved to a commit once, by a Job.
//! As long as the wish stays the same, or comes back while its release is kept, so does the commit: a
//! rollback asks nobody, and a branch that moves changes nothing by itself.

use crds::spec::CacheMode;
use crds::status::Release;
use model_repository::job_report::SourceReport;

use super::{JobView, Observed};
use crate::failure::Failure;
use crate::identity;
use crate::release;
use crate::validate::{ValidatedModel, ValidatedSource};

/// How far resolving is.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The commit is known.
    Resolved {
        /// The release, its files not necessarily there yet.
        release: Box<Release>,
        /// What the Job reported, if it was asked just now.
        report: Option<Box<SourceReport>>,
    },
    /// A Job has to find it out.
    Resolving {
        /// Whether the Job's result was lost and it must be made anew.
        again: bool,
    },
    /// The Job fails; it is tried again by itself.
    Failed(Box<Failure>),
}

impl Resolution {
    /// The release, if the commit is known.
    pub fn release(&self) -> Option<&Release> {
        match self {
            Self::Resolved { release, .. } => Some(release),
            Self::Resolving { .. } | Self::Failed(_) => None,
        }
    }

    /// What the Job reported just now.
    pub fn report(&self) -> Option<&SourceReport> {
        match self {
            Self::Resolved { report, .. } => report.as_deref(),
            Self::Resolving { .. } | Self::Failed(_) => None,
        }
    }

    /// Whether a Job must be there.
    pub fn needs_job(&self) -> bool {
        !matches!(self, Self::Resolved { .. })
    }
}

/// Decides from the wish, the releases that are kept and the Job.
pub fn decide(valid: &ValidatedModel, observed: &Observed) -> Resolution {
    let kept =
        valid.model.status.as_ref().map(|status| status.history.as_slice()).unwrap_or_default();
    let known = || kept.iter().filter(|release| release.request == valid.request);
    let is_in_place =
        |release: &Release| release::claim_name(valid, &release.key) == release.claim_name;
    // Where nothing is pulled, the record is all that says what is in the folder.
    let is_usable = |key: &str| !depends_on_record(valid) || observed.records.contains_key(key);
    if let Some(release) = known().find(|it| is_in_place(it) && is_usable(&it.key)) {
        return resolved(release.clone(), None);
    }
    if let Some(release) = known().find(|it| !is_in_place(it) && is_usable(&it.key)) {
        return moved(valid, release, observed.records.get(&release.key));
    }
    if let Some(commit) = given_commit(valid) {
        let release = release_of(valid, commit, None);
        return resolved(release, None);
    }
    match &observed.resolve {
        None => Resolution::Resolving { again: false },
        Some(JobView { report: Some(report), .. }) => {
            let mut release = release_of(valid, &report.commit, Some(report));
            release.resolved_time = observed.now.clone();
            resolved(release, Some(Box::new(report.clone())))
        }
        Some(job) if job.facts.succeeded || job.facts.failed.is_some() => {
            Resolution::Resolving { again: true }
        }
        Some(JobView { failure: Some(failure), .. }) => {
            Resolution::Failed(Box::new(failure.clone()))
        }
        Some(_) => Resolution::Resolving { again: false },
    }
}

/// The same commit with its files in another place, because the cache is another.
fn moved(valid: &ValidatedModel, known: &Release, report: Option<&SourceReport>) -> Resolution {
    let commit = known.resolved_revision.as_deref().unwrap_or_default();
    let release = Release {
        resolved_time: known.resolved_time.clone(),
        disk_bytes: known.disk_bytes,
        size_bytes: known.size_bytes,
        files: known.files,
        ..release_of(valid, commit, report)
    };
    resolved(release, report.cloned().map(Box::new))
}

fn resolved(release: Release, report: Option<Box<SourceReport>>) -> Resolution {
    Resolution::Resolved { release: Box::new(release), report }
}

/// Whether nothing but the resolve Job says what the files are.
fn depends_on_record(valid: &ValidatedModel) -> bool {
    matches!(valid.source, ValidatedSource::Volume { .. })
        || valid.model.spec.cache.mode == CacheMode::Ephemeral
}

/// The commit that the specification names itself, if also the size is given, so that there is
/// nothing to find out.
fn given_commit(valid: &ValidatedModel) -> Option<&str> {
    let ValidatedSource::Hub(hub) = &valid.source else { return None };
    let cache = &valid.model.spec.cache;
    let volume = cache.persistent_volume_claim.as_ref()?;
    let has_size = volume.size.is_some() || volume.claim_name.is_some();
    (cache.mode == CacheMode::PersistentVolumeClaim
        && has_size
        && identity::is_commit(&hub.revision))
    .then_some(hub.revision.as_str())
}

fn release_of(valid: &ValidatedModel, commit: &str, report: Option<&SourceReport>) -> Release {
    let key = identity::cache_key(&valid.model, commit);
    let requested_revision = match &valid.source {
        ValidatedSource::Hub(hub) => Some(hub.revision.clone()),
        ValidatedSource::Volume { .. } => None,
    };
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Release {
        request: valid.request.clone(),
        requested_revision,
        resolved_revision: Some(commit.to_owned()),
        disk_bytes: report.map(|report| count(report.disk_bytes)),
        size_bytes: report.map(|report| count(report.download_bytes)),
        files: report.map(|report| i32::try_from(report.files).unwrap_or(i32::MAX)),
        claim_name: release::claim_name(valid, &key),
        path: Some(release::path(valid, &key)),
        key,
        ..Release::default()
    }
}

#[cfg(test)]
mod tests;
