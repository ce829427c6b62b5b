//! Tables of decisions, and properties that hold for every queue.

use super::*;

fn waiting(lengths: &[usize]) -> Vec<Waiting> {
    lengths.iter().map(|length| Waiting { length: *length, passed_over: 0, request: 0 }).collect()
}

fn passed_over(mut waiting: Vec<Waiting>, index: usize, times: u32) -> Vec<Waiting> {
    waiting[index].passed_over = times;
    waiting
}

/// All streams but this one are busy for long: a batch may take what it likes.
const NO_SHARE: Situation = Situation { share: usize::MAX, max_width: 512, packs_texts: false };

/// The same where a row may have several texts.
const PACKED: Situation = Situation { packs_texts: true, ..NO_SHARE };

fn indices(chosen: &Chosen) -> Vec<usize> {
    chosen.places.iter().map(|place| place.index).collect()
}

fn form(waiting: &[Waiting], grouping: Grouping, situation: Situation) -> (Vec<usize>, usize) {
    let policy = BatchPolicy::Grouped(grouping);
    let chosen = form_batch(waiting, &policy, situation).expect("something waits");
    (indices(&chosen), chosen.width)
}

/// The default with a budget that the tables below are easy to check for.
fn grouping() -> Grouping {
    Grouping { token_budget: 512, ..Grouping::default() }
}

fn form_default(lengths: &[usize]) -> (Vec<usize>, usize) {
    form(&waiting(lengths), grouping(), NO_SHARE)
}

#[test]
fn nothing_is_formed_of_nothing() {
    assert_eq!(form_batch(&[], &BatchPolicy::default(), NO_SHARE), None);
    assert_eq!(form_batch(&[], &BatchPolicy::OneRequestPerBatch, NO_SHARE), None);
}

#[test]
fn entries_of_similar_length_go_together_and_others_wait() {
    assert_eq!(form_default(&[100, 8, 98, 250, 104]), (vec![0, 2, 4], 104));
    assert_eq!(form_default(&[8, 8, 250]), (vec![2], 256));
    assert_eq!(form_default(&[8; 10]), ((0..10).collect(), 8));
}

#[test]
fn a_batch_has_at_most_the_token_budget_with_padding() {
    assert_eq!(form_default(&[8; 100]), ((0..64).collect(), 8));
    assert_eq!(form_default(&[250; 3]), (vec![0, 1], 256));
    assert_eq!(form_default(&[100; 9]).0.len(), 4);
}

#[test]
fn an_entry_longer_than_the_budget_is_a_batch_by_itself() {
    let grouping = Grouping { token_budget: 100, ..grouping() };
    assert_eq!(form(&waiting(&[400, 400]), grouping, NO_SHARE), (vec![0], 400));
}

#[test]
fn entries_of_one_rounded_width_go_together_although_rounding_pads_them() {
    assert_eq!(form_default(&[7, 7, 8, 7]), (vec![0, 1, 2, 3], 8));
}

#[test]
fn a_group_that_pads_less_is_preferred_and_then_an_older_one() {
    assert_eq!(form_default(&[226, 256]), (vec![1], 256));
    assert_eq!(form_default(&[256, 256, 256]), (vec![0, 1], 256));
    assert_eq!(form_default(&[120, 120]), (vec![0, 1], 120));
}

#[test]
fn an_entry_passed_over_often_enough_is_in_the_batch() {
    let lengths = waiting(&[8, 250, 250, 250]);
    assert_eq!(form(&lengths, grouping(), NO_SHARE), (vec![1, 2], 256));
    let overdue = passed_over(lengths, 0, 4);
    assert_eq!(form(&overdue, grouping(), NO_SHARE), (vec![0], 8));
}

#[test]
fn the_oldest_of_several_overdue_entries_comes_first_and_takes_company_along() {
    let lengths = waiting(&[250, 8, 250, 100, 104, 8]);
    let overdue = passed_over(passed_over(lengths, 3, 9), 5, 20);
    assert_eq!(form(&overdue, grouping(), NO_SHARE), (vec![3, 4], 104));
}

#[test]
fn two_texts_on_two_idle_streams_go_one_to_each() {
    let share = |tokens: usize| Situation { share: tokens.div_ceil(2), ..NO_SHARE };
    assert_eq!(form(&waiting(&[8, 8]), grouping(), share(16)), (vec![0], 8));
    assert_eq!(form(&waiting(&[8, 200]), grouping(), share(208)), (vec![1], 200));
    assert_eq!(form(&waiting(&[8]), grouping(), share(8)), (vec![0], 8));
    assert_eq!(form(&waiting(&[5, 5, 5]), grouping(), share(15)), (vec![0, 1], 6));
}

