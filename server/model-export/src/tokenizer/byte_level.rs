//! `vocab.json` with `merges.txt`: byte-level BPE as GPT-2 has it, in RoBERTa's and Qwen2's
//! variants.

use std::collections::{HashMap, HashSet};

use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::TokenizerError;
use super::class::Class;
use super::document::{Document, Parts};
use super::files::{Files, MERGES, VOCABULARY_JSON};
use super::model::{BytePairs, Ids};
use super::post_processor::{Place, template};
use super::settings::Settings;
use super::vocabulary::Vocabulary;

/// How Qwen2 splits a text into words: contractions, letters with one other sign before them,
/// single digits, runs of signs, line ends, blanks.
const QWEN2_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Builds the tokenizer.
pub(super) fn build(files: &Files<'_>, settings: &Settings) -> Result<Document, TokenizerError> {
    let present = |name| move || settings.missing(name);
    let ids = files.bytes(VOCABULARY_JSON)?.ok_or_else(present(VOCABULARY_JSON))?;
    let json_error = |source| TokenizerError::damaged(VOCABULARY_JSON, source);
    let ids: HashMap<String, u32> = serde_json::from_slice(&ids).map_err(json_error)?;
    let text = files.text(MERGES)?.ok_or_else(present(MERGES))?;
    let merges = merges(&text, settings.class())?;
    let vocab = Ids::new(ids.iter().map(|(token, id)| (token.as_str(), *id)).collect());
    let model = BytePairs {
        dropout: None,
        unk_token: None,
        continuing_subword_prefix: Some(""),
        end_of_word_suffix: Some(""),
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges,
    };
    let model = to_raw_value(&model).map_err(json_error)?;
    let vocabulary = Vocabulary::of_ids(ids);
    let prefix_space = settings.flag("add_prefix_space").unwrap_or(false);
    let words = byte_level(prefix_space, true, true);
    let (normalizer, pre_tokenizer, post_processor) = match settings.class() {
        Class::Qwen2 => (
            json!({"type": "NFC"}),
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": QWEN2_WORDS}, "behavior": "Isolated", "invert": false},
                byte_level(prefix_space, true, false),
            ]}),
            byte_level(true, false, true),
        ),
        Class::Gpt2 => (Value::Null, words, gpt2_tokens(settings, &vocabulary)?),
        _ => (Value::Null, words, roberta_tokens(settings, &vocabulary, prefix_space)?),
    };
    Document::of(Parts {
        normalizer,
        pre_tokenizer,
        post_processor,
        decoder: byte_level(true, true, true),
        model,
        vocabulary,
        added: Vec::new(),
    })
    .map_err(json_error)
}

fn byte_level(add_prefix_space: bool, trim_offsets: bool, use_regex: bool) -> Value {
    json!({
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": trim_offsets,
        "use_regex": use_regex,
    })
}

/// A special token with its id, which the vocabulary must have.
fn special<'a>(
    settings: &'a Settings,
    vocabulary: &Vocabulary,
    attribute: &str,
) -> Result<(&'a str, u32), TokenizerError> {
    let token = settings.token(attribute).unwrap_or_default();
    let lacks = || {
        TokenizerError::content(VOCABULARY_JSON, format!("it has no {token:?}, the {attribute}"))
    };
    Ok((token, vocabulary.id(token).ok_or_else(lacks)?))
}

fn roberta_tokens(
    settings: &Settings,
    vocabulary: &Vocabulary,
    prefix_space: bool,
) -> Result<Value, TokenizerError> {
    Ok(json!({
        "type": "RobertaProcessing",
        "sep": special(settings, vocabulary, "sep_token")?,
        "cls": special(settings, vocabulary, "cls_token")?,
        "trim_offsets": true,
        "add_prefix_space": prefix_space,
    }))
}

fn gpt2_tokens(settings: &Settings, vocabulary: &Vocabulary) -> Result<Value, TokenizerError> {
    if !settings.flag("add_bos_token").unwrap_or(false) {
        return Ok(byte_level(true, false, true));
    }
    let (token, id) = special(settings, vocabulary, "bos_token")?;
    let single = [(Place::Special(token, id), 0), (Place::Text, 0)];
    Ok(template(&single, &[&single[..], &[(Place::SecondText, 1)]].concat()))
}

/// The pairs to join, in order. GPT-2 and RoBERTa take the first line for a heading and what
/// follows the last line end for nothing; Qwen2 leaves out a heading and empty lines.
fn merges(text: &str, class: Class) -> Result<Vec<(&str, &str)>, TokenizerError> {
    let lines: Vec<(usize, &str)> = text.split('\n').enumerate().collect();
    let is_heading = |(number, line): &(usize, &str)| *number == 0 && line.starts_with("#version:");
    let lines = match class {
        Class::Qwen2 => lines
            .into_iter()
            .filter(|line| !is_heading(line) && !line.1.trim().is_empty())
            .collect(),
        _ => lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default().to_vec(),
    };
    let mut seen = HashSet::new();
    let mut merges = Vec::with_capacity(lines.len());
    for (number, line) in lines {
        let mut parts = line.split_whitespace();
        let (Some(left), Some(right), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TokenizerError::content(
                MERGES,
                format!("line {} is no pair of tokens", number + 1),
            ));
        };
        if seen.insert((left, right)) {
            merges.push((left, right));
        }
    }
    Ok(merges)
}
