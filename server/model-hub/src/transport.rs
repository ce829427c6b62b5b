//! HTTP to the hub and to the storage it redirects to. The only place that sends the token.

pub(crate) mod failure;
pub(crate) mod redirect;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Client, ClientBuilder, Method, Response, redirect::Policy};
use url::Url;

use crate::certificates::read_certificates;
use crate::error::HubError;
use crate::options::{Endpoint, HubOptions, Proxies, Retries, Secret};
use crate::refusal::{Exchange, Refusal};
use crate::retry::parse_retry_after;

pub(crate) use failure::host_of;

/// How far redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Only within the hub (a renamed repository); an answer that points elsewhere is the answer.
    WithinHub,
    /// Wherever they lead, without the token.
    Anywhere,
}

/// A successful answer (or, with [`Follow::WithinHub`], a redirect that leads elsewhere).
#[derive(Debug)]
pub(crate) struct Answer {
    /// The last response.
    pub(crate) response: Response,
    /// The headers of the last response of the hub itself: commit, hash and size of the file are there.
    pub(crate) hub_headers: HeaderMap,
}

/// The clients and what they may send.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
    pub(crate) endpoint: Endpoint,
    pub(crate) token: Option<Secret>,
    pub(crate) retries: Retries,
    authorization: Option<HeaderValue>,
    metadata_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(options: &HubOptions) -> Result<Self, HubError> {
        let authorization = authorization(options)?;
        if authorization.is_some() && options.endpoint.is_readable_on_the_way() {
            tracing::warn!(endpoint = %options.endpoint, "the token is sent over plain HTTP");
        }
        // Redirects are followed here, hop by hop, because the token's fate depends on each of them.
        let client = builder(options)?
            .redirect(Policy::none())
            .read_timeout(options.timeouts.idle)
            .build()
            .map_err(|source| HubError::Client { source: source.without_url().into() })?;
        Ok(Self {
            client,
            endpoint: options.endpoint.clone(),
            token: options.token.clone(),
            retries: options.retries,
            authorization,
            metadata_timeout: options.timeouts.metadata,
        })
    }

    /// Asks `url` of the hub and follows redirects; an answer that is neither a success nor (for
    /// [`Follow::WithinHub`]) a redirect becomes the error of `exchange`.
    pub(crate) async fn request(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        follow: Follow,
        exchange: Exchange<'_>,
    ) -> Result<Answer, HubError> {
        let hub = self.endpoint.origin();
        let mut url = url;
        let mut hub_headers = HeaderMap::new();
        // Once outside, the token stays at home, even if a later hop leads back.
        let mut within_hub = url.origin() == hub;
        for _ in 0..=redirect::MOST_REDIRECTS {
            let mut request =
                self.client.request(method.clone(), url.clone()).headers(headers.clone());
            if within_hub && let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            if follow == Follow::WithinHub {
                request = request.timeout(self.metadata_timeout);
            }
            let response = request
                .send()
                .await
                .map_err(|error| failure::of_request(error, &url, &exchange.what()))?;
            if within_hub {
                hub_headers.extend(kept(response.headers()));
            }
            if !response.status().is_redirection() || response.status().as_u16() == 304 {
                // 416 is an answer too: what is here cannot be continued.
                return if response.status().is_success() || response.status().as_u16() == 416 {
                    Ok(Answer { response, hub_headers })
                } else {
                    Err(refused(&response, within_hub, &exchange))
                };
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = redirect::next(&url, location)
                .map_err(|reason| HubError::Redirect { host: host_of(&url), reason })?;
            if follow == Follow::WithinHub && next.origin() != hub {
                return Ok(Answer { response, hub_headers });
            }
            within_hub &= next.origin() == hub;
            url = next;
        }
        Err(HubError::Redirect { host: host_of(&url), reason: "there are too many in a row" })
    }

    /// The address of a file: `{endpoint}/{repo}/resolve/{commit}/{path}`.
    pub(crate) fn file_url(&self, repo: &str, commit: &str, path: &str) -> Url {
        self.endpoint.join(repo.split('/').chain(["resolve", commit]).chain(path.split('/')))
    }

    /// Reads the next piece of a body; `None` at its end.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
        what: &str,
    ) -> Result<Option<Bytes>, HubError> {
        response.chunk().await.map_err(|error| failure::of_body(error, response.url(), what))
    }
}

/// The settings that every client of ours shares; used for the client of `hf-hub` too.
pub(crate) fn builder(options: &HubOptions) -> Result<ClientBuilder, HubError> {
    let mut headers = HeaderMap::new();
    // Ranges and hashes are about the stored bytes, so nothing on the way may compress them.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let mut builder = Client::builder()
        .user_agent(concat!("embedserve/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(options.timeouts.connect)
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd();
    if options.proxies == Proxies::Ignored {
        builder = builder.no_proxy();
    }
    if let Some(path) = &options.ca_bundle {
        builder = builder.tls_certs_merge(read_certificates(path)?);
    }
    Ok(builder)
}

/// The value of the Authorization header for the hub: the token, else the endpoint's user name and password.
pub(crate) fn authorization(options: &HubOptions) -> Result<Option<HeaderValue>, HubError> {
    let text = match (&options.token, options.endpoint.userinfo()) {
        (Some(token), _) => format!("Bearer {}", token.expose()),
        (None, Some((user, password))) => {
            format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
            )
        }
        (None, None) => return Ok(None),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| HubError::Token)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn kept(headers: &HeaderMap) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
    ["x-repo-commit", "x-linked-etag", "x-linked-size", "etag"]
        .into_iter()
        .filter_map(|name| Some((HeaderName::from_static(name), headers.get(name)?.clone())))
}

fn refused(response: &Response, by_hub: bool, exchange: &Exchange<'_>) -> HubError {
    let text = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let retry_after =
        text(RETRY_AFTER.as_str()).and_then(|value| parse_retry_after(&value, SystemTime::now()));
    let status = response.status().as_u16();
    if by_hub {
        let (code, message) = (text("x-error-code"), text("x-error-message"));
        return exchange.refused(&Refusal { status, code, message, retry_after });
    }
    // The storage behind the hub knows no repositories; a 403 there is an address that has expired.
    HubError::ServerError {
        host: host_of(response.url()),
        status,
        what: exchange.what(),
        retry_after,
    }
}
