//! SHA-256 hashes that the user demands of files, besides those that the hub states.
//!
//! A demand is for what the source holds, also where the model has something made of it. It names
//! the file as the source does, or as the model's folder does where the two differ.

use std::collections::BTreeMap;

use anyhow::Result as AnyResult;
use model_hub::{RepoFile, Selection, Staged, sha256};
use model_repository::manifest::{FileOrigin, Manifest};
use tracing::info;

use super::pull_error::PullError;

/// The demanded hashes, by path.
pub(super) type Demands = BTreeMap<String, String>;

/// Compares the demands with what is known of `files` without fetching them: stated hashes, and
/// those of the files in `read`. What nothing is known of is left to the pull.
pub(super) fn check_listed(
    demands: &Demands,
    files: &[RepoFile],
    selection: &Selection,
    read: &BTreeMap<String, Vec<u8>>,
) -> Result<(), PullError> {
    for (path, demanded) in demands {
        let file = find(path, files, selection)?;
        let of_content =
            || Some(sha256(read.get(&file.path)?)).filter(|_| file.path.ends_with(".json"));
        match file.sha256.clone().or_else(of_content) {
            Some(found) => compare(path, &found, demanded)?,
            None => info!(path, "its SHA-256 is compared when it is pulled"),
        }
    }
    Ok(())
}

/// Compares the demands with what was downloaded. Blocks; for a blocking thread.
pub(super) fn check_downloaded(
    demands: &Demands,
    selection: &Selection,
    staged: &Staged,
) -> AnyResult<()> {
    for (path, demanded) in demands {
        let file = find(path, &selection.files, selection)?;
        // A stated hash was compared with the bytes that came.
        let found = match &file.sha256 {
            Some(stated) => Some(stated.clone()),
            None => staged.downloaded_sha256(&file.path)?,
        };
        compare(path, found.as_deref().unwrap_or("nothing"), demanded)?;
    }
    Ok(())
}

/// Whether what is in a folder, which is as its manifest says, can be held against the demands:
/// not where a file was made from the one in question.
///
/// # Errors
/// A file with another hash, or one that is not there.
pub(super) fn check_installed(demands: &Demands, manifest: &Manifest) -> Result<bool, PullError> {
    for (path, demanded) in demands {
        // OpenVINO IR and ONNX lie at the top, whatever folder they came from.
        let name = path.rsplit('/').next().unwrap_or(path);
        let of = |path: &str| manifest.files.iter().find(|file| file.path == path);
        let Some(file) = of(path).or_else(|| of(name)) else { return Ok(false) };
        if file.origin == FileOrigin::Exported {
            return Ok(false);
        }
        compare(path, &file.sha256, demanded)?;
    }
    Ok(true)
}

fn find<'a>(
    path: &str,
    files: &'a [RepoFile],
    selection: &Selection,
) -> Result<&'a RepoFile, PullError> {
    let of = |path: &str| files.iter().find(|file| file.path == path);
    let placed = || {
        let served = selection.served_files();
        let (source, _) = served.iter().find(|(_, place)| *place == path)?;
        of(source)
    };
    of(path).or_else(placed).ok_or_else(|| PullError::DemandedAbsent { path: path.to_owned() })
}

fn compare(path: &str, found: &str, demanded: &str) -> Result<(), PullError> {
    if found.eq_ignore_ascii_case(demanded) {
        return Ok(());
    }
    Err(PullError::OtherHash {
        path: path.to_owned(),
        found: found.to_owned(),
        demanded: demanded.to_owned(),
    })
}
