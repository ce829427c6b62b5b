//! Which waiting entries form the next batch: one pure function, [`form_batch`].
//!
//! The function sees the next entries of a model's queue in the order of their turns and chooses among them. Everything
//! that it weighs is a value in its arguments, so that every decision can be written down as a table.

use std::cmp::Reverse;

mod packing;
mod width;

pub use width::WidthRounding;

/// How the batches of a model are formed.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchPolicy {
    /// Across requests, grouped by length.
    Grouped(Grouping),
    /// Every request is one batch, as wide as its longest input, whatever that costs: what OpenVINO Model Server
    /// does. For comparisons.
    OneRequestPerBatch,
}

impl Default for BatchPolicy {
    fn default() -> Self {
        Self::Grouped(Grouping::default())
    }
}

/// The numbers behind [`BatchPolicy::Grouped`].
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// The most tokens of a batch, padding included: `rows * width`. A single longer entry is a batch by itself.
    pub token_budget: usize,
    /// The most of a batch that may be padding, as a fraction of `rows * width`. Entries that would have the same
    /// width in a batch of their own are exempt: their padding comes from rounding, not from their company. With
    /// [`WidthRounding::Stepped`] that can exceed 10 % only below 9 tokens.
    pub max_padding: f64,
    /// After this many batches that left an entry behind while they took a younger one, the next batch is formed
    /// around it. 0 forms every batch around the oldest entry.
    pub max_passed_over: u32,
    /// How widths are rounded up.
    pub rounding: WidthRounding,
    /// How many of the oldest entries are looked at. Bounds the work of forming a batch however long the queue is.
    pub window: usize,
    /// What a batch costs besides its tokens, in tokens. The group with the best ratio of real tokens to
    /// `rows * width + batch_overhead` is chosen, so a larger number prefers fuller batches to less padding.
    pub batch_overhead: usize,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            token_budget: 768,
            max_padding: 0.10,
            max_passed_over: 4,
            rounding: WidthRounding::Stepped,
            window: 256,
            batch_overhead: 24,
        }
    }
}

/// What [`form_batch`] knows of a waiting entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its tokens, at least 1.
    pub length: usize,
    /// How many batches left it behind while they took a younger entry.
    pub passed_over: u32,
    /// Which request it belongs to.
    pub request: u64,
}

/// What [`form_batch`] knows of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The real tokens that this batch may take so that the model's other streams get their part: the waiting tokens and
    /// those being inferred, divided by the streams. An entry that crosses it goes in if half of it is within. Matters only while the queue is short: two texts on two idle
    /// streams go one to each, and of 60 short texts a stream takes half although all would fit its budget, since
    /// the other stream will be free before this one is.
    pub share: usize,
    /// The widest batch the model can read.
    pub max_width: usize,
    /// Whether a row may have several texts.
    pub packs_texts: bool,
}

/// A batch: which entries, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// In ascending order of `index`, so in order of arrival. Never empty.
    pub places: Vec<Place>,
    /// Rows of the batch.
    pub rows: usize,
    /// Tokens per row, at least the longest chosen entry.
    pub width: usize,
}

/// Where an entry is in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The entry's position in `waiting`.
    pub index: usize,
    /// Where it begins among the `rows * width` tokens, row after row. It ends in the row in which it begins.
    pub start: usize,
}

impl Chosen {
    /// A row for each entry; the positions are in ascending order.
    fn padded(indices: &[usize], width: usize) -> Self {
        let places =
            indices.iter().zip(0..).map(|(&index, row)| Place { index, start: row * width });
        Self { places: places.collect(), rows: indices.len(), width }
    }
}

/// Chooses the next batch among the waiting entries, which are in order of arrival; `None` only if there are none.
///
/// With [`BatchPolicy::Grouped`]:
/// 1. If an entry has been passed over `max_passed_over` times, the oldest such entry is in the batch.
/// 2. The batch has at most `token_budget` tokens with padding and about `share` without, unless it is a single entry.
/// 3. Padding is at most `max_padding`; only rounding may exceed it (see [`Grouping::max_padding`]).
/// 4. Among the groups that these rules allow, one for each width, the one whose real tokens are the largest part of
///    what it costs is chosen; among equals the one with the oldest entry.
/// 5. A shorter entry joins a group only if that improves its ratio; otherwise it waits for others of its length.
/// 6. Within a group longer entries go before shorter ones (they pad less) and older before younger ones.
///
/// Where rows may have several texts, the batch whose real tokens are the largest part of its cost is chosen likewise, and
/// instead of rules 3 and 5 shorter entries go where longer ones have left room.
///
/// Costs `O(n log n + n * widths)` for `n = min(waiting, window)`; `cargo bench -p engine` measures it for 256 entries.
#[must_use]
pub fn form_batch(
    waiting: &[Waiting],
    policy: &BatchPolicy,
    situation: Situation,
) -> Option<Chosen> {
    let oldest = waiting.first()?;
    match policy {
        BatchPolicy::OneRequestPerBatch => Some(form_request(waiting, oldest.request)),
        BatchPolicy::Grouped(grouping) => form_group(waiting, grouping, situation),
    }
}

