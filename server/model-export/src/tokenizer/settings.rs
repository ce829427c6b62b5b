//! What the files beside a vocabulary ask for, merged as transformers merges them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::TokenizerError;
use model_repository::facts::TRANSFORMER_SETTINGS;

use super::added_token::{AddedToken, Named};
use super::class::{ATTRIBUTES, Class, ReadFrom};
use super::files::Files;
use super::vocabulary::AddedTokens;

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS: &str = "special_tokens_map.json";
const ADDED_TOKENS: &str = "added_tokens.json";
const ADDITIONAL: &str = "additional_special_tokens";
const DECLARED: &str = "added_tokens_decoder";

/// What the settings are for.
pub(super) enum Origin<'a> {
    /// A `tokenizer.json` with these added tokens.
    Document(&'a AddedTokens),
    /// A vocabulary file.
    Vocabulary,
}

/// The settings of a tokenizer.
pub(super) struct Settings {
    class: Class,
    class_name: Option<String>,
    members: Map<String, Value>,
    named: Vec<(&'static str, Named)>,
    additional: Vec<Named>,
    declared: BTreeMap<u32, AddedToken>,
    /// Whether sentence-transformers lowers the case of all texts.
    pub(super) lowercase: bool,
    /// Whether transformers 5 wrote the files.
    pub(super) written_by_5: bool,
    /// Token ids of the model are below this.
    pub(super) embeddings: Option<u32>,
}

impl Settings {
    /// Reads the files. All of them may be absent.
    pub(super) fn read(files: &Files<'_>, origin: Origin<'_>) -> Result<Self, TokenizerError> {
        let mut members = files.object(CONFIG)?;
        let config = files.object("config.json")?;
        let (class, class_name) = class_of(&members, &config);
        let mut declared = match members.get(DECLARED) {
            None | Some(Value::Null) => None,
            Some(Value::Object(tokens)) => Some(read_declared(tokens)?),
            Some(_) => return Err(wrong(CONFIG, DECLARED, "an object of tokens by id")),
        };
        if declared.is_none() {
            merge_special_tokens(&mut members, files.object(SPECIAL_TOKENS)?);
        }
        let sentence_transformers = sentence_transformers(files)?;
        for name in ["tokenizer_args", "processor_kwargs"] {
            if let Some(Value::Object(overrides)) = sentence_transformers.get(name) {
                members.extend(overrides.clone());
            }
        }
        let mut flags_by_content: HashMap<String, AddedToken> = declared
            .iter()
            .flatten()
            .map(|(_, token)| (token.content.clone(), token.clone()))
            .collect();
        if declared.is_none() {
            let mut tokens = read_added_tokens(files, &members)?;
            if let Origin::Document(added) = &origin {
                for (id, token) in added.iter() {
                    // Names the id already, and with more flags.
                    tokens.remove(&id);
                    flags_by_content.insert(token.content.clone(), token.clone());
                }
            }
            declared = Some(tokens);
        }
        let from = match origin {
            Origin::Document(_) => ReadFrom::Document,
            Origin::Vocabulary => ReadFrom::Vocabulary,
        };
        let lowercase =
            matches!(sentence_transformers.get("do_lower_case"), Some(Value::Bool(true)));
        let mut settings = Self {
            class,
            class_name,
            named: Vec::new(),
            additional: Vec::new(),
            declared: declared.unwrap_or_default(),
            lowercase,
            written_by_5: members.get("backend").is_some_and(|backend| backend == "tokenizers"),
            embeddings: vocabulary_size(&config),
            members,
        };
        settings.name_tokens(from, &flags_by_content)?;
        Ok(settings)
    }

    fn name_tokens(
        &mut self,
        from: ReadFrom,
        flags_by_content: &HashMap<String, AddedToken>,
    ) -> Result<(), TokenizerError> {
        let with_flags = |named: Named| match flags_by_content.get(named.content()) {
            Some(token) => Named::Token(token.clone()),
            None => named,
        };
        for attribute in ATTRIBUTES {
            let named = match self.members.get(attribute) {
                // Written as null: none, whatever the class would have.
                Some(Value::Null) => continue,
                Some(value) => with_flags(Named::of_json(value).ok_or_else(|| {
                    wrong(CONFIG, attribute, "a string or an object with content")
                })?),
                None => match self.class.default_token(attribute) {
                    Some(content) => Named::Plain(content.to_owned()),
                    None => continue,
                },
            };
            let named = match named {
                Named::Plain(content) => self.class.named(attribute, content, from),
                token @ Named::Token(_) => token,
            };
            self.named.push((attribute, named));
        }
        let list = |name: &str| -> Result<Option<Vec<Named>>, TokenizerError> {
            let tokens: Vec<&Value> = match self.members.get(name) {
                None | Some(Value::Null) => return Ok(None),
                Some(Value::Array(tokens)) => tokens.iter().collect(),
                Some(Value::Object(tokens)) => tokens.values().collect(),
                Some(_) => return Err(wrong(CONFIG, name, "a list of tokens")),
            };
            let read = |value| {
                Named::of_json(value).ok_or_else(|| wrong(CONFIG, name, "a list of tokens"))
            };
            tokens.into_iter().map(read).collect::<Result<_, _>>().map(Some)
        };
        let extra_ids = self.members.get("extra_ids").and_then(Value::as_u64).unwrap_or(100);
        let extra_ids = u32::try_from(extra_ids).unwrap_or(u32::MAX).min(MOST_EXTRA_IDS);
        let additional = self.class.additional(list(ADDITIONAL)?, extra_ids);
        let extra = list("extra_special_tokens")?.unwrap_or_default();
        self.additional = additional.into_iter().chain(extra).collect();
        Ok(())
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// The class as a file names it.
    pub(super) fn class_name(&self) -> Option<&str> {
        self.class_name.as_deref()
    }

    /// The error for a file that the class is read from and that is not there.
    pub(super) fn missing(&self, file: &'static str) -> TokenizerError {
        let class =
            self.class_name.clone().unwrap_or_else(|| format!("a {:?} tokenizer", self.class));
        TokenizerError::MissingFile { class, file }
    }

    /// A setting that is true or false; `None` when no file has it.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.members.get(name).and_then(Value::as_bool)
    }

