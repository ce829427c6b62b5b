//! Answers with a content: ranges, and the ways in which a body can go wrong.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::Recorded;
use super::fault::{Action, Gate};

/// An answer without a body.
pub(super) fn bare(status: u16, headers: &[(&str, &str)]) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::empty()).expect("a test's headers are headers")
}

/// A redirect.
pub(super) fn redirect(location: &str, headers: HeaderMap) -> Response {
    let mut response = bare(302, &[(LOCATION.as_str(), location)]);
    response.headers_mut().extend(headers);
    response
}

/// `content` under `etag`, as the request's Range and If-Range ask, spoiled by `action`.
pub(super) fn content(
    request: &Recorded,
    content: &Bytes,
    etag: &str,
    headers: HeaderMap,
    action: Option<&Action>,
) -> Response {
    let content = match action {
        Some(Action::Body(other)) => other.clone(),
        Some(Action::WrongBytes) => content.iter().map(|byte| !byte).collect(),
        _ => content.clone(),
    };
    let whole = matches!(action, Some(Action::IgnoreRange | Action::Body(_)));
    let total = content.len();
    let first = if whole { None } else { first_byte(request, etag) };
    let mut response = Response::builder().header(ETAG, etag).header(ACCEPT_RANGES, "bytes");
    let body = match first {
        None => content,
        Some(first) if first >= total => {
            response = response
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header(CONTENT_RANGE, format!("bytes */{total}"));
            Bytes::new()
        }
        Some(first) => {
            let range = format!("bytes {first}-{}/{total}", total - 1);
            response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, range);
            content.slice(first..)
        }
    };
    response = response.header(CONTENT_LENGTH, body.len());
    let body = match action {
        _ if request.method == "HEAD" => Body::empty(),
        Some(Action::CutAfter(bytes)) => cut(body.slice(..(*bytes).min(body.len()))),
        Some(Action::Trickle(gate)) => trickle(body, gate.clone()),
        Some(Action::Slow(bytes_per_second)) => slow(body, *bytes_per_second),
        _ => Body::from(body),
    };
    let mut response = response.body(body).expect("a test's headers are headers");
    response.headers_mut().extend(headers);
    response
}

/// The first byte that is asked for, if the rest of the file is asked for and If-Range agrees.
fn first_byte(request: &Recorded, etag: &str) -> Option<usize> {
    let first =
        request.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?;
    match request.headers.get("if-range") {
        Some(tag) if tag != etag => None,
        _ => Some(first),
    }
}

fn cut(start: Bytes) -> Body {
    Body::from_stream(stream::unfold(Some(start), |state| async move {
        match state {
            Some(bytes) if !bytes.is_empty() => Some((Ok(bytes), Some(Bytes::new()))),
            Some(_) => {
                // Gives the connection the time to send what it has before it breaks.
                tokio::task::yield_now().await;
                Some((Err(std::io::Error::other("cut as the test wishes")), None))
            }
            None => None,
        }
    }))
}

fn trickle(body: Bytes, gate: Gate) -> Body {
    Body::from_stream(stream::unfold((body, gate), |(mut body, gate)| async move {
        if body.is_empty() {
            return None;
        }
        gate.0.acquire().await.ok()?.forget();
        let byte = body.split_to(1);
        Some((Ok::<_, std::io::Error>(byte), (body, gate)))
    }))
}

fn slow(body: Bytes, bytes_per_second: usize) -> Body {
    const PAUSE: Duration = Duration::from_millis(100);
    let piece = (bytes_per_second / 10).max(1);
    Body::from_stream(stream::unfold(body, move |mut body| async move {
        if body.is_empty() {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
        let next = body.split_to(piece.min(body.len()));
        Some((Ok::<_, std::io::Error>(next), body))
    }))
}
