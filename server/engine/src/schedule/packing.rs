//! Batches in which a row holds several texts, so that hardly anything of it is padding.
//!
//! 64 clients over HTTP, MiniLM-L6 in fp32, two cores with AVX-512, both ways in turn: 6 % more tokens a second of queries of
//! 6 to 10 tokens than with texts of similar lengths grouped, 5 % more of mixed documents, 1 % more of 32 mixed documents a
//! request. The mask that keeps texts apart costs nothing that could be measured.

use std::collections::BTreeMap;

use super::{Chosen, Grouping, Place, Situation, Sized, widths};

/// Attention costs a token as much as all else does in rows of so many tokens: 6 times the hidden size, by counting
/// operations, here MiniLM's 384. It is less for larger models, whose rows could be wider.
const ATTENTION_WIDTH: usize = 2_304;

/// Widths of rows that are tried for shorter texts, beside that of the longest one.
const SHORT_ROWS: [usize; 3] = [16, 24, 32];

/// The batch whose tokens are the largest part of what it costs, attention in its rows included, among those that begin
/// with the longest text of a width and go on to shorter ones; among equals that of the oldest entry. An overdue entry
/// is in it.
pub(super) fn form_packed(
    by_length: &[Sized],
    overdue: Option<Sized>,
    grouping: &Grouping,
    situation: Situation,
) -> Option<Chosen> {
    let mut best: Option<Packed> = None;
    for (longest, entries) in widths(by_length, overdue) {
        for width in row_widths(longest, situation.max_width) {
            let packed = fill(width, overdue, entries, grouping, situation.share);
            if best.as_ref().is_none_or(|best| packed.is_better_than(best)) {
                best = Some(packed);
            }
        }
    }
    best.map(Packed::into_chosen)
}

fn row_widths(width: usize, max_width: usize) -> impl Iterator<Item = usize> {
    let wider = SHORT_ROWS.into_iter().filter(move |row| *row > width && *row <= max_width);
    std::iter::once(width).chain(wider)
}

/// The best batch of rows of this width: `overdue` first, then from the longest to shorter ones, each where it leaves
/// the least room, and no further than where the batch was at its best.
fn fill(
    width: usize,
    overdue: Option<Sized>,
    by_length: &[Sized],
    grouping: &Grouping,
    share: usize,
) -> Packed {
    let mut rows = Rows::new(width, grouping.token_budget / width);
    let mut packed = Packed { places: Vec::new(), tokens: 0, rows: 0, width, cost: 0 };
    let mut at_best = 0;
    let mut tokens = 0;
    let others =
        by_length.iter().filter(|entry| overdue.is_none_or(|first| first.index != entry.index));
    for entry in overdue.iter().chain(others) {
        if tokens > 0 && tokens + entry.length.div_ceil(2) > share {
            break;
        }
        let Some(start) = rows.place(entry.length) else { continue };
        packed.places.push(Place { index: entry.index, start });
        tokens += entry.length;
        let cost = cost(rows.count, width, grouping.batch_overhead);
        if is_better((tokens, cost), (packed.tokens, packed.cost)) {
            at_best = packed.places.len();
            (packed.tokens, packed.rows, packed.cost) = (tokens, rows.count, cost);
        }
    }
    packed.places.truncate(at_best);
    packed
}

/// What a batch costs, in fractions of what a token costs apart from attention.
fn cost(rows: usize, width: usize, overhead: usize) -> u128 {
    let tokens = rows as u128 * width as u128;
    tokens * (ATTENTION_WIDTH + width) as u128 + overhead as u128 * ATTENTION_WIDTH as u128
}

/// Whether the first batch has more tokens for its cost, or as many; compared exactly, by cross-multiplication.
fn is_better((tokens, cost): (usize, u128), (other_tokens, other_cost): (usize, u128)) -> bool {
    tokens as u128 * other_cost >= other_tokens as u128 * cost
}

/// A batch in the making.
#[derive(Debug)]
struct Packed {
    places: Vec<Place>,
    tokens: usize,
    rows: usize,
    width: usize,
    cost: u128,
}

impl Packed {
    fn is_better_than(&self, other: &Self) -> bool {
        let (ours, theirs) = ((self.tokens, self.cost), (other.tokens, other.cost));
        let is_equal = is_better(ours, theirs) && is_better(theirs, ours);
        match is_equal {
            true => self.oldest() < other.oldest(),
            false => is_better(ours, theirs),
        }
    }

    fn oldest(&self) -> Option<usize> {
        self.places.iter().map(|place| place.index).min()
    }

    fn into_chosen(mut self) -> Chosen {
        self.places.sort_unstable_by_key(|place| place.index);
        Chosen { places: self.places, rows: self.rows, width: self.width }
    }
}

/// Rows that are filled text by text.
#[derive(Debug)]
struct Rows {
    width: usize,
    most: usize,
    count: usize,
    /// Rows by the tokens that still fit.
    by_room: BTreeMap<usize, Vec<usize>>,
}

impl Rows {
    fn new(width: usize, most: usize) -> Self {
        Self { width, most: most.max(1), count: 0, by_room: BTreeMap::new() }
    }

    /// Where a text begins that is put into the fullest row that has room for it, or else into a new one.
    fn place(&mut self, length: usize) -> Option<usize> {
        let room = match self.by_room.range(length..).next() {
            Some((room, _)) => *room,
            None if self.count < self.most && length <= self.width => {
                self.by_room.entry(self.width).or_default().push(self.count);
                self.count += 1;
                self.width
            }
            None => return None,
        };
        let rows = self.by_room.get_mut(&room)?;
        let row = rows.pop()?;
        if rows.is_empty() {
            self.by_room.remove(&room);
        }
        if room > length {
            self.by_room.entry(room - length).or_default().push(row);
        }
        Some(row * self.width + self.width - room)
    }
}
