//! From a source to a commit and its files: what is there, how big, with which hashes. Nothing is written.

mod folder;
mod hub;
mod listing;
mod metadata;
mod via_hf_hub;

use std::path::PathBuf;

use serde::Serialize;

use crate::error::HubError;
use crate::options::HubOptions;
use crate::source::Source;

pub(crate) use hub::patiently;
pub(crate) use metadata::FileHeaders;

/// A source at one moment: a commit of a hub repository, or the content of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolved {
    /// The repository (`organisation/name`), or the folder's absolute path.
    pub repo: String,
    /// The hub's address, without user name and password; `None` for a folder.
    pub endpoint: Option<String>,
    /// The revision that was asked for, if any.
    pub requested_revision: Option<String>,
    /// The commit, 40 or 64 hexadecimal digits; for a folder `local-` and 40 digits that stand for its content.
    pub commit: String,
    /// Every file, ordered by path. The paths are safe to join to a folder.
    pub files: Vec<RepoFile>,
    /// Where the bytes come from.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where a resolved source's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The hub.
    Hub,
    /// This folder.
    Folder(PathBuf),
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepoFile {
    /// Path below the repository's root, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content, hexadecimal: of every LFS file, and of every file of a folder.
    pub sha256: Option<String>,
    /// Git's object id (SHA-1 over a header and the content), of files that are not in LFS.
    pub git_oid: Option<String>,
}

impl Resolved {
    /// The file at `path`, if there is one.
    pub fn file(&self, path: &str) -> Option<&RepoFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Finds the commit and the files of `source`.
///
/// Failures that may pass (429, 5xx, a connection that broke) are repeated as `options` say; a hub that cannot be
/// reached at all is reported at once, so that callers can turn to something else within the connect time-out.
pub async fn resolve(source: &Source, options: &HubOptions) -> Result<Resolved, HubError> {
    match source {
        Source::Hub { repo, revision } => hub::resolve(repo, revision.as_deref(), options).await,
        Source::Folder(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || folder::resolve(&path))
                .await
                .map_err(|source| HubError::Client { source: source.into() })?
        }
    }
}
