//! Other projects' servers of the same model, where `make peers` has installed them and `PEERS=1` asks for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use integration_tests::program;

use crate::http::HttpServer;
use crate::preparation;
use crate::system::System;

/// What the script serves, by the system that the report calls it.
const PEERS: [(System, &str); 2] =
    [(System::Infinity, "infinity"), (System::SentenceTransformers, "sentence_transformers")];

/// Starts all of them.
pub(crate) fn start() -> Result<Vec<(System, HttpServer)>> {
    let packages = installed();
    let is_there = packages.join(".complete").is_file();
    ensure!(is_there, "{} is missing: run `make peers` first", packages.display());
    let model = preparation::minilm()?;
    PEERS
        .into_iter()
        .map(|(system, server)| {
            Ok((system, HttpServer::spawn(command(&packages, &model, server))?))
        })
        .collect()
}

fn command(packages: &Path, model: &Path, server: &str) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/peers/serve.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(server).arg("--model_path").arg(model);
    program::clean(&mut command);
    command.env("PYTHONPATH", packages).env("HF_HUB_OFFLINE", "1");
    command
}

/// Where the Makefile puts them.
fn installed() -> PathBuf {
    program::cache().join("bench-peers")
}
