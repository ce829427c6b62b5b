//! What happens to a text before and after its division into pieces.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::falls_back_to_bytes;
use crate::tokenizer::class::Class;
use crate::tokenizer::post_processor::{Place, template};
use crate::tokenizer::settings::Settings;
use crate::tokenizer::vocabulary::Vocabulary;

/// Sentencepiece's sign for a blank.
const BLANK: &str = "\u{2581}";

/// Replacements of letters, then of blanks.
pub(super) fn normalizer(class: Class, settings: &Settings, charsmap: &[u8]) -> Value {
    let blanks = json!({"type": "Replace", "pattern": {"String": " "}, "content": BLANK});
    let sequence = |steps: Vec<Value>| json!({"type": "Sequence", "normalizers": steps});
    match class {
        Class::Gemma => blanks,
        Class::Llama if !is_legacy(settings) => Value::Null,
        Class::Llama if settings.flag("add_prefix_space") == Some(false) => sequence(vec![blanks]),
        Class::Llama => sequence(vec![json!({"type": "Prepend", "prepend": BLANK}), blanks]),
        _ => {
            let mut steps = vec![
                json!({"type": "Strip", "strip_left": false, "strip_right": true}),
                json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": BLANK}),
            ];
            if !charsmap.is_empty() {
                let charsmap = STANDARD.encode(charsmap);
                steps.insert(0, json!({"type": "Precompiled", "precompiled_charsmap": charsmap}));
            }
            sequence(steps)
        }
    }
}

/// The division into words, which pieces do not cross.
pub(super) fn pre_tokenizer(class: Class, settings: &Settings) -> Value {
    let metaspace = |split: bool| {
        json!({
            "type": "Metaspace",
            "replacement": BLANK,
            "prepend_scheme": prepend_scheme(class, settings),
            "split": split,
        })
    };
    match class {
        Class::Gemma => json!({
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": false,
        }),
        Class::Llama if is_legacy(settings) => Value::Null,
        Class::Llama => metaspace(false),
        _ => metaspace(true),
    }
}

/// The way back from tokens to a text; the server does not go it, other readers may.
pub(super) fn decoder(class: Class, settings: &Settings) -> Value {
    let scheme = prepend_scheme(class, settings);
    if !falls_back_to_bytes(class) {
        return json!({"type": "Metaspace", "replacement": BLANK, "prepend_scheme": scheme, "split": true});
    }
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": BLANK}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if class == Class::Llama && scheme != "never" {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": steps})
}

/// The special tokens around a text; Llama's and Gemma's come with the settings. The error is a
/// missing token.
pub(super) fn post_processor(class: Class, vocabulary: &Vocabulary) -> Result<Value, &'static str> {
    let special =
        |token: &'static str| Ok((Place::Special(token, vocabulary.id(token).ok_or(token)?), 0));
    let (text, second) = ((Place::Text, 0), (Place::SecondText, 0));
    match class {
        Class::Llama | Class::Gemma => Ok(Value::Null),
        Class::T5 => {
            let end = special("</s>")?;
            Ok(template(&[text, end], &[text, end, second, end]))
        }
        _ => {
            let (begin, end) = (special("<s>")?, special("</s>")?);
            Ok(template(&[begin, text, end], &[begin, text, end, end, second, end]))
        }
    }
}

/// Whether a text begins as if a blank were before it, and each part after a special token too
/// (`always`).
fn prepend_scheme(class: Class, settings: &Settings) -> &'static str {
    let has_setting = matches!(class, Class::T5 | Class::Llama);
    if has_setting && settings.flag("add_prefix_space") == Some(false) {
        "never"
    } else if has_setting && !is_legacy(settings) {
        "first"
    } else {
        "always"
    }
}

/// transformers' older way with blanks after special tokens, which counts unless the settings say
/// otherwise.
fn is_legacy(settings: &Settings) -> bool {
    settings.flag("legacy").unwrap_or(true)
}
