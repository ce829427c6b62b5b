//! The bodies of the requests, made before the clock starts.

use bytes::Bytes;
use serde::Serialize;

use crate::cli::EncodingFormat;

/// A request that only has to be sent.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) body: Bytes,
    /// How many texts it has, and so how many vectors an answer must have.
    pub(super) texts: usize,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
}

/// All texts, so many in one request.
pub(super) fn questions(
    model: &str,
    documents: &[String],
    batch_size: usize,
    format: EncodingFormat,
) -> Vec<Question> {
    let encoding_format = match format {
        EncodingFormat::Float => "float",
        EncodingFormat::Base64 => "base64",
    };
    let question = |input: &[String]| {
        let body = serde_json::to_vec(&Body { model, input, encoding_format });
        Question { body: body.expect("texts are JSON").into(), texts: input.len() }
    };
    documents.chunks(batch_size).map(question).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_has_the_texts_that_are_left() {
        let documents = ["a", "b", "c"].map(str::to_owned);
        let questions = questions("m", &documents, 2, EncodingFormat::Base64);
        let bodies: Vec<&[u8]> = questions.iter().map(|question| &question.body[..]).collect();
        assert_eq!(
            bodies,
            [
                &br#"{"model":"m","input":["a","b"],"encoding_format":"base64"}"#[..],
                br#"{"model":"m","input":["c"],"encoding_format":"base64"}"#,
            ]
        );
        assert_eq!(questions.iter().map(|question| question.texts).sum::<usize>(), 3);
    }
}