    /// The text of a special token.
    pub(super) fn token(&self, attribute: &str) -> Option<&str> {
        let (_, named) = self.named.iter().find(|(name, _)| *name == attribute)?;
        Some(named.content()).filter(|content| !content.is_empty())
    }

    /// Tokens that the settings give ids, by the id they name.
    pub(super) fn declared(&self) -> &BTreeMap<u32, AddedToken> {
        &self.declared
    }

    /// The special tokens, each text once, in the order of adding.
    pub(super) fn special_tokens(&self) -> Vec<&Named> {
        let mut seen = HashSet::new();
        let all = self.named.iter().map(|(_, token)| token).chain(&self.additional);
        all.filter(|token| !token.content().is_empty() && seen.insert(token.content())).collect()
    }
}

/// T5 has a hundred.
const MOST_EXTRA_IDS: u32 = 10_000;

/// The class by `tokenizer_class`, of either file, else by `model_type`.
fn class_of(settings: &Map<String, Value>, config: &Map<String, Value>) -> (Class, Option<String>) {
    let text = |members: &Map<String, Value>, name: &str| {
        members.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    match text(settings, "tokenizer_class").or_else(|| text(config, "tokenizer_class")) {
        Some(name) => (Class::of_name(&name), Some(name)),
        None => {
            let model_type = text(config, "model_type");
            (model_type.as_deref().map_or(Class::Other, Class::of_model_type), None)
        }
    }
}

/// Token ids of the model are below this; models of several modalities say so for their text part.
fn vocabulary_size(config: &Map<String, Value>) -> Option<u32> {
    let size = config.get("vocab_size").or_else(|| config.get("text_config")?.get("vocab_size"));
    size.and_then(Value::as_u64).and_then(|size| u32::try_from(size).ok())
}

fn read_declared(tokens: &Map<String, Value>) -> Result<BTreeMap<u32, AddedToken>, TokenizerError> {
    let read = |(id, token): (&String, &Value)| {
        let id = id.parse::<u32>().ok()?;
        Some((id, AddedToken::of_members(token.as_object()?)?))
    };
    tokens
        .iter()
        .map(|entry| {
            read(entry).ok_or_else(|| wrong(CONFIG, DECLARED, "an object of tokens by id"))
        })
        .collect()
}

/// `special_tokens_map.json` on top of `tokenizer_config.json`.
fn merge_special_tokens(members: &mut Map<String, Value>, special: Map<String, Value>) {
    let mark = |mut value: Value| {
        if let Value::Object(token) = &mut value {
            token.insert("special".to_owned(), Value::Bool(true));
        }
        value
    };
    for (name, value) in special {
        let value = match value {
            Value::Array(tokens) if name == ADDITIONAL => {
                let mut all = match members.remove(ADDITIONAL) {
                    Some(Value::Array(named)) => named,
                    _ => Vec::new(),
                };
                for token in tokens.into_iter().map(mark) {
                    if !all.contains(&token) {
                        all.push(token);
                    }
                }
                Value::Array(all)
            }
            value => mark(value),
        };
        members.insert(name, value);
    }
}

/// `added_tokens.json`: ids by token.
fn read_added_tokens(
    files: &Files<'_>,
    members: &Map<String, Value>,
) -> Result<BTreeMap<u32, AddedToken>, TokenizerError> {
    let content = |value: &Value| Named::of_json(value).map(|named| named.content().to_owned());
    let additional = members.get(ADDITIONAL).and_then(Value::as_array).into_iter().flatten();
    let special: Vec<String> = ATTRIBUTES
        .iter()
        .filter_map(|attribute| members.get(*attribute))
        .chain(additional)
        .filter_map(content)
        .collect();
    let read = |(token, id): (String, Value)| {
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| wrong(ADDED_TOKENS, &token, "a token id"))?;
        let token = match special.contains(&token) {
            true => AddedToken::special(token),
            false => AddedToken::ordinary(token),
        };
        Ok((id, token))
    };
    files.object(ADDED_TOKENS)?.into_iter().map(read).collect()
}

fn sentence_transformers(files: &Files<'_>) -> Result<Map<String, Value>, TokenizerError> {
    match TRANSFORMER_SETTINGS.into_iter().find(|name| files.has(name)) {
        Some(name) => files.object(name),
        None => Ok(Map::new()),
    }
}

fn wrong(file: &str, member: &str, expected: &str) -> TokenizerError {
    TokenizerError::content(file, format!("{member} must be {expected}"))
}
