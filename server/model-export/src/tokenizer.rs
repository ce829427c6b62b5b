//! The `tokenizer.json` that a model's own files mean: the one that is there, with what
//! transformers changes when it loads it, or one built from a vocabulary.
//!
//! Reference is `AutoTokenizer.from_pretrained` of transformers 4.57, the release series that the
//! models in use were published with: its classes override parts of `tokenizer.json` by
//! `tokenizer_config.json`, and build it where there is only `vocab.txt`, `vocab.json` with
//! `merges.txt`, or a sentencepiece model. Files that release 5 wrote are taken as that release
//! takes them. On top comes what sentence-transformers does to the tokenizer
//! (`sentence_bert_config.json`).
//!
//! The parts: `files` reads the folder, `class` knows transformers' tokenizer classes, `settings`
//! what the files ask for, `document` is a `tokenizer.json`; `word_piece`, `byte_level` and
//! `sentence_piece` build one, `finish` brings any in line with the settings. What a tokenizer does
//! with texts is left to others.

mod added_token;
mod byte_level;
mod class;
mod document;
mod error;
mod files;
mod finish;
mod model;
mod post_processor;
mod sentence_piece;
mod settings;
mod vocabulary;
mod word_piece;

use std::path::Path;

pub use error::TokenizerError;

use class::Class;
use document::Document;
use files::Files;
use settings::{Origin, Settings};

/// What a `tokenizer.json` is, or can be made from.
const VOCABULARY_FILES: [&str; 6] = [
    files::TOKENIZER,
    files::VOCABULARY_TEXT,
    files::VOCABULARY_JSON,
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
];

/// The `tokenizer.json` of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenizerFile {
    /// The file that is there says it all.
    AsItIs,
    /// The content of a file that is not there, or in place of the one that is there.
    Made(Vec<u8>),
}

/// Finds out what `tokenizer.json` the model in `folder` means.
///
/// # Errors
/// When the folder has no vocabulary, a damaged one, or one of a class that is not known here;
/// messages name file and remedy. The content of a `tokenizer.json` is not checked beyond the parts
/// that are looked at.
pub fn effective_tokenizer(folder: &Path) -> Result<TokenizerFile, TokenizerError> {
    let files = Files::new(folder);
    match files.bytes(files::TOKENIZER)? {
        Some(bytes) => adjusted(&files, &bytes),
        None => built(&files).map(TokenizerFile::Made),
    }
}

fn adjusted(files: &Files<'_>, bytes: &[u8]) -> Result<TokenizerFile, TokenizerError> {
    let mut document = Document::parse(bytes)
        .map_err(|source| TokenizerError::damaged(files::TOKENIZER, source))?;
    let settings = Settings::read(files, Origin::Document(document.added_tokens()))?;
    Ok(
        match finish::finish(&mut document, &settings)
            .map_err(|source| TokenizerError::damaged(files::TOKENIZER, source))?
        {
            finish::Changed::No => TokenizerFile::AsItIs,
            finish::Changed::Yes => TokenizerFile::Made(document.into_bytes()),
        },
    )
}

fn built(files: &Files<'_>) -> Result<Vec<u8>, TokenizerError> {
    let present: Vec<&str> = VOCABULARY_FILES.into_iter().filter(|name| files.has(name)).collect();
    if present.is_empty() {
        return Err(TokenizerError::NoVocabulary);
    }
    let settings = Settings::read(files, Origin::Vocabulary)?;
    let mut document = match settings.class() {
        Class::Bert | Class::Mpnet => word_piece::build(files, &settings)?,
        Class::Roberta | Class::Gpt2 | Class::Qwen2 => byte_level::build(files, &settings)?,
        Class::XlmRoberta | Class::Camembert | Class::T5 | Class::Llama | Class::Gemma => {
            sentence_piece::build(files, &settings)?
        }
        Class::Other => {
            return Err(TokenizerError::UnknownClass {
                class: settings.class_name().map(str::to_owned),
                found: present.join(", "),
            });
        }
    };
    finish::finish(&mut document, &settings)
        .map_err(|source| TokenizerError::damaged(files::TOKENIZER, source))?;
    Ok(document.into_bytes())
}

#[cfg(test)]
mod tests;
