//! Counting tokens over a stretch of time while work goes on before and after it.
//!
//! Workers (clients, or threads that call OpenVINO) work without a pause. The stretch that counts
//! begins when every worker has finished something, and work goes on until every worker has
//! finished something after its end. So whatever is counted was done under full load; work that
//! lies partly inside the stretch counts with that part.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a measurement warms up, at least, and how long it measures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
}

/// What one measurement gave.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Real tokens per second; padding is not counted.
    pub(crate) tokens_per_second: f64,
    /// CPU seconds per second that this process spent as HTTP client.
    pub(crate) client_cores: Option<f64>,
}

/// One measurement that several workers take part in.
pub(crate) struct Measurement {
    workers: usize,
    window: Window,
    /// No earlier than this does the stretch begin.
    warm_at: Instant,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Workers that have finished something.
    warm: usize,
    /// When the stretch began.
    from: Option<Instant>,
    /// Workers that have finished something after its end.
    done: usize,
    spans: Vec<Span>,
}

/// A request or batch that was worked on.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
    tokens: usize,
    group: usize,
}

/// What a worker remembers between two pieces of work.
#[derive(Default)]
pub(crate) struct Worker {
    group: usize,
    is_warm: bool,
    is_done: bool,
}

impl Worker {
    /// One whose work is also counted apart from that of other groups.
    pub(crate) fn of_group(group: usize) -> Self {
        Self { group, ..Self::default() }
    }
}

impl Measurement {
    /// A measurement that begins now.
    pub(crate) fn start(window: Window, workers: usize) -> Self {
        Self {
            workers,
            window,
            warm_at: Instant::now() + window.warm_up,
            progress: Mutex::default(),
        }
    }

    /// Notes work that ended just now; whether the worker should go on.
    pub(crate) fn note(&self, worker: &mut Worker, start: Instant, tokens: usize) -> bool {
        let group = worker.group;
        self.note_until(worker, Span { start, end: Instant::now(), tokens, group })
    }

    fn note_until(&self, worker: &mut Worker, span: Span) -> bool {
        let mut progress = self.progress();
        progress.spans.push(span);
        if !std::mem::replace(&mut worker.is_warm, true) {
            progress.warm += 1;
            if progress.warm == self.workers {
                progress.from = Some(span.end.max(self.warm_at));
            }
        }
        let is_over = progress.from.is_some_and(|from| span.end >= from + self.window.measure);
        if is_over && !std::mem::replace(&mut worker.is_done, true) {
            progress.done += 1;
        }
        progress.done < self.workers
    }

    /// Real tokens per second over the stretch, once all workers have ended.
    pub(crate) fn tokens_per_second(&self) -> f64 {
        self.rate_where(|_| true)
    }

    /// The part of that which one group did.
    pub(crate) fn tokens_per_second_of(&self, group: usize) -> f64 {
        self.rate_where(|span| span.group == group)
    }

    fn rate_where(&self, counts: impl Fn(&Span) -> bool) -> f64 {
        let progress = self.progress();
        let Some(from) = progress.from else { return 0.0 };
        let to = from + self.window.measure;
        let spans = progress.spans.iter().filter(|span| counts(span));
        let tokens: f64 = spans.map(|span| span.tokens_within(from, to)).sum();
        tokens / self.window.measure.as_secs_f64()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Span {
    fn tokens_within(&self, from: Instant, to: Instant) -> f64 {
        let inside = self.end.min(to).saturating_duration_since(self.start.max(from));
        let whole = self.end.saturating_duration_since(self.start);
        if whole.is_zero() {
            return 0.0;
        }
        self.tokens as f64 * inside.as_secs_f64() / whole.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window =
        Window { warm_up: Duration::from_secs(2), measure: Duration::from_secs(10) };

    #[test]
    fn work_counts_with_the_part_that_lies_inside() {
        let zero = Instant::now();
        let at = |seconds: u64| zero + Duration::from_secs(seconds);
        let within = |start, end| {
            let span = Span { start: at(start), end: at(end), tokens: 30, group: 0 };
            span.tokens_within(at(10), at(20))
        };
        assert_eq!(within(12, 14), 30.0);
        assert_eq!(within(5, 15), 15.0);
        assert_eq!(within(18, 24), 10.0);
        assert_eq!(within(0, 60), 5.0);
        assert_eq!((within(0, 10), within(20, 30), within(12, 12)), (0.0, 0.0, 0.0));
    }

    /// Two workers that need 4 s and 6 s for 40 and 60 tokens: 20 tokens per second together.
    #[test]
    fn all_work_up_to_the_end_is_done_under_full_load() {
        let measurement = Measurement::start(WINDOW, 2);
        let zero = measurement.warm_at - WINDOW.warm_up;
        let mut workers = [Worker::default(), Worker::of_group(1)];
        let mut note = |index: usize, start: u64, end: u64, tokens| {
            let at = |seconds: u64| zero + Duration::from_secs(seconds);
            let span = Span { start: at(start), end: at(end), tokens, group: index };
            measurement.note_until(&mut workers[index], span)
        };
        // The stretch begins at 6 s, when both are warm, and ends at 16 s.
        assert!(note(0, 0, 4, 40));
        assert!(note(1, 0, 6, 60));
        assert!(note(0, 4, 8, 40));
        assert!(note(0, 8, 12, 40));
        assert!(note(1, 6, 12, 60));
        // The first is past the end, but works on until the second is, too.
        assert!(note(0, 12, 16, 40));
        assert!(!note(1, 12, 18, 60));
        assert!(!note(0, 16, 20, 40));
        assert_eq!(measurement.tokens_per_second(), 20.0);
        assert_eq!([0, 1].map(|group| measurement.tokens_per_second_of(group)), [10.0, 10.0]);
    }
}
