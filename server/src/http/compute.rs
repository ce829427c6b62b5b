//! The two requests that need a model: embeddings and tokenize.
//!
//! Each receives a body, reads it, asks the engine, and writes the answer. Reading and writing
//! of large bodies happens on a blocking thread, so that other connections do not wait.

use std::panic::resume_unwind;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::body::receive_json;
use super::embeddings_request::{EmbeddingsMembers, ModelOptions};
use super::error::{ApiError, json_response};
use super::lookup::{find_model, refusal};
use super::state::{RequestFacts, ServerState};
use super::tokenize_request::TokenizeMembers;
use super::{json, vectors};

/// Tells clients whether vectors may be compared with those that they have.
const FINGERPRINT: HeaderName = HeaderName::from_static("x-embedserve-fingerprint");

/// Bytes of a request, or values of an answer, from which on the work is moved to another thread.
const LARGE: usize = 64 * 1024;

/// `POST …/embeddings`.
pub(crate) async fn embeddings(
    state: &ServerState,
    facts: &RequestFacts,
    request: Request,
) -> Result<Response, ApiError> {
    let mut members: EmbeddingsMembers = read(state, request).await?;
    let name = members.take_model()?;
    let model = find_model(&state.shared.registry, &name)?;
    facts.set_model(&model.name);
    let options = ModelOptions {
        prompts: &model.prompts,
        matryoshka: &model.matryoshka,
        dimensions: model.info.dimensions,
    };
    let request = members.check(options)?;
    let mut computed = model
        .embedder
        .embed(request.inputs)
        .await
        .map_err(|error| refusal(error, &model.name, "input"))?;
    off_thread_if(computed.values.len() > LARGE, move || {
        if let Some(dimensions) = request.dimensions {
            vectors::truncate(&mut computed, dimensions);
        }
        let mut response = vectors::respond(&model.name, computed, request.format)?;
        if let Ok(fingerprint) = HeaderValue::from_str(&model.info.fingerprint) {
            response.headers_mut().insert(FINGERPRINT, fingerprint);
        }
        Ok(response)
    })
    .await
}

/// `POST …/tokenize`.
pub(crate) async fn tokenize(
    state: &ServerState,
    facts: &RequestFacts,
    request: Request,
) -> Result<Response, ApiError> {
    let mut members: TokenizeMembers = read(state, request).await?;
    let name = members.take_model()?;
    let model = find_model(&state.shared.registry, &name)?;
    facts.set_model(&model.name);
    let request = members.check()?;
    let rows = model
        .embedder
        .tokenize(request.texts, request.options)
        .await
        .map_err(|error| refusal(error, &model.name, "text"))?;
    let large = rows.iter().map(Vec::len).sum::<usize>() > LARGE;
    let body = off_thread_if(large, move || token_list(&rows)).await;
    Ok(json_response(StatusCode::OK, body))
}

/// `{"tokens":[…]}`; as OVMS answers, one row is not wrapped, not even that of a list.
fn token_list(rows: &[Vec<u32>]) -> Vec<u8> {
    let ids: usize = rows.iter().map(Vec::len).sum();
    // An id of a usual vocabulary has up to five digits, and a comma.
    let mut body = Vec::with_capacity(6 * ids + 2 * rows.len() + 16);
    body.extend_from_slice(br#"{"tokens":"#);
    let written = match rows {
        [row] => serde_json::to_writer(&mut body, row),
        rows => serde_json::to_writer(&mut body, rows),
    };
    written.expect("numbers can be written to memory");
    body.push(b'}');
    body
}

async fn read<T>(state: &ServerState, request: Request<Body>) -> Result<T, ApiError>
where
    T: json::Members + Send + 'static,
{
    let (head, body) = request.into_parts();
    let received = receive_json(&head.headers, body, &state.shared.body_limits).await?;
    let large = received.bytes.len() > LARGE;
    off_thread_if(large, move || json::parse_object(&received.bytes)).await
}

async fn off_thread_if<T, F>(large: bool, work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    if !large {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It cannot have been cancelled: nothing here keeps a handle to cancel it by.
        Err(error) => resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_of_tokens_is_not_wrapped() {
        assert_eq!(token_list(&[vec![101, 7592, 102]]), br#"{"tokens":[101,7592,102]}"#);
        assert_eq!(token_list(&[vec![1], vec![]]), br#"{"tokens":[[1],[]]}"#);
        assert_eq!(token_list(&[vec![]]), br#"{"tokens":[]}"#);
    }
}
