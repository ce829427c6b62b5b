//! A client's connection, cheap enough not to compete with the server for the cores.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::workload::{Request, Workload};

/// A connection that stays open, and its last answer.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    body_start: usize,
}

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) bytes: Bytes,
    /// Real tokens of its texts.
    pub(crate) tokens: usize,
}

/// All requests of a workload, made beforehand.
pub(crate) fn prepare(model: &str, workload: &Workload) -> Vec<Prepared> {
    workload
        .requests
        .iter()
        .map(|request| Prepared {
            bytes: request_bytes(model, request, "base64"),
            tokens: request.tokens(),
        })
        .collect()
}

/// Head and body of a request.
pub(crate) fn request_bytes(model: &str, request: &Request, encoding_format: &str) -> Bytes {
    let body =
        json!({ "model": model, "input": request.texts, "encoding_format": encoding_format })
            .to_string();
    let length = body.len();
    Bytes::from(format!(
        "POST /v3/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ))
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the server does not listen")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(1 << 16), body_start: 0 })
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.answer[self.body_start..]
    }

    /// Sends a request and reads its answer, which must be 200 and say how long it is.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let mut expected = usize::MAX;
        while self.answer.len() < expected {
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed a connection that should stay open");
            if expected == usize::MAX
                && let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                self.body_start = end + 4;
                expected = self.body_start + body_length(&self.answer[..end])?;
            }
        }
        Ok(())
    }
}

/// The length of the body from a head that must say 200.
fn body_length(head: &[u8]) -> Result<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("the server answered {status}");
    }
    lines
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .context("the server's answer has no content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_good_answers_of_known_length_count() {
        let length = |head: &str| body_length(head.as_bytes());
        let good = "HTTP/1.1 200 OK\r\nContent-Type: x\r\nContent-Length: 17";
        assert_eq!(length(good).expect("a good head"), 17);
        assert!(length("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 1").is_err());
        assert!(length("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }
}
