//! What goes on, on standard error.

#![expect(clippy::print_stderr, reason = "standard output is for the tables")]

/// Says what is being measured now.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
