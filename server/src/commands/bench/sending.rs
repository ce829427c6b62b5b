//! The requests under way. Answers are read here and judged in `answer`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::answer::{Failure, tokens, unanswered};
use super::question::Question;
use super::schedule::Pace;
use crate::commands::api_client::ApiClient;

/// What became of one request.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Until the last byte of the answer: from the moment at which the request was due, or, where
    /// answers set the pace, from when it was sent.
    pub(super) latency: Duration,
    pub(super) texts: usize,
    /// The tokens of the texts.
    pub(super) tokens: Result<u64, Failure>,
}

/// Sends all questions at their pace. The channel ends after the last outcome; whoever drops it ends
/// the sending.
pub(super) fn start(
    client: &ApiClient,
    questions: Arc<[Question]>,
    pace: Pace,
    started: Instant,
) -> UnboundedReceiver<Outcome> {
    let (outcomes, receiver) = unbounded_channel();
    let client = client.clone();
    match pace {
        Pace::Due(moments) => {
            let runtime = Handle::current();
            // A thread of its own keeps time to microseconds, the runtime's timer to milliseconds.
            std::thread::spawn(move || {
                for (question, moment) in questions.iter().zip(moments) {
                    let due = started + moment;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if outcomes.is_closed() {
                        return;
                    }
                    let (client, question) = (client.clone(), question.clone());
                    let outcomes = outcomes.clone();
                    runtime.spawn(async move {
                        let _ = outcomes.send(ask(&client, &question, due).await);
                    });
                }
            });
        }
        Pace::Clients(clients) => {
            let next = Arc::new(AtomicUsize::new(0));
            for _ in 0..clients {
                let (client, questions) = (client.clone(), questions.clone());
                let (outcomes, next) = (outcomes.clone(), next.clone());
                tokio::spawn(async move {
                    while let Some(question) = questions.get(next.fetch_add(1, Relaxed)) {
                        if outcomes.send(ask(&client, question, Instant::now()).await).is_err() {
                            return;
                        }
                    }
                });
            }
        }
    }
    receiver
}

/// One request; its latency counts from `since`.
async fn ask(client: &ApiClient, question: &Question, since: Instant) -> Outcome {
    let request = client
        .post("embeddings")
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(question.body.clone());
    let answered = async {
        let response = request.send().await?;
        Ok((response.status(), response.bytes().await?))
    };
    let answered = answered.await;
    let latency = since.elapsed();
    let tokens = match answered {
        Ok((status, body)) => tokens(status, &body, question.texts),
        Err(error) => Err(unanswered(error)),
    };
    Outcome { latency, texts: question.texts, tokens }
}
