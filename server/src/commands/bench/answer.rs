//! What an answer is worth: its tokens if it has all vectors, else why it counts as failed.

use std::fmt;
use std::io::ErrorKind;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use crate::commands::api_client::KEY_HINT;

/// A request without a good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What it has in common with others, short.
    pub(super) kind: String,
    /// What this one says, for a person.
    pub(super) message: String,
}

/// How much of a server's words tells one kind of error from another.
const FIRST_WORDS: usize = 6;
/// The most of a server's words that is shown.
const LONGEST_MESSAGE: usize = 300;

/// The tokens of the texts, if there is a vector for each of them.
pub(super) fn tokens(status: StatusCode, body: &[u8], texts: usize) -> Result<u64, Failure> {
    if !status.is_success() {
        return Err(refused(status, body));
    }
    let bad = |why: String| Failure { kind: "bad answer".to_owned(), message: why };
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the answer is not that of an embeddings server: {error}")))?;
    match answer.data.len() == texts {
        true => Ok(answer.usage.prompt_tokens),
        false => Err(bad(format!("{} vectors for {texts} texts", answer.data.len()))),
    }
}

/// A request that was not answered at all.
pub(super) fn unanswered(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let cause = std::iter::successors(std::error::Error::source(&error), |error| error.source())
        .find_map(|error| error.downcast_ref::<std::io::Error>());
    let is_refused = cause.is_some_and(|cause| cause.kind() == ErrorKind::ConnectionRefused);
    let kind = match () {
        () if error.is_timeout() => "time-out",
        () if is_refused => "connection refused",
        () if error.is_connect() => "connection failed",
        () => "connection lost",
    };
    Failure { kind: kind.to_owned(), message: format!("{:#}", anyhow::Error::new(error)) }
}

/// The server's error code, else its first words; OVMS says a bare string, others an object.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &said["error"];
    let words = match error.as_str().or(error["message"].as_str()) {
        Some(words) => words.to_owned(),
        None => String::from_utf8_lossy(&body[..body.len().min(LONGEST_MESSAGE)]).into_owned(),
    };
    let words = shown(&words);
    let name = match error["code"].as_str() {
        Some(code) => shown(code),
        None => words.split_whitespace().take(FIRST_WORDS).collect::<Vec<_>>().join(" "),
    };
    let hint = if status == StatusCode::UNAUTHORIZED { KEY_HINT } else { "" };
    Failure {
        kind: format!("HTTP {} {name}", status.as_u16()).trim_end().to_owned(),
        message: format!("{words}{hint}"),
    }
}

/// Words of a server for a terminal: one line, and not too long.
fn shown(words: &str) -> String {
    let letters = words.trim().chars().take(LONGEST_MESSAGE);
    letters.map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// As much of an answer as has to be read.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "embedding")]
    _vector: Vector,
}

/// A vector that is there; its numbers are not kept, which makes reading it cheap.
struct Vector;

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VectorVisitor)
    }
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = Vector;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a vector as numbers or as base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vector, E> {
        match text.is_empty() {
            true => Err(E::invalid_length(0, &self)),
            false => Ok(Vector),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vector, A::Error> {
        if numbers.next_element::<f64>()?.is_none() {
            return Err(serde::de::Error::invalid_length(0, &self));
        }
        while numbers.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Vector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        tokens(status, body.as_bytes(), 2).expect_err("it is refused").kind
    }

    #[test]
    fn an_answer_with_all_vectors_counts_with_its_tokens() {
        for vectors in ["[0.5, 1]", "\"AAAAPw==\""] {
            let row = format!("{{\"embedding\": {vectors}, \"index\": 0}}");
            let body = format!(
                "{{\"data\": [{row}, {row}], \"model\": \"m\", \"usage\": {{\"prompt_tokens\": 12}}}}"
            );
            assert_eq!(tokens(StatusCode::OK, body.as_bytes(), 2), Ok(12));
            let failure = tokens(StatusCode::OK, body.as_bytes(), 3).expect_err("one is missing");
            assert_eq!(failure.message, "2 vectors for 3 texts");
        }
        for body in ["hello", "{}", r#"{"data": [{"embedding": []}, {"embedding": [1]}]}"#] {
            assert_eq!(kind(200, body), "bad answer", "{body}");
        }
    }

    #[test]
    fn refusals_are_told_apart_by_code_or_first_words() {
        for (status, body, expected) in [
            (
                404,
                r#"{"error": {"message": "m", "code": "model_not_found"}}"#,
                "HTTP 404 model_not_found",
            ),
            (
                400,
                r#"{"error": "Input is too long for the model 7"}"#,
                "HTTP 400 Input is too long for the",
            ),
            (400, r#"{"error": {"message": "a b", "code": null}}"#, "HTTP 400 a b"),
            (502, "<html>\u{1b}[2J", "HTTP 502 <html> [2J"),
            (503, "", "HTTP 503"),
        ] {
            assert_eq!(kind(status, body), expected);
        }
    }

    #[test]
    fn a_server_that_wants_a_key_is_told_how_to_get_one() {
        let failure = tokens(StatusCode::UNAUTHORIZED, b"{}", 1).expect_err("it is refused");
        assert!(failure.message.contains("--api_key_file"), "{failure:?}");
    }
}
