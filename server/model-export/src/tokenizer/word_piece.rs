//! `vocab.txt`: BERT's WordPiece, and MPNet's with other special tokens.

use std::collections::HashMap;

use serde_json::json;
use serde_json::value::to_raw_value;

use super::TokenizerError;
use super::class::Class;
use super::document::{Document, Parts};
use super::files::{Files, VOCABULARY_TEXT};
use super::model::{Ids, WordPiece};
use super::post_processor::{Place, template};
use super::settings::Settings;
use super::vocabulary::Vocabulary;

/// Builds the tokenizer.
pub(super) fn build(files: &Files<'_>, settings: &Settings) -> Result<Document, TokenizerError> {
    let text = files.text(VOCABULARY_TEXT)?.ok_or_else(|| settings.missing(VOCABULARY_TEXT))?;
    let tokens = lines(&text);
    let unknown = settings.token("unk_token").unwrap_or("[UNK]");
    let ids = ids_of(&tokens);
    let id = |token: &str| ids.get(token).copied().ok_or_else(|| lacks(token));
    // What is not in the vocabulary would get an id that the model has no embedding for.
    id(unknown)?;
    let special = |attribute: &str| {
        let token = settings.token(attribute).unwrap_or_default();
        Ok::<_, TokenizerError>(Place::Special(token, id(token)?))
    };
    let (begin, end) = (special("cls_token")?, special("sep_token")?);
    let single = [(begin, 0), (Place::Text, 0), (end, 0)];
    let second = [(Place::SecondText, 1), (end, 1)];
    let pair = match settings.class() {
        Class::Mpnet => [&single[..], &[(end, 0)], &second].concat(),
        _ => [&single[..], &second].concat(),
    };
    let basic = settings.flag("do_basic_tokenize").unwrap_or(true);
    let flag = |name: &str| basic && settings.flag(name).unwrap_or(true);
    let strip_accents = match basic {
        true => settings.flag("strip_accents"),
        false => Some(false),
    };
    let model = WordPiece {
        unk_token: unknown,
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab: Ids::new(ids.iter().map(|(token, id)| (*token, *id)).collect()),
    };
    let json_error = |source| TokenizerError::damaged(VOCABULARY_TEXT, source);
    Document::of(Parts {
        normalizer: json!({
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars"),
            "strip_accents": strip_accents,
            "lowercase": flag("do_lower_case"),
        }),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        post_processor: template(&single, &pair),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        model: to_raw_value(&model).map_err(json_error)?,
        vocabulary: Vocabulary::of_ids(
            ids.iter().map(|(token, id)| ((*token).to_owned(), *id)).collect(),
        ),
        added: Vec::new(),
    })
    .map_err(json_error)
}

/// The lines of a text; a last one without an end counts.
fn lines(text: &str) -> Vec<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if text.is_empty() { Vec::new() } else { text.split('\n').collect() }
}

/// Line numbers from 0; of equal lines the last.
fn ids_of<'a>(tokens: &[&'a str]) -> HashMap<&'a str, u32> {
    tokens.iter().zip(0..).map(|(token, id)| (*token, id)).collect()
}

fn lacks(token: &str) -> TokenizerError {
    TokenizerError::content(VOCABULARY_TEXT, format!("it has no {token}"))
}
