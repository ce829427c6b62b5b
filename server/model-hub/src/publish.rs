//! Putting a finished model into its place in one step.
//!
//! The staging is on the target's file system, so that a rename is all it takes. A model that is already there is
//! exchanged with the new one by `renameat2(RENAME_EXCHANGE)`: at every moment the name leads to one of the two, whole.
//! File systems without that (NFS, some FUSE ones) get two renames; a kill between them is mended by the next pull
//! ([`recover`]).

mod assemble;
mod durable;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::HubError;
use crate::resolve::RepoFile;
use crate::staging::Staging;
use crate::target::{Target, TargetLock, remove_if_present};

/// Where a model is kept between the two renames of a file system that cannot exchange.
const REPLACED: &str = "replaced";

/// A download that is whole and verified, and the folder to put the model together in. The lock on the target is held
/// until this is published or dropped; dropped, everything stays for the next pull.
#[derive(Debug)]
pub struct Staged {
    staging: Arc<Staging>,
    files: Vec<RepoFile>,
    /// Placed files: path in the model, path in the repository.
    linked: Mutex<BTreeMap<String, String>>,
}

/// Why a model could not be put together or into its place. The old one, if any, is untouched.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is nothing to publish.
    #[error("the model's folder {} is empty: nothing was published", path.display())]
    Empty {
        /// The staged folder.
        path: PathBuf,
    },
    /// A file name that is not one.
    #[error("a file cannot be placed in the model's folder")]
    Name(#[source] crate::path::UnsafePath),
    /// A downloaded file could not be placed in the model's folder.
    #[error("failed to place {} in the model's folder: check the free space and the permissions of the model repository", path.display())]
    Link {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A staged file could not be read for the manifest.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The manifest could not be written.
    #[error("failed to describe the model's files")]
    Manifest(#[source] model_repository::manifest::ManifestError),
    /// The data did not reach the disk.
    #[error("failed to write {} through to the disk: the disk may be full or failing", path.display())]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The rename failed.
    #[error("failed to move the model to {}: the folder must be on the same file system as the model repository, not be a mount point, and be writable", path.display())]
    Move {
        /// The target.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl PublishError {
    /// A constant word for this kind of failure: a reason in a condition, a label of a metric.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "Empty",
            Self::Name(_) => "UnsafePath",
            Self::Manifest(_) => "Io",
            Self::Link { source, .. }
            | Self::Read { source, .. }
            | Self::Sync { source, .. }
            | Self::Move { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "NoSpace",
                _ => "Io",
            },
        }
    }
}

impl Staged {
    pub(crate) fn new(staging: Arc<Staging>, files: Vec<RepoFile>) -> Self {
        Self { staging, files, linked: Mutex::default() }
    }

    /// The downloaded files, as they lie in the repository. Not published.
    pub fn source_dir(&self) -> &Path {
        self.staging.source()
    }

    /// The folder that will be published; empty at first.
    pub fn model_dir(&self) -> &Path {
        self.staging.model()
    }

    /// The folder that holds both, on the target's file system.
    pub fn dir(&self) -> &Path {
        self.staging.folder()
    }

    /// Where the model will be.
    pub fn target_dir(&self) -> PathBuf {
        self.staging.lock().target().path()
    }

    /// Writes the model through to the disk and puts it in the place of the target, in one step. What was there, and
    /// the downloaded files, are removed afterwards. Blocks; for a blocking thread.
    pub fn publish(self) -> Result<(), PublishError> {
        let (model, target) = (self.model_dir(), self.target_dir());
        let is_empty = std::fs::read_dir(model)
            .and_then(|mut entries| entries.next().transpose())
            .map_err(|source| PublishError::Read { path: model.to_owned(), source })?;
        if is_empty.is_none() {
            return Err(PublishError::Empty { path: model.to_owned() });
        }
        durable::sync_tree(model)?;
        let parent = target.parent().unwrap_or(&target);
        durable::create_folders(self.staging.lock().target().repository(), parent)?;
        let aside = self.staging.lock().staging_folder().join(REPLACED);
        put_in_place(model, &target, &aside, exchange)
            .map_err(|source| PublishError::Move { path: target.clone(), source })?;
        durable::sync_folder(parent)?;
        let leftovers = self.staging.lock().staging_folder();
        if let Err(error) = remove_if_present(&leftovers) {
            // The model is in place; the next pull of it removes them.
            tracing::warn!(path = %leftovers.display(), %error, "left-over files of this pull were not removed");
        }
        Ok(())
    }
}

fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}

/// Renames `model` to `target`; what is at `target` ends up in the place of `model` or at `aside`.
fn put_in_place(
    model: &Path,
    target: &Path,
    aside: &Path,
    exchange: impl Fn(&Path, &Path) -> Result<(), Errno>,
) -> io::Result<()> {
    if std::fs::symlink_metadata(target).is_err() {
        return std::fs::rename(model, target);
    }
    match exchange(model, target) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    remove_if_present(aside)?;
    std::fs::rename(target, aside)?;
    std::fs::rename(model, target).inspect_err(|_| {
        // The old model must not stay away.
        let _ = std::fs::rename(aside, target);
    })
}

/// Refuses a target that no rename from `staging` can reach: below a file, or on another file system.
pub(crate) fn require_place(target: &Target, staging: &Path) -> Result<(), HubError> {
    let path = target.path();
    let facts_of = |path: &Path| match std::fs::metadata(path) {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(HubError::Io { action: "look at", path: path.to_owned(), source }),
    };
    let unusable = |path: &Path, reason| HubError::TargetPlace { path: path.to_owned(), reason };
    let Some(here) = facts_of(staging)? else { return Ok(()) };
    for above in path.ancestors().skip(1) {
        let Some(facts) = facts_of(above)? else { continue };
        if !facts.is_dir() {
            let reason = "it is not a folder; move it away or choose another model repository path";
            return Err(unusable(above, reason));
        }
        if facts.dev() != here.dev() {
            let reason = "it is on another file system than the model repository; choose a model \
                          repository path on that file system";
            return Err(unusable(above, reason));
        }
        break;
    }
    // A link that is the target itself is replaced, whatever it leads to.
    match std::fs::symlink_metadata(&path) {
        Ok(facts) if facts.is_dir() && facts.dev() != here.dev() => {
            Err(unusable(&path, "it is a mount point; choose a folder below it"))
        }
        _ => Ok(()),
    }
}

/// Puts back a model that a pull was about to replace when it was killed between two renames.
pub(crate) fn recover(lock: &TargetLock) -> Result<(), HubError> {
    let (aside, target) = (lock.staging_folder().join(REPLACED), lock.target().path());
    if std::fs::symlink_metadata(&aside).is_err() {
        return Ok(());
    }
    if std::fs::symlink_metadata(&target).is_ok() {
        return crate::staging::remove(&aside);
    }
    tracing::info!(path = %target.display(), "putting back the model that an interrupted pull was replacing");
    std::fs::rename(&aside, &target).map_err(|source| HubError::Io {
        action: "put back",
        path: target,
        source,
    })
}

#[cfg(test)]
mod tests;
