//! Small files of a source, or the ends of large ones, read into memory: what a model says about itself before
//! anything is pulled.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, RANGE};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::checksum;
use crate::download::wrong;
use crate::error::HubError;
use crate::options::HubOptions;
use crate::refusal::{Asked, Exchange};
use crate::resolve::{FileHeaders, Origin, RepoFile, Resolved, patiently};
use crate::transport::{Follow, Transport};

/// How much of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, verified as a download is.
    Whole,
    /// The last bytes, at most so many; nothing says what their hash must be.
    End(u64),
}

/// Reads parts of files that `resolved` lists, by path. Callers choose by size: everything is kept in memory.
pub async fn read_parts(
    resolved: &Resolved,
    parts: Vec<(RepoFile, Part)>,
    options: &HubOptions,
) -> Result<BTreeMap<String, Vec<u8>>, HubError> {
    let transport = match resolved.origin {
        Origin::Hub => Some(Transport::new(options)?),
        Origin::Folder(_) => None,
    };
    let places = Arc::new(Semaphore::new(options.parallel.max(1)));
    let mut tasks = JoinSet::new();
    for (file, part) in parts {
        let places = Arc::clone(&places);
        let source = (resolved.repo.clone(), resolved.commit.clone(), resolved.origin.clone());
        let transport = transport.clone();
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            let (repo, commit, origin) = source;
            let bytes = match (&transport, origin) {
                (Some(transport), _) => {
                    patiently(transport, &file.path, || {
                        from_hub(transport, &repo, &commit, &file, part)
                    })
                    .await?
                }
                (None, Origin::Folder(folder)) => from_folder(&folder, &file, part)?,
                (None, Origin::Hub) => Vec::new(),
            };
            if part == Part::Whole
                && let Some(difference) = checksum::compare_bytes(&bytes, &file)
            {
                return Err(wrong(&file, difference));
            }
            Ok((file.path, bytes))
        });
    }
    let mut read = BTreeMap::new();
    while let Some(task) = tasks.join_next().await {
        let (path, bytes) = task.map_err(|source| HubError::Client { source: source.into() })??;
        read.insert(path, bytes);
    }
    Ok(read)
}

/// The bytes of a part that a file of this size has.
fn length_of(part: Part, size: u64) -> u64 {
    match part {
        Part::Whole => size,
        Part::End(length) => length.min(size),
    }
}

async fn from_hub(
    transport: &Transport,
    repo: &str,
    commit: &str,
    file: &RepoFile,
    part: Part,
) -> Result<Vec<u8>, HubError> {
    let asked = Asked::File { commit, path: &file.path };
    let exchange =
        Exchange { endpoint: &transport.endpoint, token: transport.token.as_ref(), repo, asked };
    let wanted = length_of(part, file.size);
    let mut headers = HeaderMap::new();
    if wanted < file.size
        && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", file.size - wanted))
    {
        headers.insert(RANGE, range);
    }
    let url = transport.file_url(repo, commit, &file.path);
    let answer = transport.request(Method::GET, url, headers, Follow::Anywhere, exchange).await?;
    FileHeaders::read(&answer.hub_headers).check_commit(commit, &exchange)?;
    let mut response = answer.response;
    // A server that knows no ranges sends all of the file.
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let (mut bytes, mut arrived) = (Vec::new(), 0);
    while let Some(piece) = transport.chunk(&mut response, &file.path).await? {
        arrived += piece.len() as u64;
        if arrived > file.size {
            return Err(wrong(file, checksum::Difference::Size { got: arrived }));
        }
        bytes.extend_from_slice(&piece);
        bytes.drain(..bytes.len().saturating_sub(wanted));
    }
    if bytes.len() < wanted {
        return Err(wrong(file, checksum::Difference::Size { got: arrived }));
    }
    Ok(bytes)
}

fn from_folder(folder: &Path, file: &RepoFile, part: Part) -> Result<Vec<u8>, HubError> {
    let path = folder.join(&file.path);
    let wanted = length_of(part, file.size);
    let read = || -> std::io::Result<Vec<u8>> {
        let mut source = std::fs::File::open(&path)?;
        source.seek(SeekFrom::Start(file.size - wanted))?;
        let mut bytes = Vec::new();
        source.take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| HubError::Io { action: "read", path: path.clone(), source })
}
