//! A hub repository: the commit through `hf-hub`, then sizes and hashes of that commit's files.

use reqwest::Method;
use reqwest::header::HeaderMap;

use super::listing::{self, Listing};
use super::via_hf_hub::{self, Facts};
use super::{Origin, Resolved, metadata};
use crate::error::HubError;
use crate::options::HubOptions;
use crate::path;
use crate::progress::NoProgress;
use crate::refusal::{Asked, Exchange};
use crate::retry::Attempts;
use crate::transport::{Follow, Transport};

/// What `None` as revision means.
const DEFAULT_REVISION: &str = "main";
/// A listing has some hundred bytes a file; more than this is not a listing.
const LARGEST_LISTING: usize = 32 << 20;

pub(super) async fn resolve(
    repo: &str,
    requested: Option<&str>,
    options: &HubOptions,
) -> Result<Resolved, HubError> {
    let transport = Transport::new(options)?;
    let revision = requested.unwrap_or(DEFAULT_REVISION);
    let facts =
        patiently(&transport, repo, || via_hf_hub::facts(repo, revision, options, &transport))
            .await;
    let listing = match facts {
        Ok(Facts::Known { commit, paths }) => with_sizes(&transport, repo, &commit, paths).await?,
        Ok(Facts::NotUnderstood) => {
            patiently(&transport, repo, || request_listing(&transport, repo, revision)).await?
        }
        Err(HubError::PrivateOrAbsentRepo { .. }) if requested.is_some() => {
            return Err(absent(&transport, repo, revision).await);
        }
        Err(error) => return Err(error),
    };
    let asked = Asked::Repository { revision: &listing.commit };
    path::check_listing(listing.files.iter().map(|file| file.path.as_str()))
        .map_err(|source| HubError::Listing { repo: repo.to_owned(), source })?;
    tracing::debug!(repo, commit = %listing.commit, files = listing.files.len(), "resolved");
    let exchange =
        Exchange { endpoint: &transport.endpoint, token: transport.token.as_ref(), repo, asked };
    let files = metadata::complete(&transport, &exchange, &listing, options.parallel).await?;
    Ok(Resolved {
        repo: repo.to_owned(),
        endpoint: Some(transport.endpoint.to_string()),
        requested_revision: requested.map(str::to_owned),
        commit: listing.commit,
        files,
        origin: Origin::Hub,
    })
}

/// The listing with sizes. `hf-hub` cannot ask for them (it has no `blobs`), and its tree and paths requests drop the
/// SHA-256 (the hub calls it `oid` there), so this request is ours. A mirror without it still has the names.
async fn with_sizes(
    transport: &Transport,
    repo: &str,
    commit: &str,
    paths: Vec<String>,
) -> Result<Listing, HubError> {
    match patiently(transport, repo, || request_listing(transport, repo, commit)).await {
        Ok(listing) if listing.commit == commit => Ok(listing),
        Ok(listing) => Err(Exchange {
            endpoint: &transport.endpoint,
            token: transport.token.as_ref(),
            repo,
            asked: Asked::Repository { revision: commit },
        }
        .protocol(format!("asked for commit {commit} it lists {}", listing.commit))),
        Err(
            HubError::PrivateOrAbsentRepo { .. }
            | HubError::RevisionNotFound { .. }
            | HubError::Protocol { .. },
        ) => Ok(Listing::of_names(commit, paths)),
        Err(error) => Err(error),
    }
}

async fn request_listing(
    transport: &Transport,
    repo: &str,
    revision: &str,
) -> Result<Listing, HubError> {
    let asked = Asked::Repository { revision };
    let exchange =
        Exchange { endpoint: &transport.endpoint, token: transport.token.as_ref(), repo, asked };
    let segments =
        ["api", "models"].into_iter().chain(repo.split('/')).chain(["revision", revision]);
    let mut url = transport.endpoint.join(segments);
    url.set_query(Some("blobs=true"));
    let answer =
        transport.request(Method::GET, url, HeaderMap::new(), Follow::WithinHub, exchange).await?;
    let mut response = answer.response;
    if !response.status().is_success() {
        return Err(exchange.refused(&crate::refusal::Refusal {
            status: response.status().as_u16(),
            ..Default::default()
        }));
    }
    let mut body = Vec::new();
    while let Some(chunk) = transport.chunk(&mut response, &exchange.what()).await? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_LISTING {
            return Err(exchange
                .protocol(format!("its list of files has more than {LARGEST_LISTING} bytes")));
        }
    }
    listing::parse(&body).map_err(|what| exchange.protocol(what))
}

/// A 404 for a revision, without the word why: is the repository itself there?
async fn absent(transport: &Transport, repo: &str, revision: &str) -> HubError {
    let asked = Asked::Repository { revision };
    let exchange =
        Exchange { endpoint: &transport.endpoint, token: transport.token.as_ref(), repo, asked };
    let url = transport.endpoint.join(["api", "models"].into_iter().chain(repo.split('/')));
    match transport.request(Method::GET, url, HeaderMap::new(), Follow::WithinHub, exchange).await {
        Ok(_) => exchange.revision_not_found(),
        Err(error) => error,
    }
}

/// Repeats `request` as the retry policy says, except when the hub cannot be reached at all.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, HubError>>>(
    transport: &Transport,
    what: &str,
    mut request: impl FnMut() -> F,
) -> Result<T, HubError> {
    let mut attempts = Attempts::new(transport.retries);
    loop {
        match request().await {
            Ok(value) => return Ok(value),
            Err(error @ HubError::Unreachable { .. }) => return Err(error),
            Err(error) => attempts.wait_after(error, what, &NoProgress).await?,
        }
    }
}