/// All entries of one request, as wide as its longest.
fn form_request(waiting: &[Waiting], request: u64) -> Chosen {
    let indices: Vec<usize> =
        (0..waiting.len()).filter(|index| waiting[*index].request == request).collect();
    let width = indices.iter().map(|index| waiting[*index].length).max().unwrap_or(1);
    Chosen::padded(&indices, width)
}

/// An entry with what grouping needs to know of it.
#[derive(Debug, Clone, Copy)]
struct Sized {
    index: usize,
    length: usize,
    /// Its width in a batch of its own.
    width: usize,
}

fn form_group(waiting: &[Waiting], grouping: &Grouping, situation: Situation) -> Option<Chosen> {
    let waiting = &waiting[..waiting.len().min(grouping.window.max(1))];
    let sized = |index: usize| {
        let length = waiting[index].length;
        Sized { index, length, width: grouping.rounding.round(length, situation.max_width) }
    };
    let mut by_length: Vec<Sized> = (0..waiting.len()).map(sized).collect();
    by_length.sort_unstable_by_key(|entry| (Reverse(entry.length), entry.index));
    let overdue = (0..waiting.len())
        .find(|index| waiting[*index].passed_over >= grouping.max_passed_over)
        .map(sized);

    if situation.packs_texts {
        return packing::form_packed(&by_length, overdue, grouping, situation);
    }
    let mut best: Option<Group> = None;
    for (width, entries) in widths(&by_length, overdue) {
        let group = Group::fill(width, overdue, entries, grouping, situation.share);
        if group.is_better_than(best.as_ref(), grouping.batch_overhead) {
            best = Some(group);
        }
    }
    best.map(Group::into_chosen)
}

/// Each width of the entries, the widest first, with the entries that fit into it; none that an overdue one does not fit
/// into.
fn widths(by_length: &[Sized], overdue: Option<Sized>) -> impl Iterator<Item = (usize, &[Sized])> {
    let least = overdue.map_or(0, |entry| entry.width);
    let starts = (0..by_length.len())
        .filter(|&start| start == 0 || by_length[start].width != by_length[start - 1].width);
    starts
        .map(|start| (by_length[start].width, &by_length[start..]))
        .take_while(move |(width, _)| *width >= least)
}

/// A batch in the making.
#[derive(Debug)]
struct Group {
    indices: Vec<usize>,
    tokens: usize,
    width: usize,
    oldest: usize,
}

impl Group {
    /// The best allowed group of this width: `overdue` first, then from the longest to shorter ones.
    fn fill(
        width: usize,
        overdue: Option<Sized>,
        by_length: &[Sized],
        grouping: &Grouping,
        share: usize,
    ) -> Self {
        let mut group = Self { indices: Vec::new(), tokens: 0, width, oldest: usize::MAX };
        if let Some(entry) = overdue {
            if entry.width < width && !group.is_padding_allowed(&entry, grouping.max_padding) {
                return group;
            }
            group.push(&entry);
        }
        for entry in by_length {
            if overdue.is_some_and(|overdue| overdue.index == entry.index) {
                continue;
            }
            let joins = group.indices.is_empty()
                || (group.has_room_for(entry, grouping.token_budget, share)
                    && group.is_padding_allowed(entry, grouping.max_padding)
                    && group.gains_by(entry, grouping.batch_overhead));
            if !joins {
                break;
            }
            group.push(entry);
        }
        group
    }

    fn has_room_for(&self, entry: &Sized, budget: usize, share: usize) -> bool {
        let slots = (self.indices.len() + 1) * self.width;
        slots <= budget && self.tokens + entry.length.div_ceil(2) <= share
    }

    fn is_padding_allowed(&self, entry: &Sized, max_padding: f64) -> bool {
        let slots = (self.indices.len() + 1) * self.width;
        let padding = slots - self.tokens - entry.length;
        entry.width == self.width || padding as f64 <= max_padding * slots as f64
    }

    /// Whether a shorter entry brings more than it costs: its tokens against a row of this width, compared with the
    /// ratio of the group so far. One that does not fits better with others of its own length.
    fn gains_by(&self, entry: &Sized, overhead: usize) -> bool {
        let cost = self.indices.len() * self.width + overhead;
        entry.width == self.width
            || entry.length as u128 * cost as u128 >= self.tokens as u128 * self.width as u128
    }

    fn push(&mut self, entry: &Sized) {
        self.indices.push(entry.index);
        self.tokens += entry.length;
        self.oldest = self.oldest.min(entry.index);
    }

    /// Compares real tokens per cost exactly, by cross-multiplication.
    fn is_better_than(&self, other: Option<&Self>, overhead: usize) -> bool {
        let Some(other) = other else {
            return !self.indices.is_empty();
        };
        let cost = |group: &Self| (group.indices.len() * group.width + overhead) as u128;
        let ours = self.tokens as u128 * cost(other);
        let theirs = other.tokens as u128 * cost(self);
        ours > theirs || (ours == theirs && self.oldest < other.oldest)
    }

    fn into_chosen(mut self) -> Chosen {
        self.indices.sort_unstable();
        Chosen::padded(&self.indices, self.width)
    }
}

#[cfg(test)]
mod tests;
