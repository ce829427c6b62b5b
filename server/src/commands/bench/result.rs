//! Counts what became of the requests. Pure.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::sending::Outcome;

/// A day, in microseconds: longer latencies count as one.
const LONGEST: u64 = 86_400_000_000;
/// Latencies are kept to three digits, whatever their size.
const DIGITS: u8 = 3;
/// Kinds of errors that are counted one by one, as a server's words may differ each time.
const MOST_KINDS: usize = 20;
const OTHERS: &str = "other errors";

/// Requests that were answered, well or not.
pub(super) struct Tally {
    /// Latencies of good answers, in microseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    /// Texts of good answers.
    pub(super) texts: usize,
    /// Tokens of good answers.
    pub(super) tokens: u64,
    /// By kind.
    pub(super) errors: BTreeMap<String, Failed>,
}

/// Requests that failed in one way.
pub(super) struct Failed {
    pub(super) count: usize,
    /// What the first of them said.
    pub(super) message: String,
}

impl Tally {
    pub(super) fn new() -> Self {
        let latencies =
            Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are valid");
        Self { latencies, succeeded: 0, failed: 0, texts: 0, tokens: 0, errors: BTreeMap::new() }
    }

    /// Counts one request.
    pub(super) fn add(&mut self, outcome: Outcome) {
        let failure = match outcome.tokens {
            Ok(tokens) => {
                let latency = u64::try_from(outcome.latency.as_micros()).unwrap_or(LONGEST);
                self.latencies.saturating_record(latency.max(1));
                self.succeeded += 1;
                self.texts += outcome.texts;
                self.tokens += tokens;
                return;
            }
            Err(failure) => failure,
        };
        self.failed += 1;
        let is_new = !self.errors.contains_key(&failure.kind);
        let kind = match is_new && self.errors.len() >= MOST_KINDS {
            true => OTHERS.to_owned(),
            false => failure.kind,
        };
        let of_kind =
            self.errors.entry(kind).or_insert(Failed { count: 0, message: failure.message });
        of_kind.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::bench::answer::Failure;

    fn outcome(milliseconds: u64, tokens: Result<u64, &str>) -> Outcome {
        let failure = |kind: &str| Failure { kind: kind.to_owned(), message: format!("{kind}!") };
        Outcome {
            latency: Duration::from_millis(milliseconds),
            texts: 2,
            tokens: tokens.map_err(failure),
        }
    }

    #[test]
    fn latencies_and_tokens_are_those_of_good_answers() {
        let mut tally = Tally::new();
        for milliseconds in 1..=100 {
            tally.add(outcome(milliseconds, Ok(7)));
        }
        tally.add(outcome(90_000, Err("time-out")));
        assert_eq!((tally.succeeded, tally.failed, tally.texts, tally.tokens), (100, 1, 200, 700));
        let near = |quantile, milliseconds: f64| {
            let found = tally.latencies.value_at_quantile(quantile) as f64 / 1000.0;
            assert!((found - milliseconds).abs() < milliseconds / 500.0, "{quantile}: {found}");
        };
        for (quantile, milliseconds) in [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
            near(quantile, milliseconds);
        }
        tally.add(outcome(u64::MAX, Ok(1)));
        tally.add(outcome(0, Ok(1)));
    }

    #[test]
    fn errors_are_counted_by_kind_and_the_kinds_are_bounded() {
        let mut tally = Tally::new();
        for number in 0..1000 {
            tally.add(outcome(1, Err(&format!("kind {number}"))));
        }
        tally.add(outcome(1, Err("kind 3")));
        assert_eq!(tally.errors.len(), MOST_KINDS + 1);
        assert_eq!(tally.errors["kind 3"].count, 2);
        assert_eq!(tally.errors["kind 3"].message, "kind 3!");
        assert_eq!(tally.errors[OTHERS].count, 1000 - MOST_KINDS);
    }
}
