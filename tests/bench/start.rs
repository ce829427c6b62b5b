//! From the start of the process to the first embedding.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use integration_tests::program::{self, PATIENCE, Server};
use serde::Serialize;
use tokio::runtime::Builder;

use crate::connection::{Connection, request_bytes};
use crate::http::{MODEL, arguments};
use crate::statistics::percentile;
use crate::workload::Request;

/// Medians, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct StartSeconds {
    /// With an empty folder for compiled models.
    pub(crate) first: f64,
    /// With the folder that the first start has filled.
    pub(crate) second: f64,
}

/// Starts the server twice with a new folder, so many times.
pub(crate) fn measure(model: &Path, request: &Request, times: usize) -> Result<StartSeconds> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let cache = tempfile::tempdir().context("failed to make a folder for compiled models")?;
        first.push(seconds_to_first_embedding(model, request, cache.path())?);
        second.push(seconds_to_first_embedding(model, request, cache.path())?);
    }
    Ok(StartSeconds { first: percentile(&first, 0.5), second: percentile(&second, 0.5) })
}

fn seconds_to_first_embedding(model: &Path, request: &Request, cache: &Path) -> Result<f64> {
    let bytes = request_bytes(MODEL, request, "base64");
    let clients = Builder::new_current_thread().enable_all().build()?;
    let mut command = program::embedserve(arguments(model)?);
    command.arg("--cache_dir").arg(cache);
    let started = Instant::now();
    let server = Server::spawn(command);
    let address = server.base.trim_start_matches("http://");
    clients.block_on(async {
        while ask(address, &bytes).await.is_err() {
            ensure!(started.elapsed() < PATIENCE, "it does not answer; its log: {}", server.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(started.elapsed().as_secs_f64())
    })
}

async fn ask(address: &str, request: &[u8]) -> Result<()> {
    Connection::open(address).await?.exchange(request).await
}
