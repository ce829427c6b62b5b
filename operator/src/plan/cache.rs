//! How far the files of the wanted release are.

use crds::conditions::Reason;
use crds::status::Release;
use model_repository::job_report::SourceReport;

use super::{Images, JobView, Observed};
use crate::failure::Failure;
use crate::release::{self, Texts};
use crate::validate::{ValidatedModel, ValidatedSource};

/// How far the files are.
#[derive(Clone, Debug, PartialEq)]
pub enum CacheState {
    /// The commit is not known yet.
    Unresolved,
    /// A Job pulls, or is about to.
    Pulling {
        /// Whether the Job's result was lost and it must be made anew.
        again: bool,
    },
    /// The volume cannot be used yet.
    WaitingForVolume {
        /// Why.
        message: String,
    },
    /// Pulling fails; it is tried again by itself.
    Failed(Box<Failure>),
    /// The files are complete.
    Populated {
        /// What is known of them.
        report: SourceReport,
        /// The settings that they are served with.
        texts: Texts,
    },
    /// The files are complete, and the specification contradicts them.
    Contradicted {
        /// What is known of them.
        report: SourceReport,
        /// How.
        message: String,
    },
}

impl CacheState {
    /// What is known of the files, once they are complete.
    pub fn report(&self) -> Option<&SourceReport> {
        match self {
            Self::Populated { report, .. } | Self::Contradicted { report, .. } => Some(report),
            Self::Unresolved
            | Self::Pulling { .. }
            | Self::WaitingForVolume { .. }
            | Self::Failed(_) => None,
        }
    }

    /// The release with its settings and its image, once the files are complete.
    ///
    /// A release keeps the image that it was first served with unless the specification names one:
    /// another default of a newer operator restarts no pod.
    pub fn complete(
        &self,
        valid: &ValidatedModel,
        release: Release,
        old: &[Release],
        images: Images<'_>,
    ) -> Release {
        let Self::Populated { texts, report } = self else { return release };
        let name = release::config_map_name(valid, &release.key, texts);
        let before = old.iter().find(|it| it.config_map.as_deref() == Some(name.as_str()));
        let kept = before.and_then(|it| it.image.as_deref());
        let image = images.given.or(kept).unwrap_or(images.default);
        Release {
            config_map: Some(name),
            image: Some(image.to_owned()),
            size_bytes: release.size_bytes.or(i64::try_from(report.download_bytes).ok()),
            files: release.files.or(i32::try_from(report.files).ok()),
            ..release
        }
    }
}

/// Decides from the record, the Job and the volume. `resolved` is what the resolve Job reported just now.
pub fn state(
    valid: &ValidatedModel,
    target: Option<&Release>,
    resolved: Option<&SourceReport>,
    observed: &Observed,
) -> CacheState {
    let Some(target) = target else { return CacheState::Unresolved };
    let is_pulled = needs_pull(valid, target);
    if let Some(claim) = observed.claim.as_ref().filter(|_| is_pulled) {
        if claim.is_leaving {
            let message = "the volume with the files is being deleted, and is made anew when it is gone and no pod \
                           uses it";
            return CacheState::WaitingForVolume { message: message.to_owned() };
        }
        if claim.facts.phase.as_deref() == Some("Lost") {
            let message =
                "the volume's data is lost: delete the PersistentVolumeClaim to have it made anew";
            return CacheState::WaitingForVolume { message: message.to_owned() };
        }
    }
    let pull = observed.pull.as_ref().filter(|job| !job.is_leaving);
    let pulled = pull.and_then(|job| job.report.as_ref());
    let report = match is_without_volume(valid, target, observed) {
        true => None,
        false => observed.records.get(&target.key).or(pulled).or(resolved.filter(|_| !is_pulled)),
    };
    if let Some(report) = report {
        let path = target.path.clone().unwrap_or_default();
        return match release::texts(valid, &path, report) {
            Ok(texts) => CacheState::Populated { report: report.clone(), texts },
            Err(error) => {
                CacheState::Contradicted { report: report.clone(), message: error.to_string() }
            }
        };
    }
    match pull {
        None => CacheState::Pulling { again: false },
        Some(job) if job.facts.succeeded || job.facts.failed.is_some() => {
            CacheState::Pulling { again: true }
        }
        Some(JobView { failure: Some(failure), .. })
            if failure.reason == Reason::WaitingForVolume =>
        {
            CacheState::WaitingForVolume { message: failure.message.clone() }
        }
        Some(JobView { failure: Some(failure), .. }) => {
            CacheState::Failed(Box::new(failure.clone()))
        }
        Some(_) => CacheState::Pulling { again: false },
    }
}

/// Whether the volume is not there that the operator makes for the files, so that a record of what was in it
/// means nothing any more.
pub fn is_without_volume(valid: &ValidatedModel, target: &Release, observed: &Observed) -> bool {
    needs_pull(valid, target) && release::owns_volume(valid) && observed.claim.is_none()
}

/// Whether a Job pulls the release's files onto a volume.
pub fn needs_pull(valid: &ValidatedModel, target: &Release) -> bool {
    matches!(valid.source, ValidatedSource::Hub(_)) && target.claim_name.is_some()
}

#[cfg(test)]
mod tests;
