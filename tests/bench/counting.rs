//! When a measurement ends, and what it counts until then.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::window::{Measurement, Window, Worker};

/// When a measurement ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// After a stretch of time under full load.
    Window(Window),
    /// When the one request that each client sends is answered. For requests that take so long
    /// that a stretch between two of a client's would take minutes.
    EachOnce,
    /// When so many answers have come after the first one; what is under way then is cut off. Only
    /// where requests are answered in turn: then the first answer says nothing of the others.
    AnswersAfterFirst(usize),
}

/// The count of one measurement.
pub(crate) enum Count {
    Window(Measurement),
    Answers { ending: Ending, started: Instant, answers: Mutex<Answers> },
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    first: Option<Instant>,
    last: Option<Instant>,
    tokens: usize,
    tokens_of_first: usize,
    count: usize,
}

impl Count {
    /// A measurement that begins now.
    pub(crate) fn start(ending: Ending, workers: usize) -> Self {
        match ending {
            Ending::Window(window) => Self::Window(Measurement::start(window, workers)),
            Ending::EachOnce | Ending::AnswersAfterFirst(_) => {
                Self::Answers { ending, started: Instant::now(), answers: Mutex::default() }
            }
        }
    }

    /// Notes work that ended just now; whether the worker should go on.
    pub(crate) fn note(&self, worker: &mut Worker, start: Instant, tokens: usize) -> bool {
        match self {
            Self::Window(measurement) => measurement.note(worker, start, tokens),
            Self::Answers { ending, answers, .. } => {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.note(Instant::now(), tokens);
                matches!(ending, Ending::AnswersAfterFirst(wanted) if answers.count <= *wanted)
            }
        }
    }

    /// Whether the first worker that stops ends everybody's work.
    pub(crate) fn cuts_off(&self) -> bool {
        matches!(self, Self::Answers { ending: Ending::AnswersAfterFirst(_), .. })
    }

    /// Real tokens per second, once the measurement has ended.
    pub(crate) fn tokens_per_second(&self) -> f64 {
        match self {
            Self::Window(measurement) => measurement.tokens_per_second(),
            Self::Answers { ending, started, answers } => {
                let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.rate(*ending, *started)
            }
        }
    }

    /// The part of that which one group of workers did; nothing where groups are not kept apart.
    pub(crate) fn tokens_per_second_of(&self, group: usize) -> Option<f64> {
        match self {
            Self::Window(measurement) => Some(measurement.tokens_per_second_of(group)),
            Self::Answers { .. } => None,
        }
    }
}

impl Answers {
    fn note(&mut self, now: Instant, tokens: usize) {
        if self.first.is_none() {
            (self.first, self.tokens_of_first) = (Some(now), tokens);
        }
        self.last = Some(now);
        self.tokens += tokens;
        self.count += 1;
    }

    fn rate(&self, ending: Ending, started: Instant) -> f64 {
        let (Some(first), Some(last)) = (self.first, self.last) else { return 0.0 };
        let (from, tokens) = match ending {
            Ending::AnswersAfterFirst(_) => (first, self.tokens - self.tokens_of_first),
            Ending::EachOnce | Ending::Window(_) => (started, self.tokens),
        };
        let seconds = last.saturating_duration_since(from).as_secs_f64();
        if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_count_from_the_start_or_from_the_first_one() {
        let started = Instant::now();
        let mut answers = Answers::default();
        for second in [4, 5, 6] {
            answers.note(started + Duration::from_secs(second), 30);
        }
        assert_eq!(answers.rate(Ending::EachOnce, started), 15.0);
        assert_eq!(answers.rate(Ending::AnswersAfterFirst(2), started), 30.0);
        assert_eq!(Answers::default().rate(Ending::EachOnce, started), 0.0);
    }

    #[test]
    fn clients_go_on_until_enough_answers_have_come() {
        let goes_on = |ending| {
            let count = Count::start(ending, 2);
            [(); 3].map(|()| count.note(&mut Worker::default(), Instant::now(), 1))
        };
        assert_eq!(goes_on(Ending::AnswersAfterFirst(2)), [true, true, false]);
        assert_eq!(goes_on(Ending::EachOnce), [false, false, false]);
    }
}
