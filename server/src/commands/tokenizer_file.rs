//! The `tokenizer.json` of a pulled or exported model: found or made, tried, and put in its place.

use std::path::Path;

use anyhow::Context;
use engine::TextTokenizer;
use model_export::tokenizer::{TokenizerFile, effective_tokenizer};
use tracing::info;

/// The file's name in a model's folder.
pub(super) const NAME: &str = "tokenizer.json";

/// A tokenizer that a server can read.
pub(super) struct CheckedTokenizer {
    file: TokenizerFile,
}

/// Finds out what the model in `folder` is tokenized with, and refuses what no server could read,
/// before it takes the place of something that can be. `source` is where the model comes from.
pub(super) fn check(folder: &Path, source: &str) -> anyhow::Result<CheckedTokenizer> {
    let file = effective_tokenizer(folder)
        .with_context(|| format!("the tokenizer of {source} cannot be used"))?;
    let path = folder.join(NAME);
    let read;
    let bytes = match &file {
        TokenizerFile::Made(bytes) => bytes,
        TokenizerFile::AsItIs => {
            read =
                std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            &read
        }
    };
    TextTokenizer::from_bytes(bytes).with_context(|| {
        format!(
            "the tokenizer.json of {source} cannot be used: choose another revision, or save it \
             anew with transformers: AutoTokenizer.from_pretrained(...).save_pretrained(folder), \
             and pull the folder"
        )
    })?;
    Ok(CheckedTokenizer { file })
}

/// Whether a `tokenizer.json` was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It had to be made, or differs from the one that was there.
    Yes,
    /// The one of the source is the right one.
    No,
}

impl CheckedTokenizer {
    /// Writes the file into `folder` if it is not that of the source.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<Written> {
        let TokenizerFile::Made(bytes) = &self.file else { return Ok(Written::No) };
        let path = folder.join(NAME);
        let earlier = path.exists();
        model_repository::write_atomically(&path, bytes)
            .with_context(|| format!("cannot write {}", path.display()))?;
        match earlier {
            true => info!("tokenizer.json was brought in line with the settings beside it"),
            false => info!("tokenizer.json was made from the vocabulary"),
        }
        Ok(Written::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("written");
        }
        folder
    }

    #[test]
    fn a_tokenizer_that_no_server_can_read_is_refused_with_its_source_and_a_remedy() {
        let no_kind = r#"{"version":"1.0","model":{"type":"New","vocab":{}}}"#;
        for (files, start) in [
            (&[("tokenizer.json", "")][..], "the tokenizer of org/name cannot be used: "),
            (&[("tokenizer.json", "{}")], "the tokenizer of org/name cannot be used: "),
            (&[("tokenizer.json", no_kind)], "the tokenizer.json of org/name cannot be used: "),
            (&[("config.json", "{}")], "the tokenizer of org/name cannot be used: "),
            (&[("vocab.txt", "a")], "the tokenizer of org/name cannot be used: "),
        ] {
            let folder = folder(files);
            let error = check(folder.path(), "org/name").err().expect("refused");
            let text = format!("{error:#}");
            assert!(text.starts_with(start), "{text}");
            assert!(text.contains("AutoTokenizer.from_pretrained"), "{text}");
        }
    }

    #[test]
    fn a_whole_tokenizer_stays_and_a_vocabulary_becomes_one() {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny-bert-gelu");
        let output = folder(&[]);
        let checked = check(&fixture, "org/name").expect("a tokenizer");
        assert_eq!(checked.write(output.path()).expect("nothing to write"), Written::No);
        assert!(!output.path().join(NAME).exists());

        let source = folder(&[
            ("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n"),
            ("config.json", r#"{"model_type": "bert"}"#),
        ]);
        let checked = check(source.path(), "org/name").expect("a tokenizer");
        assert_eq!(checked.write(output.path()).expect("written"), Written::Yes);
        check(output.path(), "org/name").expect("what was written can be read");
    }
}
