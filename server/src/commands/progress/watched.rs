//! How far a pull is, for whoever asks: `GET /progress`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use super::speed::Speed;

/// The largest piece that comes over a line at once; more at a time was there already.
const LARGEST_PIECE: u64 = 1 << 20;

/// What a pull does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::commands) enum Stage {
    /// The source is asked for its commit and its files.
    Resolving,
    /// Files come.
    Downloading,
    /// Files are compared with their hashes.
    Verifying,
    /// Weights are converted.
    Exporting,
    /// The model is in its place.
    Done,
}

/// A stage and its bytes, written by the pull and read by those who ask.
#[derive(Debug)]
pub(in crate::commands) struct Watched {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    done: u64,
    total: Option<u64>,
    speed: Speed,
}

/// The answer, in the API's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::commands) struct ProgressAnswer {
    stage: Stage,
    bytes_done: u64,
    bytes_total: Option<u64>,
    bytes_per_second: Option<u64>,
    eta_seconds: Option<u64>,
}

impl Default for Watched {
    fn default() -> Self {
        let state =
            State { stage: Stage::Resolving, done: 0, total: None, speed: Speed::default() };
        Self { started: Instant::now(), state: Mutex::new(state) }
    }
}

impl Watched {
    /// Another stage begins, with so many bytes if that is known.
    pub(in crate::commands) fn enter(&self, stage: Stage, total: Option<u64>) {
        let mut state = self.state();
        *state = State { stage, done: 0, total, speed: Speed::default() };
        state.speed.record(self.started.elapsed(), 0);
    }

    /// Everything is there.
    pub(in crate::commands) fn finish(&self) {
        self.state().stage = Stage::Done;
    }

    pub(super) fn advance(&self, bytes: u64) {
        let mut state = self.state();
        state.done = state.done.saturating_add(bytes);
        let done = state.done;
        if bytes > LARGEST_PIECE {
            state.speed.skip(bytes);
        }
        state.speed.record(self.started.elapsed(), done);
    }

    pub(super) fn retreat(&self, bytes: u64) {
        let mut state = self.state();
        state.done = state.done.saturating_sub(bytes);
    }

    pub(super) fn set(&self, done: u64) {
        let mut state = self.state();
        state.done = done;
        state.speed.record(self.started.elapsed(), done);
    }

    pub(in crate::commands) fn answer(&self) -> ProgressAnswer {
        let mut state = self.state();
        let (done, total) = (state.done, state.total);
        let is_done = state.stage == Stage::Done;
        let bytes_per_second = match is_done {
            true => Some(0),
            false => state.speed.bytes_per_second(self.started.elapsed(), done),
        };
        let left = total.map(|total| total.saturating_sub(done));
        ProgressAnswer {
            stage: state.stage,
            bytes_done: done,
            bytes_total: total,
            bytes_per_second,
            eta_seconds: match is_done {
                true => Some(0),
                false => left
                    .zip(bytes_per_second.filter(|speed| *speed > 0))
                    .map(|(left, speed)| left.div_ceil(speed)),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_stage_and_bytes_and_null_where_nothing_is_known() {
        let watched = Watched::default();
        let json = |watched: &Watched| serde_json::to_value(watched.answer()).expect("JSON");
        assert_eq!(
            json(&watched),
            serde_json::json!({
                "stage": "resolving",
                "bytes_done": 0,
                "bytes_total": null,
                "bytes_per_second": null,
                "eta_seconds": null,
            })
        );
        watched.enter(Stage::Downloading, Some(100));
        watched.advance(70);
        watched.retreat(30);
        let answer = json(&watched);
        assert_eq!((&answer["stage"], &answer["bytes_done"]), (&"downloading".into(), &40.into()));
        assert_eq!(answer["bytes_total"], 100);
        watched.finish();
        assert_eq!(json(&watched)["eta_seconds"], 0);
    }
}