#[test]
fn a_stream_leaves_the_half_of_a_short_queue_to_the_other_that_will_soon_be_free() {
    let share = Situation { share: 256, ..NO_SHARE };
    assert_eq!(form(&waiting(&[8; 60]), grouping(), share).0.len(), 32);
}

#[test]
fn only_the_window_is_looked_at() {
    let grouping = Grouping { window: 3, ..grouping() };
    assert_eq!(form(&waiting(&[8, 8, 8, 8, 8]), grouping, NO_SHARE), (vec![0, 1, 2], 8));
}

#[test]
fn a_request_is_one_batch_of_its_longest_width_when_the_policy_says_so() {
    let mut lengths = waiting(&[5, 300, 7]);
    lengths[2].request = 1;
    let chosen = form_batch(&lengths, &BatchPolicy::OneRequestPerBatch, NO_SHARE);
    assert_eq!(chosen, Some(Chosen::padded(&[0, 1], 300)));
}

#[test]
fn senseless_numbers_still_form_a_batch() {
    let grouping = Grouping { token_budget: 0, max_padding: f64::NAN, window: 0, ..grouping() };
    let nothing_fits = Situation { share: 0, max_width: 1, packs_texts: false };
    assert_eq!(form(&waiting(&[9, 9]), grouping, nothing_fits), (vec![0], 9));
}

/// A small deterministic generator (xorshift), so that a failure can be repeated.
struct Generator(u64);

impl Generator {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn waiting(&mut self) -> Vec<Waiting> {
        let longest = [10, 60, 250, 600][self.below(4) as usize];
        let count = 1 + self.below(300);
        (0..count)
            .map(|_| Waiting {
                length: 1 + self.below(longest) as usize,
                passed_over: self.below(6) as u32,
                request: self.below(5),
            })
            .collect()
    }
}

#[test]
fn every_batch_keeps_every_rule() {
    let mut generator = Generator(0x5eed);
    for round in 0..3_000 {
        let waiting = generator.waiting();
        let grouping = Grouping {
            token_budget: 1 + generator.below(1_500) as usize,
            max_passed_over: generator.below(8) as u32,
            batch_overhead: generator.below(50) as usize,
            ..grouping()
        };
        let share = 1 + generator.below(2_000) as usize;
        let situation = Situation { share, max_width: 600, packs_texts: false };
        let (indices, width) = form(&waiting, grouping.clone(), situation);
        let context = format!(
            "round {round}: {indices:?} of width {width} out of {waiting:?} by {grouping:?}"
        );

        assert!(!indices.is_empty(), "{context}");
        assert!(indices.is_sorted_by(|one, next| one < next), "in order, none twice: {context}");
        let longest = indices.iter().map(|index| waiting[*index].length).max().unwrap_or(0);
        let tokens: usize = indices.iter().map(|index| waiting[*index].length).sum();
        assert_eq!(width, grouping.rounding.round(longest, 600), "{context}");

        let slots = indices.len() * width;
        assert!(indices.len() == 1 || slots <= grouping.token_budget, "budget: {context}");
        assert!(indices.len() == 1 || tokens <= situation.share + longest / 2, "share: {context}");
        let is_short = waiting.iter().any(|entry| entry.length < 27);
        let padding_bound = (slots - tokens) as f64 <= grouping.max_padding * slots as f64;
        let is_of_rounding = indices
            .iter()
            .all(|index| grouping.rounding.round(waiting[*index].length, 600) == width);
        assert!(padding_bound || (is_short && is_of_rounding), "padding: {context}");

        let overdue = (0..waiting.len().min(grouping.window))
            .find(|index| waiting[*index].passed_over >= grouping.max_passed_over);
        assert!(overdue.is_none_or(|index| indices.contains(&index)), "starving: {context}");
    }
}

/// An entry waits for at most `max_passed_over` batches and one for each entry that is older and overdue.
#[test]
fn nobody_starves_under_a_flood_that_packs_better() {
    assert_eq!(served_in_a_flood(NO_SHARE), [Some(4), Some(5), Some(6)]);
    assert_eq!(served_in_a_flood(PACKED), [Some(4), Some(4), Some(5)]);
}

/// The batches in which entries of 3, 130 and 40 tokens are served while ever more of 256 tokens come.
fn served_in_a_flood(situation: Situation) -> [Option<usize>; 3] {
    let grouping = grouping();
    let mut queue = waiting(&[3, 130, 40]);
    let mut served = [None; 3];
    let mut ages: Vec<usize> = (0..queue.len()).collect();
    for batch in 0..20 {
        while queue.len() < 40 {
            queue.extend(waiting(&[256]));
            ages.push(ages.len() + 1_000 + batch);
        }
        let (indices, _) = form(&queue, grouping.clone(), situation);
        let youngest = *indices.last().expect("a batch is never empty");
        for index in indices.iter().rev() {
            if let Some(served) = served.get_mut(ages[*index]) {
                *served = Some(batch);
            }
            queue.remove(*index);
            ages.remove(*index);
        }
        let left_before = youngest + 1 - indices.len();
        queue[..left_before].iter_mut().for_each(|entry| entry.passed_over += 1);
    }
    served
}

