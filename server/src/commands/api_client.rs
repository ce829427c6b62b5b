//! A client of the embeddings API, as `embed` and `bench` are: the key, the certificates, and what
//! an answer or its absence means.

use std::time::Duration;

use anyhow::Context;
use model_hub::read_certificates;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::cli::{ApiAccess, ApiKey};
use crate::http::key_in_file;

/// What to do where a server wants a key.
pub(super) const KEY_HINT: &str = " (give the key with API_KEY or --api_key_file)";

/// A server's API and what is needed to be heard there.
#[derive(Clone)]
pub(super) struct ApiClient {
    client: Client,
    base: String,
}

/// Why there is no answer.
pub(super) struct Refusal {
    pub(super) error: anyhow::Error,
    /// Whether another moment may help: nobody listens yet, or the model is not loaded yet.
    pub(super) may_pass: bool,
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self { error, may_pass: false }
    }
}

impl ApiClient {
    /// Reads the key and the certificates. A request that takes longer than `patience` will not be
    /// answered.
    pub(super) fn new(access: &ApiAccess, patience: Duration) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = authorization(&access.api_key)? {
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("embedserve/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(patience);
        if let Some(path) = &access.ca_bundle {
            builder = builder.tls_certs_merge(read_certificates(path)?);
        }
        let client = builder.build().context("cannot make an HTTP client")?;
        Ok(Self { client, base: access.base.clone() })
    }

    /// The address that paths are appended to.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}/{path}", self.base))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/{path}", self.base))
    }

    /// The name of the one model that the server has; `option` is where another is named.
    pub(super) async fn the_only_model(&self, option: &str) -> Result<String, Refusal> {
        the_only_model(&self.base, &answer(self.get("models")).await?, option)
    }
}

/// The JSON that a request is answered with.
pub(super) async fn answer(request: RequestBuilder) -> Result<Value, Refusal> {
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let text = response.text().await.map_err(unreachable)?;
    if status.is_success() {
        let answer = serde_json::from_str(&text)
            .context("the answer is not JSON: is --api_url the address of an embeddings server?")?;
        return Ok(answer);
    }
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let words = said.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let hint = if status == StatusCode::UNAUTHORIZED { KEY_HINT } else { "" };
    let waits = [
        StatusCode::NOT_FOUND,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    Err(Refusal {
        error: anyhow::anyhow!("the server answers {status}: {words}{hint}"),
        may_pass: waits.contains(&status),
    })
}

/// A request to which nobody said anything.
pub(super) fn unreachable(source: reqwest::Error) -> Refusal {
    Refusal {
        may_pass: source.is_connect() || source.is_timeout() || source.is_request(),
        error: anyhow::Error::new(source)
            .context("the server does not answer: is it running, and is --api_url its address?"),
    }
}

fn the_only_model(base: &str, list: &Value, option: &str) -> Result<String, Refusal> {
    let models = list["data"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = models.iter().filter_map(|model| model["id"].as_str()).collect();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(Refusal { error: anyhow::anyhow!("{base} serves no model yet"), may_pass: true }),
        _ => Err(anyhow::anyhow!("name one with {option}: {}", names.join(", ")).into()),
    }
}

fn authorization(key: &ApiKey) -> anyhow::Result<Option<HeaderValue>> {
    let key = match key {
        ApiKey::Open => return Ok(None),
        ApiKey::Value(secret) => secret.expose().as_bytes().to_vec(),
        ApiKey::File(path) => key_in_file(path)?,
    };
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", key.as_slice()].concat())
        .context("the API key has characters that no header may have")?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Secret;
    use serde_json::json;

    #[test]
    fn the_model_is_the_only_one_and_several_have_to_be_named() {
        let list = |names: &[&str]| {
            let models: Vec<Value> = names.iter().map(|name| json!({"id": name})).collect();
            the_only_model("http://h/v1", &json!({"data": models}), "--model_name")
        };
        assert_eq!(list(&["a"]).ok().as_deref(), Some("a"));
        assert!(list(&[]).is_err_and(|refusal| refusal.may_pass));
        let refusal = list(&["a", "b"]).expect_err("it is refused");
        assert_eq!(refusal.error.to_string(), "name one with --model_name: a, b");
        assert!(!refusal.may_pass);
    }

    #[test]
    fn the_key_is_shown_as_the_server_reads_it_and_never_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "one \r\nignored\n").expect("written");
        for (key, expected) in
            [(ApiKey::File(path), "Bearer one"), (ApiKey::Value(Secret::new("two")), "Bearer two")]
        {
            let value = authorization(&key).expect("a key").expect("some");
            assert_eq!(value, expected);
            assert!(!format!("{value:?}").contains(expected));
        }
        assert!(authorization(&ApiKey::Open).expect("no key").is_none());
        assert!(authorization(&ApiKey::Value(Secret::new("a\nb"))).is_err());
    }
}
