//! The operator: prints the definition of its resource, or reconciles.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use operator::cli::{Arguments, Command};

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Crd => {
            std::io::stdout().lock().write_all(crds::definition::definition_yaml().as_bytes())?;
            Ok(())
        }
        Command::Run(arguments) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(operator::run::run(*arguments))
        }
    }
}
