//! The wide stream of a model: one inference on several CPU lanes, for moments in which lanes would idle.
//!
//! Streams of one thread each do the most work in all, and a text alone is sooner done by several threads: MiniLM-L6 in
//! fp32 on two cores takes 2.3 ms instead of 3.1 for 8 tokens, 11 instead of 17 for 60 and 51 instead of 60 for 250, at
//! 1.3 to 1.7 times the CPU time. So a batch goes to the wide stream when its lanes are free and too little waits to give every other
//! stream something to do; under load that is never so, and no setting is needed for either end.

use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::lanes::Lane;
use crate::runtime::{Runtime, RuntimeError, Stream, WideStream};

/// A model's wide stream.
pub(crate) struct Wide {
    lanes: usize,
    /// Empty after a panic from which it could not be opened again.
    stream: Mutex<Option<Box<dyn Stream>>>,
}

/// The wide stream, in one thread's hands.
pub(crate) struct WideTurn<'a> {
    stream: MutexGuard<'a, Option<Box<dyn Stream>>>,
}

impl Wide {
    /// Opens it, if the runtime has one.
    pub(crate) fn open(runtime: &dyn Runtime) -> Result<Option<Self>, RuntimeError> {
        let opened = runtime.open_wide_stream()?;
        Ok(opened
            .map(|WideStream { stream, lanes }| Self { lanes, stream: Mutex::new(Some(stream)) }))
    }

    /// Takes the stream if this is its moment: fewer entries wait than streams could take at once, and as many lanes
    /// as it needs are free. The lane that is held becomes as wide.
    pub(crate) fn take(
        &self,
        waiting: usize,
        parallel: usize,
        lane: &mut Lane<'_>,
    ) -> Option<WideTurn<'_>> {
        if waiting == 0 || waiting >= parallel {
            return None;
        }
        let stream = match self.stream.try_lock() {
            Ok(stream) => stream,
            // Whoever held it dropped it after its panic.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (stream.is_some() && lane.try_widen(self.lanes)).then_some(WideTurn { stream })
    }
}

impl WideTurn<'_> {
    /// Where the stream is, until it panics.
    pub(crate) fn slot(&mut self) -> &mut Option<Box<dyn Stream>> {
        &mut self.stream
    }
}
