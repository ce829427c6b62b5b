//! The API key: read at start, read again while serving, compared in constant time.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use tracing::{info, warn};

use super::ApiKeySource;

/// Why there is no usable API key.
#[derive(Debug, Error)]
pub enum ApiKeyError {
    /// The key file cannot be read.
    #[error("Error reading API key file: Unable to open file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The first line of the key file is empty.
    #[error("Error reading API key file: the first line of {} is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The given key is empty.
    #[error("the API key is empty; leave it unset to serve without a key")]
    EmptyValue,
}

/// The most that is read of a key file.
const LONGEST_FILE: u64 = 64 * 1024;

type KeyDigest = [u8; 32];

/// The key that requests must show. Only its digest is kept: digests have one length, so a
/// comparison tells nothing about the key, not even how long it is.
#[derive(Debug)]
pub(crate) struct ApiKey {
    digest: ArcSwap<KeyDigest>,
    file: Option<PathBuf>,
    /// Whether the file could not be used when it was last read, and the log says so.
    is_file_broken: AtomicBool,
}

impl ApiKey {
    /// Reads the key; `None` where no key is configured.
    pub(crate) fn open(source: &ApiKeySource) -> Result<Option<Self>, ApiKeyError> {
        let (digest, file) = match source {
            ApiKeySource::None => return Ok(None),
            // No header value ends with blanks, so a key that does (a line end out of a Secret) could never be shown.
            ApiKeySource::Value(key) => match key.trim_ascii_end() {
                "" => return Err(ApiKeyError::EmptyValue),
                key => (digest(key), None),
            },
            ApiKeySource::File(path) => (read(path)?, Some(path.clone())),
        };
        let digest = ArcSwap::from_pointee(digest);
        Ok(Some(Self { digest, file, is_file_broken: AtomicBool::new(false) }))
    }

    /// Whether the key can change while serving.
    pub(crate) fn is_watched(&self) -> bool {
        self.file.is_some()
    }

    /// Reads the file again. A file that is unreadable or empty at this moment, as happens in
    /// the middle of a rotation, leaves the key as it is.
    pub(crate) fn refresh(&self) {
        let Some(path) = &self.file else { return };
        let new = match read(path) {
            Ok(new) => new,
            Err(error) => {
                // Once, not every time that the file is looked at.
                if !self.is_file_broken.swap(true, Relaxed) {
                    warn!(%error, "API key file not usable, the key before it stays valid");
                }
                return;
            }
        };
        if self.is_file_broken.swap(false, Relaxed) {
            info!(path = %path.display(), "API key file usable again");
        }
        if new != **self.digest.load() {
            self.digest.store(new.into());
            info!(path = %path.display(), "API key changed");
        }
    }

    /// Whether `Authorization` carries the key as a bearer token.
    pub(crate) fn accepts(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
        let Some((scheme, token)) = shown.and_then(|value| value.split_at_checked(7)) else {
            return false;
        };
        let key_matches = digest(token).ct_eq(&**self.digest.load());
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(key_matches)
    }
}

/// The key in a file: its first line without blanks at the end. Clients read it as the server does.
pub(crate) fn key_in_file(path: &Path) -> Result<Vec<u8>, ApiKeyError> {
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut text))
        .map_err(|source| ApiKeyError::Read { path: path.to_owned(), source })?;
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    match first_line.is_empty() {
        true => Err(ApiKeyError::EmptyFile { path: path.to_owned() }),
        false => Ok(first_line.to_vec()),
    }
}

fn read(path: &Path) -> Result<KeyDigest, ApiKeyError> {
    key_in_file(path).map(digest)
}

fn digest(key: impl AsRef<[u8]>) -> KeyDigest {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(authorization: &str) -> HeaderMap {
        let value = HeaderValue::from_str(authorization).expect("a header value");
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    #[test]
    fn only_the_exact_key_as_bearer_token_is_accepted() {
        let key = ApiKey::open(&ApiKeySource::Value("1234".into())).expect("a key").expect("some");
        for accepted in ["Bearer 1234", "bearer 1234"] {
            assert!(key.accepts(&headers(accepted)), "{accepted}");
        }
        for refused in [
            "1234",
            "Bearer",
            "Bearer ",
            "Bearer 123",
            "Bearer 12345",
            "Bearer  1234",
            "Basic 1234",
        ] {
            assert!(!key.accepts(&headers(refused)), "{refused}");
        }
        assert!(!key.accepts(&HeaderMap::new()));
    }

    #[test]
    fn a_changed_file_changes_the_key_and_a_broken_one_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "one \r\nignored\n").expect("written");
        let key = ApiKey::open(&ApiKeySource::File(path.clone())).expect("a key").expect("some");
        assert!(key.is_watched());
        assert!(key.accepts(&headers("Bearer one")));

        std::fs::write(&path, "two").expect("written");
        key.refresh();
        assert!(key.accepts(&headers("Bearer two")));
        assert!(!key.accepts(&headers("Bearer one")));

        std::fs::write(&path, "\n").expect("written");
        key.refresh();
        std::fs::remove_file(&path).expect("removed");
        key.refresh();
        assert!(key.accepts(&headers("Bearer two")));
        assert!(!key.accepts(&headers("Bearer ")));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_swapped_by_its_link_changes_the_key_as_kubernetes_does_it() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two"), ("..3", "")] {
            std::fs::create_dir(at(version)).expect("a folder");
            std::fs::write(at(version).join("key"), text).expect("written");
        }
        let point_at = |version: &str| {
            symlink(version, at("..data_tmp")).expect("linked");
            std::fs::rename(at("..data_tmp"), at("..data")).expect("renamed");
        };
        point_at("..1");
        symlink("..data/key", at("key")).expect("linked");
        let key = ApiKey::open(&ApiKeySource::File(at("key"))).expect("a key").expect("some");
        assert!(key.accepts(&headers("Bearer one")));
        point_at("..2");
        std::fs::remove_dir_all(at("..1")).expect("removed");
        key.refresh();
        assert!(key.accepts(&headers("Bearer two")) && !key.accepts(&headers("Bearer one")));
        point_at("..3");
        key.refresh();
        assert!(key.accepts(&headers("Bearer two")) && !key.accepts(&headers("Bearer ")));
    }

    #[test]
    fn a_line_end_after_a_given_key_is_no_part_of_it() {
        let source = ApiKeySource::Value("1234 \r\n".into());
        let key = ApiKey::open(&source).expect("a key").expect("some");
        assert!(key.accepts(&headers("Bearer 1234")));
        assert!(ApiKey::open(&ApiKeySource::Value("\n".into())).is_err());
    }

    #[test]
    fn a_missing_or_empty_key_stops_the_start() {
        let missing = ApiKey::open(&ApiKeySource::File("/nonexistent/key".into()));
        assert_eq!(
            missing.expect_err("no file").to_string(),
            "Error reading API key file: Unable to open file /nonexistent/key"
        );
        assert!(ApiKey::open(&ApiKeySource::Value(String::new())).is_err());
        assert!(ApiKey::open(&ApiKeySource::None).expect("no key").is_none());
    }
}
