//! Tokenizers of all the forms that repositories have them in: what is made of their files must
//! give the token ids that transformers gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use engine::{SpecialTokens, TextTokenizer};
use model_export::tokenizer::{TokenizerFile, effective_tokenizer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    text: String,
    ids: Vec<u32>,
}

/// Every text of every case. A wrong id is a wrong vector.
#[test]
fn every_repository_gives_the_ids_of_transformers() {
    let mut wrong = Vec::new();
    let mut texts = 0;
    for folder in cases() {
        let name = name(&folder);
        let tokenizer = TextTokenizer::from_bytes(&content(&folder)).expect(&name);
        for Expected { text, ids } in expected(&folder) {
            let found = tokenizer.encode(&text, SpecialTokens::Add).expect("ids");
            if found != ids {
                wrong.push(format!("{name}: {text:?}\n  expected {ids:?}\n  found    {found:?}"));
            }
            texts += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {texts}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(texts > 950, "{texts}");
}

/// Bytes that nothing in the settings contradicts stay what their publisher tested.
#[test]
fn a_tokenizer_json_that_says_it_all_is_kept_byte_for_byte() {
    let kept: BTreeSet<String> = cases()
        .into_iter()
        .filter(|folder| effective_tokenizer(folder).expect("a tokenizer") == TokenizerFile::AsItIs)
        .map(|folder| name(&folder))
        .collect();
    let expected: BTreeSet<String> = cases()
        .into_iter()
        .map(|folder| name(&folder))
        .filter(|name| name.ends_with("-as-it-is"))
        .collect();
    assert_eq!(kept, expected);
    assert!(kept.len() >= 3, "{kept:?}");
}

/// Padding is masked, so that any token will do; an id beyond the vocabulary would have no
/// embedding to read.
#[test]
fn padding_is_a_token_of_the_vocabulary_or_left_to_the_model() {
    let pad_ids: BTreeMap<String, (Option<u32>, usize)> = cases()
        .into_iter()
        .map(|folder| {
            let tokenizer = TextTokenizer::from_bytes(&content(&folder)).expect("a tokenizer");
            (name(&folder), (tokenizer.pad_token_id(), tokenizer.vocabulary_size()))
        })
        .collect();
    for (name, (id, size)) in &pad_ids {
        assert!(id.is_none_or(|id| (id as usize) < *size), "{name}: {id:?} of {size}");
    }
    let id = |name: &str| pad_ids[name].0;
    assert_eq!(id("qwen3-json-as-it-is"), Some(380), "<|endoftext|>");
    assert_eq!(id("llama-model-file"), None, "the model's config.json says it");
    assert_eq!(id("gemma-json-end-token"), Some(0), "<pad>");
    assert_eq!(id("mpnet-vocab"), Some(1), "<pad>");
    assert_eq!(id("xlm-roberta-model-file"), Some(1), "<pad>");
}

fn name(folder: &Path) -> String {
    folder.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The tokenizer.json that a pull or an export of the folder leaves.
fn content(folder: &Path) -> Vec<u8> {
    match effective_tokenizer(folder) {
        Ok(TokenizerFile::Made(bytes)) => bytes,
        Ok(TokenizerFile::AsItIs) => read(&folder.join("tokenizer.json")),
        Err(error) => panic!("{}: {error}", folder.display()),
    }
}

fn expected(folder: &Path) -> Vec<Expected> {
    serde_json::from_slice(&read(&folder.join("expected.json"))).expect("expected ids")
}

fn cases() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tokenizers");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(all)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
