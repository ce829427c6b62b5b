//! Hashes of files, read in pieces.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::resolve::RepoFile;

/// Bytes read at a time.
pub(crate) const PIECE: usize = 1 << 20;

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// SHA-256 of `bytes`, in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Size and SHA-256 of the file at `path`.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<(u64, String)> {
    let (size, digest) = digest_of_file(path, Sha256::new())?;
    Ok((size, digest))
}

/// Size and git object id (the SHA-1 that git gives a blob of this content) of the file at `path`.
fn git_oid_of_file(path: &Path) -> io::Result<(u64, String)> {
    let size = std::fs::metadata(path)?.len();
    digest_of_file(path, Sha1::new_with_prefix(format!("blob {size}\0")))
}

fn digest_of_file<D: Digest>(path: &Path, mut digest: D) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&piece[..read]);
        size += read as u64;
    }
    Ok((size, hexadecimal(&digest.finalize())))
}

/// How a file differs from what was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Another length.
    Size {
        /// Bytes that are there.
        got: u64,
    },
    /// Another content.
    Hash {
        /// The promised hash.
        expected: String,
        /// The hash of what is there.
        got: String,
    },
}

/// Compares the file at `path` with what `promised` says: always the size, and the strongest hash that is known.
pub(crate) fn compare(path: &Path, promised: &RepoFile) -> io::Result<Option<Difference>> {
    let length = std::fs::metadata(path)?.len();
    let sha256 = || Ok(sha256_of_file(path)?.1);
    compare_with(promised, length, sha256, || Ok(git_oid_of_file(path)?.1))
}

/// As [`compare`], of bytes in memory.
pub(crate) fn compare_bytes(bytes: &[u8], promised: &RepoFile) -> Option<Difference> {
    let length = bytes.len() as u64;
    let git_oid = || {
        let blob = Sha1::new_with_prefix(format!("blob {length}\0")).chain_update(bytes);
        Ok::<_, Infallible>(hexadecimal(&blob.finalize()))
    };
    let Ok(difference) = compare_with(promised, length, || Ok(sha256(bytes)), git_oid);
    difference
}

/// The size decides first, then the strongest hash that is known, which alone is calculated.
fn compare_with<E>(
    promised: &RepoFile,
    length: u64,
    sha256: impl FnOnce() -> Result<String, E>,
    git_oid: impl FnOnce() -> Result<String, E>,
) -> Result<Option<Difference>, E> {
    if length != promised.size {
        return Ok(Some(Difference::Size { got: length }));
    }
    let (expected, got) = match (&promised.sha256, &promised.git_oid) {
        (Some(expected), _) => (expected, sha256()?),
        (None, Some(expected)) => (expected, git_oid()?),
        (None, None) => return Ok(None),
    };
    Ok((*expected != got).then(|| Difference::Hash { expected: expected.clone(), got }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("content");
        file
    }

    fn promised(size: u64, sha256: Option<&str>, git_oid: Option<&str>) -> RepoFile {
        RepoFile {
            path: "x".into(),
            size,
            sha256: sha256.map(str::to_owned),
            git_oid: git_oid.map(str::to_owned),
        }
    }

    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        let hello = file(b"hello\n");
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(sha256_of_file(hello.path()).expect("read"), (6, sha256.to_owned()));
        // `git hash-object` of the same content.
        let oid = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(git_oid_of_file(hello.path()).expect("read"), (6, oid.to_owned()));
    }

    #[test]
    fn a_file_larger_than_one_piece_is_hashed_whole() {
        let content = vec![7u8; 2 * PIECE + 3];
        let expected = hexadecimal(&Sha256::digest(&content));
        assert_eq!(
            sha256_of_file(file(&content).path()).expect("read"),
            (content.len() as u64, expected)
        );
    }

    #[test]
    fn size_then_sha256_then_git_oid_decide() {
        let hello = file(b"hello\n");
        let compare = |promised: RepoFile| compare(hello.path(), &promised).expect("read");
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let oid = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(compare(promised(6, Some(sha256), None)), None);
        assert_eq!(compare(promised(6, None, Some(oid))), None);
        assert_eq!(compare(promised(6, None, None)), None);
        assert_eq!(compare(promised(7, Some(sha256), None)), Some(Difference::Size { got: 6 }));
        let difference = |expected: &str, got: &str| {
            Some(Difference::Hash { expected: expected.to_owned(), got: got.to_owned() })
        };
        assert_eq!(compare(promised(6, Some("00"), Some(oid))), difference("00", sha256));
        assert_eq!(compare(promised(6, None, Some("00"))), difference("00", oid));
    }
}
