//! From what was typed to what is meant: every check that needs no file.
//!
//! Errors use OVMS's words where OVMS refuses the same thing.

use std::collections::BTreeMap;

use super::environment::Environment;
use super::{Secret, UsageError};

mod bench;
mod embed;
mod export;
mod job;
mod model;
mod ovms;
mod pull;
mod serve;
mod server;
pub(super) mod value;

pub(super) use bench::bench;
pub(super) use embed::embed;
pub(super) use export::export;
pub(super) use job::{remove, render_group};
pub(super) use ovms::ovms;
pub(super) use pull::{list, pull, resolve};
pub(super) use serve::{run, serve};

/// What checks need besides the arguments, and what they have to say.
pub(super) struct Context<'a> {
    /// For secrets, which are never on the command line.
    pub(super) environment: &'a Environment,
    /// Options that the environment set, with the variable's name.
    pub(super) variables: &'a BTreeMap<String, String>,
    /// What the user should know although it is no error.
    pub(super) warnings: Vec<String>,
}

impl Context<'_> {
    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    fn is_from_environment(&self, option: &str) -> bool {
        self.variables.contains_key(option)
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, UsageError> {
        self.environment.secret(name)
    }

    /// Drops a value that came from the environment and has no effect here, with a warning.
    fn drop_variable<T>(&mut self, option: &str, value: &mut Option<T>, why: &str) {
        if let (true, Some(variable)) = (value.is_some(), self.variables.get(option)) {
            *value = None;
            self.warn(format!("{variable} has no effect: {why}"));
        }
    }
}
