//! Why the tokenizer of a model is not known, with the remedy.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What helps wherever a tokenizer cannot be made here.
const SAVE_ANEW: &str = "save one with transformers: AutoTokenizer.from_pretrained(...).save_pretrained(folder), and pull the folder";

/// Why the tokenizer of a model is not known. Files are named without their folder: it may be there
/// only for the moment, and whoever asked knows where the model comes from.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// A file could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// A file is larger than such a file can sensibly be.
    #[error("{file} has {size} bytes, which no tokenizer file has: is it the file that was meant?")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A file is no JSON of the expected form.
    #[error("{file} is damaged: download it again, or {SAVE_ANEW}")]
    ParseJson {
        /// The file.
        file: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A file is no sentencepiece model.
    #[error("{file} is no sentencepiece model: download it again, or {SAVE_ANEW}")]
    ParseSentencePiece {
        /// The file.
        file: String,
        /// Where and why.
        #[source]
        source: prost::DecodeError,
    },
    /// A file has a content that no tokenizer can be made of.
    #[error("{file} cannot be used: {problem}; correct it, or {SAVE_ANEW}")]
    Content {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// None of the known vocabulary files is there.
    #[error("there is no tokenizer.json, and no vocabulary to make one from: {SAVE_ANEW}")]
    NoVocabulary,
    /// There are vocabulary files, of a class that no `tokenizer.json` is made for here.
    #[error(
        "there is no tokenizer.json, and none can be made here from {found} {}: {SAVE_ANEW}",
        match class {
            Some(class) => format!("for the tokenizer class {class}"),
            None => "without a tokenizer_class in tokenizer_config.json or a known model_type in config.json".to_owned(),
        }
    )]
    UnknownClass {
        /// The class, if a file names one.
        class: Option<String>,
        /// The vocabulary files that are there.
        found: String,
    },
    /// The class needs a file that is not there.
    #[error("there is neither tokenizer.json nor {file}, which {class} is read from: {SAVE_ANEW}")]
    MissingFile {
        /// The class.
        class: String,
        /// What is missing.
        file: &'static str,
    },
}

impl TokenizerError {
    /// The error for a file that is no JSON of the expected form.
    pub(super) fn damaged(file: &str, source: serde_json::Error) -> Self {
        Self::ParseJson { file: file.to_owned(), source }
    }

    /// The error for a file with an impossible content.
    pub(super) fn content(file: &str, problem: impl Into<String>) -> Self {
        Self::Content { file: file.to_owned(), problem: problem.into() }
    }
}
