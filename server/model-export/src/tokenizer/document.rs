//! A `tokenizer.json`, of which only the parts that change are taken apart: vocabularies stay the
//! text they were.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::added_token::AddedToken;
use super::vocabulary::{AddedTokens, Vocabulary};

const ADDED_TOKENS: &str = "added_tokens";

/// A `tokenizer.json`.
#[derive(Debug)]
pub(super) struct Document {
    /// In the order of the file.
    members: Vec<(String, Box<RawValue>)>,
    vocabulary: Vocabulary,
    added: AddedTokens,
}

/// The parts of a tokenizer that is built from a vocabulary.
pub(super) struct Parts {
    pub(super) normalizer: Value,
    pub(super) pre_tokenizer: Value,
    pub(super) post_processor: Value,
    pub(super) decoder: Value,
    /// The model, vocabulary included.
    pub(super) model: Box<RawValue>,
    /// The same vocabulary.
    pub(super) vocabulary: Vocabulary,
    /// Tokens that are found in a text before the model sees it.
    pub(super) added: Vec<AddedToken>,
}

#[derive(Serialize, serde::Deserialize)]
struct TokenWithId {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

#[derive(serde::Deserialize)]
struct ModelOutline {
    vocab: Vocabulary,
}

impl Document {
    /// Reads a file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let Members(members) = serde_json::from_slice(bytes)?;
        let mut document =
            Self { members, vocabulary: Vocabulary::default(), added: AddedTokens::default() };
        let model =
            document.raw("model").ok_or_else(|| serde_json::Error::missing_field("model"))?;
        document.vocabulary = serde_json::from_str::<ModelOutline>(model.get())?.vocab;
        if let Some(tokens) = document.raw(ADDED_TOKENS) {
            let tokens: Option<Vec<TokenWithId>> = serde_json::from_str(tokens.get())?;
            let tokens = tokens.into_iter().flatten().map(|TokenWithId { token, .. }| token);
            document.added.add(tokens, &document.vocabulary, None);
        }
        Ok(document)
    }

    /// Puts a new one together.
    pub(super) fn of(parts: Parts) -> Result<Self, serde_json::Error> {
        let Parts { normalizer, pre_tokenizer, post_processor, decoder, model, vocabulary, added } =
            parts;
        let mut tokens = AddedTokens::default();
        tokens.add(added, &vocabulary, None);
        let mut document = Self { members: Vec::new(), vocabulary, added: AddedTokens::default() };
        document.set("version", &Value::from("1.0"))?;
        document.set("truncation", &Value::Null)?;
        document.set("padding", &Value::Null)?;
        document.set_added_tokens(tokens)?;
        document.set("normalizer", &normalizer)?;
        document.set("pre_tokenizer", &pre_tokenizer)?;
        document.set("post_processor", &post_processor)?;
        document.set("decoder", &decoder)?;
        document.members.push(("model".to_owned(), model));
        Ok(document)
    }

    fn raw(&self, name: &str) -> Option<&RawValue> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| &**value)
    }

    /// A member; null when it is absent.
    pub(super) fn get(&self, name: &str) -> Result<Value, serde_json::Error> {
        self.raw(name).map_or(Ok(Value::Null), |raw| serde_json::from_str(raw.get()))
    }

    /// Replaces a member, or adds it.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &impl Serialize,
    ) -> Result<(), serde_json::Error> {
        let raw = to_raw_value(value)?;
        match self.members.iter_mut().find(|(member, _)| member == name) {
            Some((_, value)) => *value = raw,
            None => self.members.push((name.to_owned(), raw)),
        }
        Ok(())
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(super) fn added_tokens(&self) -> &AddedTokens {
        &self.added
    }

    pub(super) fn set_added_tokens(
        &mut self,
        tokens: AddedTokens,
    ) -> Result<(), serde_json::Error> {
        let with_id = |(id, token): (u32, &AddedToken)| TokenWithId { id, token: token.clone() };
        let list: Vec<TokenWithId> = tokens.iter().map(with_id).collect();
        self.set(ADDED_TOKENS, &list)?;
        self.added = tokens;
        Ok(())
    }

    /// The id of a token, added ones first.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.added.id(token).or_else(|| self.vocabulary.id(token))
    }

    /// The content of the file: a line for each member.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let length: usize =
            self.members.iter().map(|(name, value)| name.len() + value.get().len() + 8).sum();
        let mut text = String::with_capacity(length + 4);
        for (index, (name, value)) in self.members.iter().enumerate() {
            text.push_str(if index == 0 { "{\n " } else { ",\n " });
            text.push_str(&Value::from(name.as_str()).to_string());
            text.push_str(": ");
            text.push_str(value.get());
        }
        text.push_str("\n}\n");
        text.into_bytes()
    }
}

/// The members of an object as they are written. Of equal names the last counts, as everywhere in
/// transformers.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
                let mut all: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = members.next_entry::<String, Box<RawValue>>()? {
                    all.retain(|(earlier, _)| *earlier != name);
                    all.push((name, value));
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
