//! Waiting for something to come true, instead of sleeping and hoping.

use std::time::{Duration, Instant};

use crate::program::PATIENCE;

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not come true within [`PATIENCE`], saying what was waited for.
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    until_or(what, condition, String::new);
}

/// As [`until`]; `seen` says what was there instead.
///
/// # Panics
/// If it does not come true within [`PATIENCE`], with what was there instead.
pub fn until_or(what: &str, mut condition: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > PATIENCE {
            panic!("waited in vain until {what}\n{}", seen());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
