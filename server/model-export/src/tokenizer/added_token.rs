//! Tokens that are found in a text before the model sees it: `[SEP]`, `<|im_end|>` and the like.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A token with the flags that say how it is found, as `tokenizer.json` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddedToken {
    pub(super) content: String,
    /// Only where it is no part of a longer word.
    pub(super) single_word: bool,
    /// Together with the blanks before it.
    pub(super) lstrip: bool,
    /// Together with the blanks after it.
    pub(super) rstrip: bool,
    /// In the text after normalisation.
    pub(super) normalized: bool,
    /// Whether it is one of the special tokens.
    pub(super) special: bool,
}

impl AddedToken {
    /// What transformers makes of a name alone.
    pub(super) fn ordinary(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: true,
            special: false,
        }
    }

    /// The same of a special token.
    pub(super) fn special(content: impl Into<String>) -> Self {
        Self { normalized: false, special: true, ..Self::ordinary(content) }
    }

    /// A token of a settings file. Absent flags are false, but for `normalized`, which special
    /// tokens are not and others are.
    pub(super) fn of_members(members: &Map<String, Value>) -> Option<Self> {
        let flag = |name: &str| members.get(name).and_then(Value::as_bool);
        let special = flag("special").unwrap_or(false);
        Some(Self {
            content: members.get("content")?.as_str()?.to_owned(),
            single_word: flag("single_word").unwrap_or(false),
            lstrip: flag("lstrip").unwrap_or(false),
            rstrip: flag("rstrip").unwrap_or(false),
            normalized: flag("normalized").unwrap_or(!special),
            special,
        })
    }
}

/// A special token as settings or a class name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// By its text.
    Plain(String),
    /// With its flags.
    Token(AddedToken),
}

impl Named {
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Plain(content) => content,
            Self::Token(token) => &token.content,
        }
    }

    /// A string or an object with `content`.
    pub(super) fn of_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(content) => Some(Self::Plain(content.clone())),
            Value::Object(members) => AddedToken::of_members(members).map(Self::Token),
            _ => None,
        }
    }
}
