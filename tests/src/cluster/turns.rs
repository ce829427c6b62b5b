//! Who may use the cluster's two cores at the same time: several tests, or one that measures.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Tests that take turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    together: usize,
    is_one_alone: bool,
}

/// Whether others may work at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// Others that do not mind either.
    Others,
    /// Nobody else.
    Nobody,
}

/// A turn, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    company: Company,
}

impl Turns {
    /// Waits for a turn. A test may have several in company at once, as nobody who waits to be alone is before them.
    pub(super) fn wait(&self, company: Company) -> Turn<'_> {
        let mut state = self.lock();
        while state.is_one_alone || company == Company::Nobody && state.together > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match company {
            Company::Others => state.together += 1,
            Company::Nobody => state.is_one_alone = true,
        }
        Turn { turns: self, company }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        match self.company {
            Company::Others => state.together -= 1,
            Company::Nobody => state.is_one_alone = false,
        }
        self.turns.changed.notify_all();
    }
}
