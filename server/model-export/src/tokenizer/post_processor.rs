//! `post_processor` of a `tokenizer.json`: the special tokens around a text.

use serde_json::{Map, Value, json};

/// A place of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// A special token and its id.
    Special(&'a str, u32),
    /// The text.
    Text,
    /// The second text of a pair; the server has none, but the format asks for it.
    SecondText,
}

/// The processor that puts special tokens around one text and around a pair.
pub(super) fn template(single: &[(Place<'_>, u8)], pair: &[(Place<'_>, u8)]) -> Value {
    let piece = |(place, type_id): &(Place<'_>, u8)| match place {
        Place::Special(token, _) => json!({"SpecialToken": {"id": token, "type_id": type_id}}),
        Place::Text => json!({"Sequence": {"id": "A", "type_id": type_id}}),
        Place::SecondText => json!({"Sequence": {"id": "B", "type_id": type_id}}),
    };
    let mut special = Map::new();
    for (place, _) in single.iter().chain(pair) {
        if let Place::Special(token, id) = place {
            let entry = json!({"id": token, "ids": [id], "tokens": [token]});
            special.insert((*token).to_owned(), entry);
        }
    }
    special.sort_keys();
    json!({
        "type": "TemplateProcessing",
        "single": single.iter().map(piece).collect::<Vec<_>>(),
        "pair": pair.iter().map(piece).collect::<Vec<_>>(),
        "special_tokens": special,
    })
}
