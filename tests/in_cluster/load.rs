//! Clients that ask at a constant rate, whatever the answers do, and tell on port 9000 what they have seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Json;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

/// What was seen so far.
#[derive(Clone, Debug, Default, Serialize)]
struct Seen {
    sent: usize,
    answered: usize,
    /// The first failures.
    failures: Vec<String>,
    failed: usize,
    /// The fingerprints of the vectors, in the order in which they came up.
    fingerprints: Vec<String>,
}

/// The header that says in which space vectors are.
const FINGERPRINT: &str = "x-embedserve-fingerprint";

/// The longest that a load lasts, should its test not end it.
const LONGEST: Duration = Duration::from_secs(600);

/// Asks until the process is ended, or for [`LONGEST`].
///
/// # Errors
/// When the port is taken.
pub(crate) fn run(base: &str, model: &str, rate: u32) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = Arc::clone(&seen);
        let stats = move || async move { Json(lock(&told).clone()) };
        let listener =
            tokio::net::TcpListener::bind(("0.0.0.0", 9000)).await.context("port 9000 is taken")?;
        let router = axum::Router::new().route("/", get(stats));
        tokio::spawn(async move { axum::serve(listener, router).await });

        // The image has no certificate authorities, without which a client for HTTPS cannot be made.
        let client = reqwest::Client::builder().tls_certs_only([]);
        let client = client.timeout(Duration::from_secs(10)).no_proxy().build()?;
        let url = format!("{base}/v3/embeddings");
        let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
        for number in 0..LONGEST.as_secs() * u64::from(rate) {
            pace.tick().await;
            lock(&seen).sent += 1;
            let body = json!({"model": model, "input": format!("request {number}")});
            let request = client.post(&url).json(&body);
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let answer = ask(request).await;
                let mut seen = lock(&seen);
                match answer {
                    Ok(fingerprint) => {
                        seen.answered += 1;
                        if seen.fingerprints.last() != Some(&fingerprint) {
                            seen.fingerprints.push(fingerprint);
                        }
                    }
                    Err(error) => {
                        seen.failed += 1;
                        if seen.failures.len() < 20 {
                            seen.failures.push(format!("{error:#}"));
                        }
                    }
                }
            });
        }
        Ok(())
    })
}

/// One request; the fingerprint of a right answer.
async fn ask(request: reqwest::RequestBuilder) -> anyhow::Result<String> {
    let answer = request.send().await?;
    let status = answer.status();
    let fingerprint = answer.headers().get(FINGERPRINT).and_then(|it| it.to_str().ok());
    let fingerprint = fingerprint.unwrap_or_default().to_owned();
    let body: Value = answer.json().await?;
    let length = body["data"][0]["embedding"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(
        status == 200 && length == 384,
        "{status} with {length} numbers: {}",
        body["error"]
    );
    Ok(fingerprint)
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
