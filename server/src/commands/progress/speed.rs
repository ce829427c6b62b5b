//! Bytes a second over the last several seconds. Pure: time is handed over.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back a speed looks. A line that stands still is at 0 after this long.
const WINDOW: Duration = Duration::from_secs(8);
/// The least time between two samples.
const INTERVAL: Duration = Duration::from_millis(250);

/// Samples of a count that mostly grows.
#[derive(Debug, Default)]
pub(super) struct Speed {
    /// Time since the start, and the count then.
    samples: VecDeque<(Duration, u64)>,
}

impl Speed {
    /// The count is `done` at `now`.
    pub(super) fn record(&mut self, now: Duration, done: u64) {
        self.forget_before(now);
        let is_due =
            self.samples.back().is_none_or(|(last, _)| now.saturating_sub(*last) >= INTERVAL);
        if is_due {
            self.samples.push_back((now, done));
        }
    }

    /// The count grew by `bytes` that took no time: they were there already.
    pub(super) fn skip(&mut self, bytes: u64) {
        for (_, done) in &mut self.samples {
            *done = done.saturating_add(bytes);
        }
    }

    /// Bytes a second, of a count that is `done` at `now`; none until a moment has been seen.
    pub(super) fn bytes_per_second(&mut self, now: Duration, done: u64) -> Option<u64> {
        self.forget_before(now);
        let (since, before) = self.samples.front()?;
        let time = now.saturating_sub(*since);
        (time >= INTERVAL)
            .then(|| (done.saturating_sub(*before) as f64 / time.as_secs_f64()) as u64)
    }

    /// Keeps the samples of the window and the last one before it.
    fn forget_before(&mut self, now: Duration) {
        while self.samples.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
            self.samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let mut speed = Speed::default();
        assert_eq!(speed.bytes_per_second(at(0.0), 0), None);
        for second in 0..=60_u32 {
            // A hundred a second at first, ten later.
            let done = u64::from(second.min(30)) * 100 + u64::from(second.saturating_sub(30)) * 10;
            speed.record(at(second.into()), done);
        }
        assert_eq!(speed.bytes_per_second(at(60.0), 3_300), Some(10));
        assert!(speed.samples.len() <= 10, "{speed:?}");
    }

    #[test]
    fn a_speed_is_unknown_and_not_0_until_a_moment_has_been_seen() {
        let mut speed = Speed::default();
        speed.record(at(1.0), 1_000_000);
        assert_eq!(speed.bytes_per_second(at(1.1), 1_000_000), None);
        assert_eq!(speed.bytes_per_second(at(1.5), 1_000_500), Some(1_000));
    }

    #[test]
    fn a_line_that_stands_still_is_seen_to_do_so() {
        let mut speed = Speed::default();
        speed.record(at(0.0), 0);
        speed.record(at(1.0), 1_000);
        assert_eq!(speed.bytes_per_second(at(2.0), 1_000), Some(500));
        assert_eq!(speed.bytes_per_second(at(10.0), 1_000), Some(0));
    }

    #[test]
    fn bytes_that_were_there_already_are_no_speed() {
        let mut speed = Speed::default();
        speed.record(at(0.0), 0);
        speed.skip(1_000_000);
        assert_eq!(speed.bytes_per_second(at(2.0), 1_000_200), Some(100));
        assert_eq!(speed.bytes_per_second(at(2.0), 5), Some(0), "a file that is fetched again");
    }
}