#[test]
fn widths_of_mixed_texts_are_few() {
    let mut generator = Generator(7);
    let mut widths = std::collections::BTreeSet::new();
    let situation = Situation { max_width: 600, ..NO_SHARE };
    for _ in 0..5_000 {
        let (_, width) = form(&generator.waiting(), grouping(), situation);
        widths.insert(width);
    }
    assert!(widths.len() <= 24 + 24 + 16 + 3, "{widths:?}");
}

/// The entries, the rows and their width.
fn pack(lengths: &[usize], situation: Situation) -> (Vec<usize>, usize, usize) {
    let policy = BatchPolicy::Grouped(grouping());
    let chosen = form_batch(&waiting(lengths), &policy, situation).expect("something waits");
    (indices(&chosen), chosen.rows, chosen.width)
}

#[test]
fn texts_share_rows_where_a_model_allows_it() {
    // 8 + 8, 6 + 10 and 9 + 7 fill rows of 16.
    assert_eq!(pack(&[8, 6, 9, 10, 7, 8], PACKED), ((0..6).collect(), 3, 16));
    // Shorter ones go where a longer one has left room.
    assert_eq!(pack(&[100, 120, 20], PACKED), (vec![0, 1, 2], 2, 120));
    let policy = BatchPolicy::Grouped(grouping());
    let chosen = form_batch(&waiting(&[100, 120, 20]), &policy, PACKED).expect("a batch");
    let starts: Vec<usize> = chosen.places.iter().map(|place| place.start).collect();
    assert_eq!(starts, [120, 0, 220]);
}

#[test]
fn a_text_that_fills_no_row_waits_for_others() {
    assert_eq!(pack(&[20, 256, 250], PACKED), (vec![1, 2], 2, 256));
    assert_eq!(pack(&[8], PACKED), (vec![0], 1, 8));
    assert_eq!(pack(&[300, 300], PACKED), (vec![0], 1, 304));
}

#[test]
fn packed_batches_leave_the_other_streams_their_share() {
    let share = Situation { share: 256, ..PACKED };
    let (indices, rows, width) = pack(&[8; 60], share);
    assert_eq!((indices.len(), rows * width), (32, 256));
}

#[test]
fn every_packed_batch_keeps_every_rule() {
    let mut generator = Generator(0xbee);
    for round in 0..2_000 {
        let waiting = generator.waiting();
        let grouping = Grouping {
            token_budget: 1 + generator.below(1_500) as usize,
            max_passed_over: generator.below(8) as u32,
            ..grouping()
        };
        let share = 1 + generator.below(2_000) as usize;
        let situation = Situation { share, max_width: 600, packs_texts: true };
        let policy = BatchPolicy::Grouped(grouping.clone());
        let chosen = form_batch(&waiting, &policy, situation).expect("something waits");
        let context = format!("round {round}: {chosen:?} out of {waiting:?} by {grouping:?}");

        let indices = indices(&chosen);
        assert!(indices.is_sorted_by(|one, next| one < next), "in order, none twice: {context}");
        let mut is_taken = vec![false; chosen.rows * chosen.width];
        for place in &chosen.places {
            let length = waiting[place.index].length;
            assert!(place.start % chosen.width + length <= chosen.width, "in a row: {context}");
            for slot in &mut is_taken[place.start..place.start + length] {
                assert!(!std::mem::replace(slot, true), "two texts in one place: {context}");
            }
        }
        let is_used = |row: &[bool]| row.contains(&true);
        assert!(is_taken.chunks(chosen.width).all(is_used), "a row for nothing: {context}");

        let slots = chosen.rows * chosen.width;
        assert!(chosen.rows == 1 || slots <= grouping.token_budget, "budget: {context}");
        let lengths = indices.iter().map(|index| waiting[*index].length);
        let (longest, tokens) = (lengths.clone().max().unwrap_or(0), lengths.sum::<usize>());
        assert!(indices.len() == 1 || tokens <= share + longest / 2, "share: {context}");
        let overdue = (0..waiting.len().min(grouping.window))
            .find(|index| waiting[*index].passed_over >= grouping.max_passed_over);
        assert!(overdue.is_none_or(|index| indices.contains(&index)), "starving: {context}");
    }
}
