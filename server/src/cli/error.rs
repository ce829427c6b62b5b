//! The error of a wrong command line.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a command line is refused. Printed to stderr; the process ends with [`super::Exit::Usage`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UsageError {
    message: String,
    hint: Option<String>,
    /// Name of the option whose value is wrong, underscores, no dashes.
    option: Option<&'static str>,
    /// Who is told besides the person at the terminal.
    termination_message_path: Option<PathBuf>,
}

impl UsageError {
    /// An error with what is wrong, in OVMS's words where OVMS has the same error.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, option: None, termination_message_path: None }
    }

    /// An error about the value of one option.
    pub(super) fn of(option: &'static str, message: impl Into<String>) -> Self {
        Self { option: Some(option), ..Self::new(message) }
    }

    /// Adds what to do about it.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The file of `--termination_message_path`, if the command line has it all the same.
    pub fn termination_message_path(&self) -> Option<&Path> {
        self.termination_message_path.as_deref()
    }

    /// Says where the outcome is to be written.
    pub(super) fn reported_to(mut self, path: Option<PathBuf>) -> Self {
        self.termination_message_path = path;
        self
    }

    pub(super) fn option(&self) -> Option<&'static str> {
        self.option
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
