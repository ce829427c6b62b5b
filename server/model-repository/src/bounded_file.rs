//! Reads files of limited size as text, so that a wrong path cannot fill the memory or hang.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The largest graph that is read: a graph has some twenty lines.
pub(crate) const GRAPH_FILE: u64 = 1 << 20;
/// The largest hand-written JSON file that is read: config.json, embedserve.json.
pub(crate) const SMALL_FILE: u64 = 16 << 20;
/// The largest file of a model's source that is read; tokenizer configurations list added tokens.
pub(crate) const SOURCE_FILE: u64 = 64 << 20;

/// A text file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFileError {
    /// Opening or reading failed.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is larger than such a file can sensibly be.
    #[error("{path} is larger than {limit} bytes: is it really the file that was meant?")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not text.
    #[error("{path} is not UTF-8 text (byte {offset}): save it as UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
        /// Offset of the first byte that is not UTF-8.
        offset: usize,
    },
}

impl ReadFileError {
    /// Whether the file simply does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ReadFileError::Read { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }
}

/// The bytes of a regular file of at most `limit` bytes.
pub(crate) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadFileError> {
    let read = |source| ReadFileError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(read)?.is_file() {
        return Err(ReadFileError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(read)?.take(limit + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > limit {
        return Err(ReadFileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// The last bytes of a regular file, at most `length`; `None` when the file does not exist.
pub(crate) fn read_end_if_present(
    path: &Path,
    length: u64,
) -> Result<Option<Vec<u8>>, ReadFileError> {
    let read = |source| ReadFileError::Read { path: path.to_owned(), source };
    let metadata = match fs::metadata(path).map_err(read) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    if !metadata.is_file() {
        return Err(ReadFileError::NotAFile { path: path.to_owned() });
    }
    let mut file = File::open(path).map_err(read)?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(length))).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(read)?;
    Ok(Some(bytes))
}

/// The text of a regular file of at most `limit` bytes, without a byte order mark.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, ReadFileError> {
    decode(path, read_bytes(path, limit)?)
}

/// The text of the file at `path` with this content, without a byte order mark.
///
/// # Errors
/// When the content is not UTF-8.
pub fn decode(path: &Path, content: Vec<u8>) -> Result<String, ReadFileError> {
    let text = String::from_utf8(content).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        ReadFileError::NotText { path: path.to_owned(), offset }
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// As [`read_text`], with `None` when the file does not exist.
pub(crate) fn read_text_if_present(
    path: &Path,
    limit: u64,
) -> Result<Option<String>, ReadFileError> {
    match read_text(path, limit) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_left_out() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, "\u{feff}{}").expect("written");
        assert_eq!(read_text(&path, 100).expect("text"), "{}");
    }

    #[test]
    fn the_end_of_a_file_is_what_it_has_or_as_much_as_is_asked_for() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        assert_eq!(read_end_if_present(&path, 4).expect("absent is no error"), None);
        fs::write(&path, "12345").expect("written");
        for (length, expected) in [(2, "45"), (5, "12345"), (9, "12345")] {
            let end = read_end_if_present(&path, length).expect("read").expect("there");
            assert_eq!(end, expected.as_bytes());
        }
        let error = read_end_if_present(folder.path(), 4).expect_err("a folder");
        assert!(matches!(error, ReadFileError::NotAFile { .. }));
    }

    #[test]
    fn what_is_no_small_text_file_is_refused_by_kind() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("file");
        assert!(read_text(&path, 4).expect_err("absent").is_not_found());
        assert_eq!(read_text_if_present(&path, 4).expect("absent is no error"), None);
        fs::write(&path, b"12345").expect("written");
        assert!(matches!(read_text(&path, 4), Err(ReadFileError::TooLarge { limit: 4, .. })));
        fs::write(&path, b"ab\xff").expect("written");
        assert!(matches!(read_text(&path, 4), Err(ReadFileError::NotText { offset: 2, .. })));
        assert!(matches!(read_text(folder.path(), 4), Err(ReadFileError::NotAFile { .. })));
    }
}
