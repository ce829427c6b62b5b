//! Which token has which id: the model's own tokens, and those added to them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::added_token::AddedToken;

/// The tokens of a model.
#[derive(Debug, Default, Clone)]
pub(super) struct Vocabulary {
    ids: HashMap<String, u32>,
    /// Ids below this are the model's, so that added tokens go on from here.
    size: u32,
}

impl Vocabulary {
    /// A vocabulary in which every token has an id of its own, whatever the ids are.
    pub(super) fn of_ids(ids: HashMap<String, u32>) -> Self {
        Self { size: u32::try_from(ids.len()).unwrap_or(u32::MAX), ids }
    }

    /// A list of tokens, whose places are their ids; of equal tokens the last counts.
    pub(super) fn of_list<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vocabulary = Self::default();
        for token in tokens {
            vocabulary.push(token.to_owned());
        }
        vocabulary
    }

    fn push(&mut self, token: String) {
        self.ids.insert(token, self.size);
        self.size = self.size.saturating_add(1);
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }
}

/// `vocab` of a model in `tokenizer.json`: an object of ids, or a list of pairs of a token and its
/// score.
impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VocabularyVisitor;
        impl<'de> Visitor<'de> for VocabularyVisitor {
            type Value = Vocabulary;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of ids or a list of tokens with scores")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Vocabulary, A::Error> {
                let mut ids = HashMap::new();
                while let Some((token, id)) = members.next_entry()? {
                    ids.insert(token, id);
                }
                Ok(Vocabulary::of_ids(ids))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary::default();
                while let Some((token, _score)) = items.next_element::<(String, IgnoredAny)>()? {
                    vocabulary.push(token);
                }
                Ok(vocabulary)
            }
        }
        deserializer.deserialize_any(VocabularyVisitor)
    }
}

/// The tokens added to a vocabulary, by id.
///
/// Ids are given as the tokenizers library gives them when it reads a `tokenizer.json`: a token of
/// the vocabulary keeps its id, others go on after the last one, whatever id the file names.
#[derive(Debug, Default, Clone)]
pub(super) struct AddedTokens {
    by_id: BTreeMap<u32, AddedToken>,
    ids: HashMap<String, u32>,
}

impl AddedTokens {
    /// Adds tokens in one go. One that is there already gets new flags. Tokens that would get an id
    /// of `end` or above, for which the model has no embedding, are left out.
    pub(super) fn add(
        &mut self,
        tokens: impl IntoIterator<Item = AddedToken>,
        vocabulary: &Vocabulary,
        end: Option<u32>,
    ) {
        let mut next = match self.by_id.last_key_value() {
            Some((last, _)) if *last >= vocabulary.size => last.saturating_add(1),
            _ => vocabulary.size,
        };
        for token in tokens.into_iter().filter(|token| !token.content.is_empty()) {
            let known = self.id(&token.content).or_else(|| vocabulary.id(&token.content));
            let id = match known {
                Some(id) => id,
                None if end.is_some_and(|end| next >= end) => continue,
                None => {
                    next = next.saturating_add(1);
                    next - 1
                }
            };
            self.ids.insert(token.content.clone(), id);
            self.by_id.insert(id, token);
        }
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(super) fn has(&self, token: &AddedToken) -> bool {
        self.id(&token.content).and_then(|id| self.by_id.get(&id)) == Some(token)
    }

    /// Whether the same tokens are found in texts and get the same ids. Which of them are called
    /// special makes a difference only to the way back.
    pub(super) fn finds_as(&self, other: &Self) -> bool {
        let alike = |((id, token), (other_id, other)): ((u32, &AddedToken), (u32, &AddedToken))| {
            id == other_id && AddedToken { special: other.special, ..token.clone() } == *other
        };
        self.by_id.len() == other.by_id.len() && self.iter().zip(other.iter()).all(alike)
    }

    /// By ascending id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &AddedToken)> {
        self.by_id.iter().map(|(id, token)| (*id, token))
    }
}
