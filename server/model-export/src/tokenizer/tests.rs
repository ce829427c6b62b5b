//! What is made of small folders. Ids of texts, compared with transformers, are in the integration
//! tests.

mod adjusted;
mod built;
mod refused;

use std::path::Path;

use serde_json::{Value, json};

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("written");
    }
    folder
}

fn made(folder: &Path) -> Value {
    match effective_tokenizer(folder).expect("a tokenizer") {
        TokenizerFile::Made(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
        TokenizerFile::AsItIs => panic!("kept as it is"),
    }
}

/// What is made of a folder with these files; null if its `tokenizer.json` is kept.
fn made_of(files: &[(&str, &str)]) -> Value {
    let folder = folder(files);
    match effective_tokenizer(folder.path()).expect("a tokenizer") {
        TokenizerFile::Made(_) => made(folder.path()),
        TokenizerFile::AsItIs => Value::Null,
    }
}

/// A `tokenizer.json` of five tokens.
fn document(normalizer: &Value, pre_tokenizer: &Value, post_processor: &Value) -> String {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4}},
    })
    .to_string()
}

/// The added tokens as text, id and flags in letters.
fn added_tokens(made: &Value) -> Vec<(String, u64, String)> {
    let read = |token: &Value| {
        let flags = ["single_word", "lstrip", "rstrip", "normalized", "special"];
        let letters = flags.iter().filter(|flag| token[**flag] == true).map(|flag| &flag[..1]);
        let content = token["content"].as_str().expect("a content").to_owned();
        (content, token["id"].as_u64().expect("an id"), letters.collect())
    };
    made["added_tokens"].as_array().expect("a list").iter().map(read).collect()
}
