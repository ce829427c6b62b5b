//! The joins of a BPE model, which sentencepiece does not store: it joins whatever makes the best
//! piece.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::Class;
use super::proto::SentencePieceModel;

/// The piece for a tab where there is none of its own.
pub(super) const TAB_BYTE: &str = "<0x09>";

/// One way to make a piece of two.
struct Join<'a> {
    left: &'a str,
    right: &'a str,
    score: f32,
    /// Letters of both.
    lengths: (usize, usize),
}

/// All ways to make a piece of two pieces, the best piece first; of equals the ones with longer
/// parts.
///
/// `scored` are the tokens of the tokenizer; parts are looked for among the pieces of the model.
pub(super) fn merges<'a>(
    class: Class,
    source: &'a SentencePieceModel,
    scored: &[(&'a str, f32)],
) -> Vec<(&'a str, &'a str)> {
    let mut ids: HashMap<&str, usize> =
        source.pieces.iter().enumerate().map(|(id, piece)| (piece.text.as_str(), id)).collect();
    if let (Class::Gemma, Some(byte)) = (class, ids.get(TAB_BYTE).copied()) {
        ids.entry("\t").or_insert(byte);
    }
    // Of equal tokens the first place and the last score count.
    let last_scores: HashMap<&str, f32> = scored.iter().copied().collect();
    let mut joins = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (token, _) in scored.iter().filter(|(token, _)| seen.insert(*token)) {
        let length = token.chars().count();
        let mut ways: Vec<(usize, usize, Join<'_>)> = Vec::new();
        for (count, (place, _)) in token.char_indices().enumerate().skip(1) {
            let (left, right) = token.split_at(place);
            if let (Some(left_id), Some(right_id)) = (ids.get(left), ids.get(right)) {
                let score = last_scores.get(token).copied().unwrap_or_default();
                let join = Join { left, right, score, lengths: (count, length - count) };
                ways.push((*left_id, *right_id, join));
            }
        }
        ways.sort_by_key(|(left, right, _)| (*left, *right));
        joins.extend(ways.into_iter().map(|(_, _, join)| join));
    }
    // Stable: equals stay in the order of their pieces.
    joins.sort_by(|one, other| {
        let by_score = other.score.partial_cmp(&one.score).unwrap_or(Ordering::Equal);
        by_score.then_with(|| other.lengths.cmp(&one.lengths))
    });
    joins.into_iter().map(|join| (join.left, join.right)).collect()
}
