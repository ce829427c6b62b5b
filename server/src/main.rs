//! The `embedserve` program: understand the command line, do it, end with its exit code.

use std::process::ExitCode;

use embedserve::cli::{self, Environment};
use embedserve::commands;

fn main() -> ExitCode {
    openvino_runtime::prepare_process();
    let exit = match cli::parse(std::env::args_os(), &Environment::of_process()) {
        Ok(parsed) => commands::run(parsed),
        Err(error) => commands::refuse(&error),
    };
    exit.into()
}
