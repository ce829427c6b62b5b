//! The command line: arguments and environment in, checked options out.
//!
//! [`parse`] is a pure function. It accepts the subcommands of this program and, without a
//! subcommand, the flags of OpenVINO Model Server (OVMS), with its rules and its messages. The
//! steps: `normalize` brings every option into one spelling and adds what the environment says,
//! clap splits it by `arguments`, `check` makes typed `options` of it.
//! What has no effect on embeddings is accepted with a warning; what is not supported is refused
//! by name; both refusals and mistakes end the process with [`Exit::Usage`].

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::FromArgMatches;
use clap::error::ErrorKind;

mod arguments;
mod check;
mod completions;
mod environment;
mod error;
mod exit;
mod normalize;
mod options;
mod reference;
mod secret;
mod suggest;
#[cfg(test)]
mod tests;

pub use completions::completions;
pub use environment::Environment;
pub use error::UsageError;
pub use exit::Exit;
pub use options::*;
pub use reference::reference_markdown;
pub use secret::Secret;

use arguments::{Command, Root};
use check::Context;
use normalize::Normalized;

/// A command line that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What to do.
    pub invocation: Invocation,
    /// What the user should know although it is no error; for stderr or the log, one line each.
    pub warnings: Vec<String>,
}

/// Understands a command line.
///
/// `arguments` begin with the program's name, as those of [`std::env::args_os`] do.
///
/// # Errors
/// [`UsageError`] if an option is unknown, refused, missing, in conflict or has an unusable value.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Parsed, UsageError> {
    let command = arguments::command();
    let mut normalized = Normalized::read(&command, arguments.into_iter().skip(1));
    understood(&command, &mut normalized, environment).map_err(|error| {
        let path = normalized.value_of("termination_message_path");
        error.reported_to(path.map(Into::into))
    })
}

fn understood(
    command: &clap::Command,
    normalized: &mut Normalized,
    environment: &Environment,
) -> Result<Parsed, UsageError> {
    if !normalized.unmatched.is_empty() {
        return Err(unmatched(normalized, command));
    }
    let variables = normalized.add_environment(environment);
    let mut context = Context {
        environment,
        variables: &variables,
        warnings: unknown_variables(command, environment),
    };
    let invocation = if normalized.says_nothing(&variables) {
        Invocation::Help(command.clone().render_help().to_string())
    } else {
        match command.clone().try_get_matches_from(&normalized.arguments) {
            Ok(matches) => {
                let root =
                    Root::from_arg_matches(&matches).map_err(|error| usage(&error, normalized))?;
                invocation(root, &mut context).map_err(|error| name_variable(error, &context))?
            }
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                Invocation::Help(error.render().to_string())
            }
            Err(error) => return Err(usage(&error, normalized)),
        }
    };
    Ok(Parsed { invocation, warnings: context.warnings })
}

fn invocation(root: Root, context: &mut Context<'_>) -> Result<Invocation, UsageError> {
    match root.command {
        None => check::ovms(root.ovms, context),
        Some(Command::Serve(arguments)) => check::serve(*arguments, context),
        Some(Command::Run(arguments)) => check::run(*arguments, context),
        Some(Command::Resolve(arguments)) => check::resolve(*arguments, context),
        Some(Command::Pull(arguments)) => check::pull(*arguments, context),
        Some(Command::Export(arguments)) => check::export(*arguments, context),
        Some(Command::Remove(arguments)) => check::remove(arguments),
        Some(Command::RenderGroup(arguments)) => check::render_group(arguments),
        Some(Command::Embed(arguments)) => check::embed(arguments, context),
        Some(Command::Bench(arguments)) => check::bench(*arguments, context),
        Some(Command::List(arguments)) => check::list(arguments),
        Some(Command::Version) => Ok(Invocation::Version),
        Some(Command::Completions(arguments)) => Ok(Invocation::Completions(arguments.shell)),
    }
}

fn unknown_variables(command: &clap::Command, environment: &Environment) -> Vec<String> {
    let options = normalize::all_option_names(command);
    environment
        .unknown(&options)
        .into_iter()
        .map(|name| {
            let warning = format!("the environment variable {name} is unknown and has no effect");
            let option = name.trim_start_matches(environment::PREFIX).to_ascii_lowercase();
            match suggest::nearest(&option, options.iter().map(String::as_str)) {
                Some(option) => {
                    format!("{warning}; did you mean {}?", environment::variable_of(option))
                }
                None => warning,
            }
        })
        .collect()
}

/// Words that no option of OVMS's form takes, listed as OVMS does, and what may have been meant.
fn unmatched(normalized: &Normalized, command: &clap::Command) -> UsageError {
    let mut list = String::new();
    for word in &normalized.unmatched {
        list.push_str(&check::value::shown(word));
        list.push_str(", ");
    }
    let list = list.trim_end();
    let error = UsageError::new(if normalized.is_pull_given() {
        format!("task: embeddings - error parsing options - unmatched arguments : {list}")
    } else {
        format!("error parsing options - unmatched arguments: {list}")
    });
    let first = normalized.unmatched[0].split('=').next().unwrap_or_default();
    if command.find_subcommand(first).is_some() {
        return error.with_hint(format!("the subcommand goes first: embedserve {first} ..."));
    }
    match suggest::nearest(&first.trim_start_matches('-').replace('-', "_"), normalized.known()) {
        Some(name) => error.with_hint(format!("did you mean --{name}?")),
        None => error.with_hint("embedserve --help lists all options"),
    }
}

/// clap's error in our type; for text that is not UTF-8, which clap does not name, the option.
fn usage(error: &clap::Error, normalized: &Normalized) -> UsageError {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let name = normalized
            .arguments
            .iter()
            .find(|word| word.to_str().is_none())
            .and_then(|word| word.as_bytes().split(|byte| *byte == b'=').next())
            .map(String::from_utf8_lossy)
            .filter(|name| name.starts_with("--"));
        let name = name.as_deref().unwrap_or("a word");
        return UsageError::new(format!("{name} is not valid UTF-8"));
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    UsageError::new(text.trim_end())
}

/// Says so if a wrong value came from the environment.
fn name_variable(error: UsageError, context: &Context<'_>) -> UsageError {
    let variable = error.option().and_then(|option| context.variables.get(option));
    match variable {
        Some(variable) => {
            let hint = format!("the value is that of the environment variable {variable}");
            error.with_hint(hint)
        }
        None => error,
    }
}
