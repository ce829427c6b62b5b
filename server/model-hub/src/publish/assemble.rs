//! Filling the folder that will be published: downloaded files by hard link, and the manifest.

use std::path::Path;

use model_repository::manifest::{self, FileOrigin, Manifest, ManifestFile, rfc3339};

use super::{PublishError, Staged};
use crate::checksum;
use crate::path;
use crate::resolve::Resolved;

impl Staged {
    /// Places downloaded files in the model's folder: pairs of a path in the repository and a path in the model
    /// (`Selection::served_files`). They are linked, not copied, where the file system can: replace them, do not write
    /// into them. Files that are there already are replaced.
    pub fn place_files<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), PublishError> {
        for (from, to) in files {
            path::check(from).and_then(|()| path::check(to)).map_err(PublishError::Name)?;
            let (source, place) = (self.source_dir().join(from), self.model_dir().join(to));
            link_or_copy(&source, &place)
                .map_err(|error| PublishError::Link { path: source, source: error })?;
            self.linked
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .insert(to.to_owned(), from.to_owned());
        }
        Ok(())
    }

    /// Says that the file at `path` of the model, which was placed, is another one now: made, not downloaded.
    pub fn mark_made(&self, path: &str) {
        self.linked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(path);
    }

    /// SHA-256 of a downloaded file as it came, hexadecimal, whatever became of it in the model; `None` if there is no
    /// such file. Blocks; for a blocking thread.
    pub fn downloaded_sha256(&self, path: &str) -> Result<Option<String>, PublishError> {
        let Some(file) = self.files.iter().find(|file| file.path == path) else { return Ok(None) };
        let (_, sha256) = checksum::sha256_of_file(&self.staging.whole(file))
            .map_err(|source| PublishError::Read { path: self.staging.whole(file), source })?;
        Ok(Some(sha256))
    }

    /// Writes the manifest of what the model's folder holds now, with the hash of every file; to be called last.
    /// `weight_format` is the precision of the weights, if known. Blocks; for a blocking thread.
    pub fn write_manifest(
        &self,
        resolved: &Resolved,
        weight_format: Option<&str>,
        tool_version: &str,
    ) -> Result<Manifest, PublishError> {
        let linked = self.linked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let mut files = Vec::new();
        for path in paths_below(self.model_dir(), "")? {
            if path == manifest::FILE_NAME {
                continue;
            }
            let origin = if linked.contains_key(&path) {
                FileOrigin::Downloaded
            } else {
                FileOrigin::Exported
            };
            files.push(described(self.model_dir(), path, origin)?);
        }
        for file in &self.files {
            let placed = linked.values().any(|from| *from == file.path);
            if !placed && !files.iter().any(|listed| listed.path == file.path) {
                files.push(match &file.sha256 {
                    Some(sha256) => ManifestFile {
                        path: file.path.clone(),
                        size: file.size,
                        sha256: sha256.clone(),
                        origin: FileOrigin::Source,
                    },
                    None => described(self.source_dir(), file.path.clone(), FileOrigin::Source)?,
                });
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let manifest = Manifest {
            tool_version: tool_version.to_owned(),
            repo: resolved.repo.clone(),
            revision: resolved.requested_revision.clone(),
            commit: resolved.commit.clone(),
            endpoint: resolved.endpoint.clone(),
            time: rfc3339(std::time::SystemTime::now()),
            weight_format: weight_format.map(str::to_owned),
            files,
        };
        manifest.write(self.model_dir()).map_err(PublishError::Manifest)?;
        Ok(manifest)
    }
}

fn described(
    folder: &Path,
    path: String,
    origin: FileOrigin,
) -> Result<ManifestFile, PublishError> {
    let real = folder.join(&path);
    let (size, sha256) = checksum::sha256_of_file(&real)
        .map_err(|source| PublishError::Read { path: real, source })?;
    Ok(ManifestFile { path, size, sha256, origin })
}

fn link_or_copy(source: &Path, place: &Path) -> std::io::Result<()> {
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    crate::target::remove_if_present(place)?;
    match std::fs::hard_link(source, place) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(error),
        // Not every file system has hard links.
        Err(_) => std::fs::copy(source, place).map(|_| ()),
    }
}

fn paths_below(folder: &Path, prefix: &str) -> Result<Vec<String>, PublishError> {
    let unreadable = |source| PublishError::Read { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(unreadable)?.is_dir() {
            paths.extend(paths_below(&entry.path(), &format!("{path}/"))?);
        } else {
            paths.push(path);
        }
    }
    Ok(paths)
}
