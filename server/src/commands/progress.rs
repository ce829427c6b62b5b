//! How far a pull or an export is: a bar on a terminal, a line every tenth of the way elsewhere.

mod speed;
mod watched;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model_hub::Progress;

pub(super) use watched::{ProgressAnswer, Stage, Watched};

use super::complain;

/// Shows the progress of one download after the other on standard error.
pub(super) struct Shown {
    what: &'static str,
    /// Who is told besides, in numbers.
    watched: Option<(Stage, Arc<Watched>)>,
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    bar: ProgressBar,
    /// Tenths that have been told already.
    told: u64,
}

impl Shown {
    /// Nothing is shown before the first [`Progress::start`].
    pub(super) fn new(what: &'static str) -> Self {
        let state = Mutex::new(State { bar: ProgressBar::hidden(), told: 0 });
        Self { what, watched: None, is_terminal: std::io::stderr().is_terminal(), state }
    }

    /// Tells `watched` too, as its stage `stage`.
    pub(super) fn and_tell(mut self, stage: Stage, watched: &Arc<Watched>) -> Self {
        self.watched = Some((stage, watched.clone()));
        self
    }

    fn tell(&self, what: impl FnOnce(&Watched)) {
        if let Some((_, watched)) = &self.watched {
            what(watched);
        }
    }

    /// Sets the bytes done so far, for callers that count themselves.
    pub(super) fn set(&self, done: u64) {
        self.update(|bar| bar.set_position(done));
        self.tell(|watched| watched.set(done));
    }

    fn update(&self, change: impl FnOnce(&ProgressBar)) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&state.bar);
        if self.is_terminal {
            return;
        }
        let (done, total) = (state.bar.position(), state.bar.length().unwrap_or(0).max(1));
        let tenths = done.saturating_mul(10) / total;
        if tenths > state.told {
            state.told = tenths;
            let rate = HumanBytes(state.bar.per_sec() as u64);
            let (done, total) = (HumanBytes(done), HumanBytes(total));
            complain(&format!(
                "{}: {}0 % ({done} of {total}, {rate}/s)",
                self.what,
                tenths.min(10)
            ));
        }
    }
}

impl Progress for Shown {
    fn start(&self, total_bytes: u64, files: usize) {
        if let Some((stage, watched)) = &self.watched {
            watched.enter(*stage, Some(total_bytes));
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let target = match self.is_terminal {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        )
        .expect("the template is valid")
        .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(total_bytes), target).with_style(style);
        bar.set_message(self.what);
        *state = State { bar, told: 0 };
        if !self.is_terminal {
            let bytes = HumanBytes(total_bytes);
            complain(&format!("{}: {files} file(s), {bytes}", self.what));
        }
    }

    fn advance(&self, bytes: u64) {
        self.update(|bar| bar.inc(bytes));
        self.tell(|watched| watched.advance(bytes));
    }

    fn retreat(&self, bytes: u64) {
        self.update(|bar| bar.set_position(bar.position().saturating_sub(bytes)));
        self.tell(|watched| watched.retreat(bytes));
    }

    fn message(&self, text: &str) {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.bar.suspend(|| complain(&format!("{}: {text}", self.what)));
    }

    fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.bar.finish_and_clear();
    }
}
