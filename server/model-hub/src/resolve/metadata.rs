//! Sizes and hashes that the listing left out, from the headers of HEAD requests.

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, RANGE};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::RepoFile;
use super::hub::patiently;
use super::listing::{ListedFile, Listing, git_oid_from, sha256_from};
use crate::error::HubError;
use crate::refusal::{Asked, Exchange};
use crate::transport::{Answer, Follow, Transport};

/// What the hub's headers about a file say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileHeaders {
    /// `X-Repo-Commit`.
    pub(crate) commit: Option<String>,
    /// SHA-256 from `X-Linked-Etag`, or from an `ETag` of that length.
    pub(crate) sha256: Option<String>,
    /// Git's object id from an `ETag` of that length.
    pub(crate) git_oid: Option<String>,
    /// `X-Linked-Size`.
    pub(crate) linked_size: Option<u64>,
}

impl FileHeaders {
    /// Reads the headers of an answer of the hub itself.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let hash = text("x-linked-etag").or_else(|| text("etag")).map(without_quotes);
        Self {
            commit: text("x-repo-commit").map(str::to_ascii_lowercase),
            sha256: hash.and_then(sha256_from),
            git_oid: hash.and_then(git_oid_from),
            linked_size: text("x-linked-size").and_then(|size| size.parse().ok()),
        }
    }

    /// Refuses a file of another commit than the one that was asked for.
    pub(crate) fn check_commit(
        &self,
        commit: &str,
        exchange: &Exchange<'_>,
    ) -> Result<(), HubError> {
        match &self.commit {
            Some(other) if other != commit => Err(exchange.protocol(format!(
                "asked for {} at {commit} it gives that of {other}",
                exchange.what()
            ))),
            _ => Ok(()),
        }
    }
}

fn without_quotes(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// Every file of `listing` with its size, asking for those that lack it. In a gated repository at least one file is
/// asked for: the list is open to everybody there, and who may not read the files should hear it now.
pub(super) async fn complete(
    transport: &Transport,
    exchange: &Exchange<'_>,
    listing: &Listing,
    parallel: usize,
) -> Result<Vec<RepoFile>, HubError> {
    let mut files: Vec<RepoFile> = listing.files.iter().filter_map(ListedFile::described).collect();
    let mut missing: Vec<String> = listing
        .files
        .iter()
        .filter(|file| file.size.is_none())
        .map(|file| file.path.clone())
        .collect();
    let probe = match (listing.gated, missing.is_empty(), files.first()) {
        (true, true, Some(_)) => Some(files.remove(0)),
        _ => None,
    };
    missing.extend(probe.iter().map(|file| file.path.clone()));
    let places = Arc::new(Semaphore::new(parallel.max(1)));
    let mut tasks = JoinSet::new();
    for path in missing {
        let (transport, places) = (transport.clone(), Arc::clone(&places));
        let (repo, commit) = (exchange.repo.to_owned(), listing.commit.clone());
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            patiently(&transport, &path, || head(&transport, &repo, &commit, &path)).await
        });
    }
    while let Some(file) = tasks.join_next().await {
        files.push(file.map_err(|source| HubError::Client { source: source.into() })??);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// What the hub says about one file: asked for its headers, and for its first byte where a mirror does not answer
/// that or leaves out the size.
async fn head(
    transport: &Transport,
    repo: &str,
    commit: &str,
    path: &str,
) -> Result<RepoFile, HubError> {
    let asked = Asked::File { commit, path };
    let exchange =
        Exchange { endpoint: &transport.endpoint, token: transport.token.as_ref(), repo, asked };
    let url = || transport.file_url(repo, commit, path);
    let headers = HeaderMap::new();
    let answer = transport.request(Method::HEAD, url(), headers, Follow::WithinHub, exchange).await;
    let answer = match answer {
        Ok(answer) => Some(answer),
        // 405 and 501: no HEAD here.
        Err(HubError::Protocol { .. } | HubError::ServerError { status: 501, .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(answer) = answer
        && let Some(file) = described(&answer, commit, path, &exchange)?
    {
        return Ok(file);
    }
    let first_byte = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-0"))]);
    let answer =
        transport.request(Method::GET, url(), first_byte, Follow::Anywhere, exchange).await?;
    described(&answer, commit, path, &exchange)?
        .ok_or_else(|| exchange.protocol(format!("it does not tell the size of {path}")))
}

/// The file as the headers of an answer describe it; `None` where they do not tell its size.
fn described(
    answer: &Answer,
    commit: &str,
    path: &str,
    exchange: &Exchange<'_>,
) -> Result<Option<RepoFile>, HubError> {
    let said = FileHeaders::read(&answer.hub_headers);
    said.check_commit(commit, exchange)?;
    let status = answer.response.status().as_u16();
    let header = |name| answer.response.headers().get(name).and_then(|value| value.to_str().ok());
    let size = said.linked_size.or_else(|| own_size(status, header));
    Ok(size.map(|size| RepoFile {
        path: path.to_owned(),
        size,
        sha256: said.sha256,
        git_oid: said.git_oid,
    }))
}

/// The size of the whole file by an answer's own headers. The length of a redirect is that of its own small body, and
/// that of a part the part's.
fn own_size<'a>(status: u16, header: impl Fn(HeaderName) -> Option<&'a str>) -> Option<u64> {
    match status {
        200 => header(CONTENT_LENGTH)?.parse().ok(),
        // 416: an empty file has no first byte.
        206 | 416 => header(CONTENT_RANGE)?.rsplit_once('/')?.1.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> FileHeaders {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                reqwest::header::HeaderName::from_static(name),
                reqwest::header::HeaderValue::from_static(value),
            )
        });
        FileHeaders::read(&pairs.collect())
    }

    #[test]
    fn the_linked_headers_win_over_those_of_the_pointer() {
        let sha256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
        let read = headers(&[
            ("etag", "\"58d4a9a45664eb9e12de9549c548c09b6134c17f\""),
            (
                "x-linked-etag",
                "\"53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db\"",
            ),
            ("x-linked-size", "90868376"),
        ]);
        let linked_size = Some(90_868_376);
        assert_eq!(
            read,
            FileHeaders { sha256: Some(sha256.into()), linked_size, ..FileHeaders::default() }
        );
    }

    #[test]
    fn the_length_of_an_etag_tells_which_hash_it_is() {
        let oid = "58d4a9a45664eb9e12de9549c548c09b6134c17f";
        let read = headers(&[("etag", "W/\"58d4a9a45664eb9e12de9549c548c09b6134c17f\"")]);
        assert_eq!(read, FileHeaders { git_oid: Some(oid.into()), ..FileHeaders::default() });
        assert_eq!(
            headers(&[("etag", "\"5d41402abc4b2a76b9719d911017c592-11\"")]),
            FileHeaders::default()
        );
    }

    #[test]
    fn a_whole_answer_a_part_and_an_empty_file_tell_the_size_and_a_redirect_does_not() {
        let size = |status, length: &'static str, range: &'static str| {
            own_size(status, |name| Some(if name == CONTENT_LENGTH { length } else { range }))
        };
        assert_eq!(size(200, "7", ""), Some(7));
        assert_eq!(size(206, "1", "bytes 0-0/90868376"), Some(90_868_376));
        assert_eq!(size(416, "9", "bytes */0"), Some(0));
        assert_eq!(size(206, "1", "bytes 0-0/*"), None);
        assert_eq!(size(302, "7", "bytes 0-0/7"), None);
        assert_eq!(own_size(200, |_| None), None);
    }
}
