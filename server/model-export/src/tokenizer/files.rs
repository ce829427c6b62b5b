//! The files of a folder that say how its texts are tokenized.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::TokenizerError;

pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const VOCABULARY_TEXT: &str = "vocab.txt";
pub(super) const VOCABULARY_JSON: &str = "vocab.json";
pub(super) const MERGES: &str = "merges.txt";

/// The largest vocabularies in use have some 40 MB.
const LARGEST: u64 = 512 << 20;

/// A folder.
pub(super) struct Files<'a> {
    folder: &'a Path,
}

impl<'a> Files<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// The content of a file; `None` when there is no such file.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, TokenizerError> {
        let path = self.path(name);
        let size = match fs::metadata(&path) {
            Ok(facts) if facts.len() > LARGEST => {
                return Err(TokenizerError::TooLarge { file: name.to_owned(), size: facts.len() });
            }
            Ok(facts) => facts.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TokenizerError::Read { path, source }),
        };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        match File::open(&path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some(bytes)),
            Err(source) => Err(TokenizerError::Read { path, source }),
        }
    }

    /// The text of a file, with `\n` at the ends of lines as Python's text mode makes it, and
    /// without a byte order mark; `None` when there is no such file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, TokenizerError> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            TokenizerError::content(name, format!("it is not UTF-8 text (byte {place})"))
        })?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Ok(Some(match text.contains('\r') {
            true => text.replace("\r\n", "\n").replace('\r', "\n"),
            false => text,
        }))
    }

    /// The members of a JSON file; none when there is no such file.
    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>, TokenizerError> {
        let Some(bytes) = self.bytes(name)? else { return Ok(Map::new()) };
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        serde_json::from_slice(bytes).map_err(|source| TokenizerError::damaged(name, source))
    }
}
