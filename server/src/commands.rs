//! What each command does: the wiring between command line, files, hub, exporter and server.

mod config;
mod export;
mod logging;
mod manifest;
mod model_files;
mod progress;
mod pull;
mod resolve;
mod serve;
mod signals;
mod tokenizer_file;

use std::io::Write;

use clap_complete::Shell;

pub(crate) use model_files::settings_overrides;

use crate::cli::{self, Exit, ExportOptions, Invocation, LogOptions, Parsed};

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
            resolve::resolve(&options.pull)
        }
        Invocation::Pull(options) => {
            logged(&options.log)?;
            pull::pull_command(&options)
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

/// Runs a command that waits for the network on a runtime of its own.
fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
