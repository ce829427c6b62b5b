//! Bringing a `tokenizer.json` in line with the settings, as the classes of transformers do after
//! reading or building it, and sentence-transformers after them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::added_token::{AddedToken, Named};
use super::class::Class;
use super::document::Document;
use super::post_processor::{Place, template};
use super::settings::Settings;

/// Whether anything had to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    No,
    Yes,
}

type Step = fn(&mut Document, &Settings) -> Result<Changed, serde_json::Error>;

/// Changes what differs from the settings.
pub(super) fn finish(
    document: &mut Document,
    settings: &Settings,
) -> Result<Changed, serde_json::Error> {
    let steps: [Step; 5] =
        [add_tokens, set_prefix_space, set_normalizer, set_special_tokens, lowercase_first];
    let mut changed = Changed::No;
    for step in steps {
        if step(document, settings)? == Changed::Yes {
            changed = Changed::Yes;
        }
    }
    Ok(changed)
}

/// Adds the tokens that only the settings know, and gives others the flags of the settings.
fn add_tokens(document: &mut Document, settings: &Settings) -> Result<Changed, serde_json::Error> {
    let mut added = document.added_tokens().clone();
    let mut tokens: Vec<AddedToken> =
        settings.declared().values().filter(|token| !added.has(token)).cloned().collect();
    let special = settings.special_tokens();
    let contents: HashSet<&str> = special.iter().map(|token| token.content()).collect();
    let pending: HashSet<String> = tokens.iter().map(|token| token.content.clone()).collect();
    for token in &special {
        match token {
            Named::Plain(content) if added.id(content).is_some() || pending.contains(content) => {}
            Named::Plain(content) => tokens.push(AddedToken::special(content.as_str())),
            Named::Token(token) => tokens.push(token.clone()),
        }
    }
    for token in &mut tokens {
        token.special |= contents.contains(token.content.as_str());
    }
    added.add(tokens, document.vocabulary(), settings.embeddings);
    if added.finds_as(document.added_tokens()) {
        return Ok(Changed::No);
    }
    document.set_added_tokens(added)?;
    Ok(Changed::Yes)
}

/// Sets a member if it differs.
fn set(
    document: &mut Document,
    name: &str,
    before: &Value,
    after: Value,
) -> Result<Changed, serde_json::Error> {
    if *before == after {
        return Ok(Changed::No);
    }
    document.set(name, &after)?;
    Ok(Changed::Yes)
}

/// Whether byte-level words begin with a blank at the beginning of a text.
///
/// GPT-2 and RoBERTa go by the settings, where silence means no. For other classes a setting counts
/// only if it is there: releases of transformers differ in what silence means, and the file knows
/// best.
fn set_prefix_space(
    document: &mut Document,
    settings: &Settings,
) -> Result<Changed, serde_json::Error> {
    let wanted = match (settings.flag("add_prefix_space"), settings.class()) {
        (Some(wanted), _) => wanted,
        (None, Class::Gpt2 | Class::Roberta) if !settings.written_by_5 => false,
        (None, _) => return Ok(Changed::No),
    };
    let before = document.get("pre_tokenizer")?;
    let mut after = before.clone();
    if after["type"] == "ByteLevel" {
        after["add_prefix_space"] = Value::from(wanted);
    } else if after["type"] == "Metaspace" && settings.class() == Class::Llama && !wanted {
        after["prepend_scheme"] = Value::from("never");
    }
    set(document, "pre_tokenizer", &before, after)
}

/// Case, accents and Chinese letters of BERT's normalizer, by the settings and their defaults.
fn set_normalizer(
    document: &mut Document,
    settings: &Settings,
) -> Result<Changed, serde_json::Error> {
    let with_chinese = match settings.class() {
        Class::Bert => true,
        Class::Mpnet => false,
        _ => return Ok(Changed::No),
    };
    let before = document.get("normalizer")?;
    if before["type"] != "BertNormalizer" {
        return Ok(Changed::No);
    }
    let mut after = before.clone();
    let mut put = |name: &str, value: Option<bool>| {
        let value = value.map_or(Value::Null, Value::from);
        // Silence and null are the same.
        if after.get(name).unwrap_or(&Value::Null) != &value {
            after[name] = value;
        }
    };
    put("lowercase", Some(settings.flag("do_lower_case").unwrap_or(true)));
    put("strip_accents", settings.flag("strip_accents"));
    if with_chinese {
        put("handle_chinese_chars", Some(settings.flag("tokenize_chinese_chars").unwrap_or(true)));
    }
    set(document, "normalizer", &before, after)
}

/// The beginning and end tokens of Llama and Gemma, which the settings decide, whatever the file
/// says.
fn set_special_tokens(
    document: &mut Document,
    settings: &Settings,
) -> Result<Changed, serde_json::Error> {
    if !matches!(settings.class(), Class::Llama | Class::Gemma) {
        return Ok(Changed::No);
    }
    let before = document.get("post_processor")?;
    // transformers 5 goes by the file.
    if settings.written_by_5 && !before.is_null() {
        return Ok(Changed::No);
    }
    let token = |setting: &str, default: bool, attribute: &str| {
        let wanted = settings.flag(setting).unwrap_or(default);
        let token = settings.token(attribute).filter(|_| wanted)?;
        Some(Place::Special(token, document.id(token)?))
    };
    let begin = token("add_bos_token", true, "bos_token");
    let end = token("add_eos_token", false, "eos_token");
    let around = |text: Place<'static>, type_id: u8| {
        let places = begin.into_iter().chain([text]).chain(end);
        places.map(move |place| (place, type_id)).collect::<Vec<_>>()
    };
    let single = around(Place::Text, 0);
    let pair = [single.clone(), around(Place::SecondText, 1)].concat();
    set(document, "post_processor", &before, template(&single, &pair))
}

/// Lower case before everything else, where sentence-transformers asks for it and the tokenizer has
/// no such step.
fn lowercase_first(
    document: &mut Document,
    settings: &Settings,
) -> Result<Changed, serde_json::Error> {
    let before = document.get("normalizer")?;
    let mut steps = match &before {
        Value::Null => Vec::new(),
        Value::Object(sequence) if sequence.get("type").is_some_and(|kind| kind == "Sequence") => {
            sequence.get("normalizers").and_then(Value::as_array).cloned().unwrap_or_default()
        }
        step => vec![step.clone()],
    };
    if !settings.lowercase || steps.iter().any(|step| step["type"] == "Lowercase") {
        return Ok(Changed::No);
    }
    steps.insert(0, json!({"type": "Lowercase"}));
    set(document, "normalizer", &before, json!({"type": "Sequence", "normalizers": steps}))
}
