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
pub fn until_or(what: &str, condition: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    wait(what, PATIENCE, Duration::from_millis(5), condition, seen);
}

/// As [`until_or`], for what takes longer and costs a process to ask for.
///
/// # Panics
/// If it does not come true within three minutes, with what was there instead.
pub fn for_long(what: &str, condition: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    wait(what, 3 * PATIENCE, Duration::from_millis(250), condition, seen);
}

fn wait(
    what: &str,
    patience: Duration,
    pause: Duration,
    mut condition: impl FnMut() -> bool,
    seen: impl FnOnce() -> String,
) {
    let started = Instant::now();
    while !condition() {
        if started.elapsed() > patience {
            panic!("waited in vain until {what}\n{}", seen());
        }
        std::thread::sleep(pause);
    }
}
