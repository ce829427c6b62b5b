//! What each command does: the wiring between command line, files, hub, exporter and server.

mod api_client;
mod bench;
mod config;
mod demands;
mod embed;
mod export;
mod failure;
mod listed_files;
mod logging;
mod manifest;
mod model_files;
mod progress;
mod pull;
mod pull_error;
mod remove;
mod render_group;
mod resolve;
mod serve;
mod signals;
mod source_report;
mod termination;
mod tokenizer_file;
mod watching;

use std::io::Write;

use clap_complete::Shell;

pub(crate) use model_files::settings_overrides;

use crate::cli::{self, Exit, ExportOptions, Invocation, LogOptions, Parsed, UsageError};

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Does what was asked for and says on standard error why not.
pub fn run(parsed: Parsed) -> Exit {
    let warnings = parsed.warnings;
    match dispatch(parsed.invocation, &warnings) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            Exit::Failure
        }
    }
}

/// Says on standard error why a command line was not understood, in OVMS's words where it has the
/// same mistake, so without a word of ours before it.
pub fn refuse(error: &UsageError) -> Exit {
    complain(&error.to_string());
    termination::refused(error);
    Exit::Usage
}

fn dispatch(invocation: Invocation, warnings: &[String]) -> anyhow::Result<Exit> {
    let logged = |log: &LogOptions| -> anyhow::Result<()> {
        logging::start(log)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(())
    };
    match invocation {
        Invocation::Serve(options) => {
            logged(&options.log)?;
            serve::serve(*options)
        }
        Invocation::Run(options) => {
            logged(&options.log)?;
            manifest::run(*options)
        }
        Invocation::Resolve(options) => {
            logged(&options.pull.log)?;
            resolve::resolve(&options)
        }
        Invocation::Pull(options) => {
            logged(&options.pull.log)?;
            pull::pull_command(&options)
        }
        Invocation::Remove(options) => {
            logged(&options.log)?;
            remove::remove(&options)
        }
        Invocation::RenderGroup { termination_message_path } => {
            render_group::render_group(termination_message_path.as_deref())
        }
        Invocation::Export(options) => {
            match &*options {
                ExportOptions::Folder(folder) => logged(&folder.log)?,
                ExportOptions::EmbeddingsOv(pull) => logged(&pull.log)?,
            }
            export::export(&options)
        }
        short => {
            warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
            match short {
                Invocation::Embed(options) => embed::embed(&options),
                Invocation::Bench(options) => bench::bench(&options),
                Invocation::List(options) => config::list(&options),
                Invocation::ConfigAdd(options) => Ok(config::add(&options)),
                Invocation::ConfigRemove(options) => Ok(config::remove(&options)),
                Invocation::Completions(shell) => completions(shell),
                Invocation::Help(text) => say(&text),
                _ => say(&version()),
            }
        }
    }
}

fn version() -> String {
    format!("embedserve {VERSION}")
}

fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let script = String::from_utf8(cli::completions(shell))?;
    say(script.trim_end())
}

/// A line of the command's result, on standard output. A reader that has gone ends the program
/// quietly, as `head` expects.
fn say(text: &str) -> anyhow::Result<Exit> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Ok),
    }
}

/// A line for the person, on standard error; there is nobody to tell if that fails.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
