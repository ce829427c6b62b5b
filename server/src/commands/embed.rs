//! `embed`: asks a running server for the vectors of texts, as any client of its API would.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api_client::{ApiClient, Refusal, answer};
use super::serve::block_on_workers;
use super::signals::Signals;
use super::{complain, say};
use crate::cli::{EmbedOptions, Exit};

/// A request that takes longer than this will not be answered.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Asks, and prints the server's answer as it is.
pub(super) fn embed(options: &EmbedOptions) -> anyhow::Result<Exit> {
    let answer = block_on_workers(Some(1), async {
        let asked = Signals::listen()?.unless_asked_to_end(ask_until_answered(options)).await;
        asked.context("interrupted")?
    })
    .flatten()?;
    say(&answer.to_string())
}

async fn ask_until_answered(options: &EmbedOptions) -> anyhow::Result<Value> {
    let client = ApiClient::new(&options.access, PATIENCE)?;
    let deadline = Instant::now() + options.wait;
    let mut told = String::new();
    loop {
        let refusal = match ask(options, &client).await {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        if !refusal.may_pass || Instant::now() + PAUSE > deadline {
            return Err(refusal.error);
        }
        let reason = format!("{:#}", refusal.error);
        if reason != told {
            complain(&format!("waiting: {reason}"));
            told = reason;
        }
        sleep(PAUSE).await;
    }
}

async fn ask(options: &EmbedOptions, client: &ApiClient) -> Result<Value, Refusal> {
    let model = match &options.model_name {
        Some(name) => name.clone(),
        None => client.the_only_model("--model_name").await?,
    };
    let question = json!({"model": model, "input": options.texts});
    let answer = answer(client.post("embeddings").json(&question)).await?;
    require_vectors(client.base(), &answer, options.texts.len())?;
    Ok(answer)
}

/// An answer from something that is no embeddings server is no success.
fn require_vectors(base: &str, answer: &Value, count: usize) -> anyhow::Result<()> {
    let is_vector = |row: &Value| match &row["embedding"] {
        Value::Array(numbers) => !numbers.is_empty() && numbers.iter().all(Value::is_number),
        _ => false,
    };
    let rows = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(
        rows.len() == count && rows.iter().all(is_vector),
        "{base} does not answer with {count} vectors: is it the address of an embeddings server?"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_vector_a_text_is_an_answer() {
        let require = |answer: Value| require_vectors("http://h/v1", &answer, 1).is_ok();
        assert!(require(json!({"data": [{"embedding": [0.5, 1]}]})));
        assert!(!require(json!({"data": [{"embedding": []}]})));
        assert!(!require(json!({"data": []})));
        assert!(!require(json!("hello")));
    }
}
