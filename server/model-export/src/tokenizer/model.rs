//! `model` of a `tokenizer.json`, written without a copy of its vocabulary.

use serde::{Serialize, Serializer};

/// Tokens with their ids, as an object.
#[derive(Debug)]
pub(super) struct Ids<'a>(Vec<(&'a str, u32)>);

impl<'a> Ids<'a> {
    /// The tokens, by ascending id in the file.
    pub(super) fn new(mut ids: Vec<(&'a str, u32)>) -> Self {
        ids.sort_unstable_by_key(|(_, id)| *id);
        Self(ids)
    }
}

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// Longest piece first, from the front of a word.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "WordPiece")]
pub(super) struct WordPiece<'a> {
    pub(super) unk_token: &'a str,
    /// What pieces begin with that do not begin a word.
    pub(super) continuing_subword_prefix: &'static str,
    /// Words with more letters are unknown.
    pub(super) max_input_chars_per_word: usize,
    pub(super) vocab: Ids<'a>,
}

/// Byte-pair encoding: neighbours are joined in the order of `merges`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "BPE")]
pub(super) struct BytePairs<'a> {
    pub(super) dropout: Option<f32>,
    pub(super) unk_token: Option<&'a str>,
    pub(super) continuing_subword_prefix: Option<&'static str>,
    pub(super) end_of_word_suffix: Option<&'static str>,
    /// Whether unknown neighbours become one unknown token.
    pub(super) fuse_unk: bool,
    /// Whether letters that are no token become the tokens of their bytes.
    pub(super) byte_fallback: bool,
    pub(super) ignore_merges: bool,
    pub(super) vocab: Ids<'a>,
    pub(super) merges: Vec<(&'a str, &'a str)>,
}

/// The likeliest division of a text.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "Unigram")]
pub(super) struct Unigram<'a> {
    pub(super) unk_id: usize,
    /// Tokens in the order of their ids, with the logarithms of their probabilities.
    pub(super) vocab: Vec<(&'a str, f64)>,
    pub(super) byte_fallback: bool,
}
