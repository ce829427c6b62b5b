//! Why a pull failed: one variant for each remedy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::options::endpoint::EndpointError;
use crate::path::UnsafePath;
use crate::space;

/// Why the hub or a folder could not be read, or a download could not be finished. Tokens, passwords and signed
/// addresses are in none of the texts.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The hub does not accept the token.
    #[error(
        "{endpoint} did not accept the token for {repo}{}: make a new one at {endpoint}/settings/tokens and set HF_TOKEN",
        said(message)
    )]
    Unauthorized {
        /// Repository.
        repo: String,
        /// The hub.
        endpoint: String,
        /// What the hub said about it.
        message: Option<String>,
    },
    /// The repository's terms have not been accepted.
    #[error(
        "{repo} is gated: accept the terms at {endpoint}/{repo} and set HF_TOKEN to a token of that account"
    )]
    Gated {
        /// Repository.
        repo: String,
        /// The hub.
        endpoint: String,
        /// HTTP status.
        status: u16,
    },
    /// The token is good, but not for this.
    #[error(
        "{endpoint} forbids reading {repo}{}: check that the account may read it and that the token in HF_TOKEN has the read scope",
        said(message)
    )]
    Forbidden {
        /// Repository.
        repo: String,
        /// The hub.
        endpoint: String,
        /// What the hub said about it.
        message: Option<String>,
    },
    /// There is no such repository, or none that we may know of.
    #[error("{repo} is not on {endpoint}, or it is private{}: check the name; for a private repository set HF_TOKEN; a folder is written ./{repo}", if *with_token { " and the token cannot read it" } else { "" })]
    PrivateOrAbsentRepo {
        /// Repository.
        repo: String,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        with_token: bool,
        /// HTTP status.
        status: u16,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{repo} has no revision {revision}: see the branches and tags at {endpoint}/{repo}")]
    RevisionNotFound {
        /// Repository.
        repo: String,
        /// The hub.
        endpoint: String,
        /// The revision that was asked for.
        revision: String,
    },
    /// A file that was listed is not there.
    #[error(
        "{repo} at {commit} has no file {path}, although it is listed: the repository changed or the mirror is incomplete; pull again, or use another HF_ENDPOINT"
    )]
    EntryNotFound {
        /// Repository.
        repo: String,
        /// Commit.
        commit: String,
        /// The missing file.
        path: String,
    },
    /// The file system is or would become full.
    #[error("not enough space at {}: {needed} bytes are needed{}; free some space or choose another model repository path", path.display(), free.map(|free| format!(", {free} are free")).unwrap_or_default())]
    NoSpace {
        /// A folder of that file system.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free, if known.
        free: Option<u64>,
    },
    /// A file's content is not what the hub promised, twice.
    #[error(
        "{path} has the wrong content: expected {expected}, got {got}, also when fetched again; the mirror or a proxy changes files, or the disk is failing"
    )]
    HashMismatch {
        /// The file.
        path: String,
        /// Promised hash, hexadecimal.
        expected: String,
        /// Hash of what came, hexadecimal.
        got: String,
    },
    /// A file's length is not what the hub promised, twice.
    #[error(
        "{path} has the wrong size: expected {expected} bytes, got {got}, also when fetched again; the mirror or a proxy changes files"
    )]
    SizeMismatch {
        /// The file.
        path: String,
        /// Promised bytes.
        expected: u64,
        /// Bytes that came or were announced.
        got: u64,
    },
    /// No trustworthy TLS connection.
    #[error(
        "no secure connection to {host}: if a proxy or mirror has its own certificate authority, name its PEM file in SSL_CERT_FILE"
    )]
    Tls {
        /// Host and port.
        host: String,
        /// What TLS says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No connection at all.
    #[error(
        "{host} cannot be reached: check the network and the proxy variables, or set HF_ENDPOINT to a mirror"
    )]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the network says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection broke, or nothing came for too long.
    #[error(
        "the connection to {host} was lost while reading {what}; pulling again goes on where it stopped"
    )]
    Interrupted {
        /// Host and port.
        host: String,
        /// What was being read.
        what: String,
        /// What the network says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Too many requests.
    #[error("{endpoint} limits the rate of requests{}: pull again later, with a token in HF_TOKEN, or from a mirror by HF_ENDPOINT", retry_after.map(|wait| format!(" (it asks to wait {} s)", wait.as_secs())).unwrap_or_default())]
    RateLimited {
        /// The hub.
        endpoint: String,
        /// How long the hub asks to wait.
        retry_after: Option<Duration>,
    },
    /// The hub or its storage failed.
    #[error(
        "{host} answered {status} for {what}: it has a problem of its own; pull again later, or set HF_ENDPOINT to a mirror"
    )]
    ServerError {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// What was asked for.
        what: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// A redirect that is not followed.
    #[error("a redirect of {host} was not followed: {reason}; check HF_ENDPOINT and the proxy")]
    Redirect {
        /// Host and port that sent it.
        host: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// An answer that is not the hub's protocol.
    #[error(
        "{endpoint} does not answer as a Hugging Face hub does: {what}; check HF_ENDPOINT and the proxy"
    )]
    Protocol {
        /// The hub.
        endpoint: String,
        /// What is wrong.
        what: String,
        /// HTTP status, if that is what is wrong.
        status: Option<u16>,
    },
    /// The listing names files that cannot be stored safely.
    #[error(
        "the file list of {repo} is not usable: use another repository, or report it to the hub"
    )]
    Listing {
        /// Repository or folder.
        repo: String,
        /// The path in question.
        #[source]
        source: UnsafePath,
    },
    /// The address of the hub is wrong.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The token cannot be sent.
    #[error(
        "the token has characters that no token has: check HF_TOKEN for pasted quotes or line breaks"
    )]
    Token,
    /// The CA bundle cannot be read.
    #[error("the certificate bundle {} is not usable: it must be a PEM file of certificates", path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTP client could not be set up.
    #[error(
        "failed to set up the HTTP client: check the proxy variables and the system's certificates"
    )]
    Client {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The source folder is not there or is not a folder.
    #[error("{} is not a folder: write organisation/name for a hub repository, ./folder for a folder", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// A link of the source folder leads out of it.
    #[error("{} is a link that leads out of the folder: copy the folder with its links resolved (cp -rL) and use the copy", path.display())]
    LinkOutside {
        /// The link.
        path: PathBuf,
    },
    /// Another pull of the same model took too long.
    #[error("another pull of {} is still running after {} s: wait for it, or end it", target.display(), waited.as_secs())]
    LockTimeout {
        /// The model's folder.
        target: PathBuf,
        /// How long this pull waited.
        waited: Duration,
    },
    /// The model could not be moved to its place, which is found out before anything is downloaded.
    #[error("no model can be put at {}: {reason}", path.display())]
    TargetPlace {
        /// The folder, file or link that is in the way.
        path: PathBuf,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// A file of ours could not be read or written.
    #[error("failed to {action} {}: check its permissions and what is there", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn said(message: &Option<String>) -> String {
    message.as_ref().map(|message| format!(" (it says: {message})")).unwrap_or_default()
}

impl HubError {
    /// A constant word for this kind of failure: a reason in a condition, a label of a metric.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized { .. } => "Unauthorized",
            Self::Gated { .. } => "Gated",
            Self::Forbidden { .. } => "Forbidden",
            Self::PrivateOrAbsentRepo { .. } => "PrivateOrAbsentRepo",
            Self::RevisionNotFound { .. } => "RevisionNotFound",
            Self::EntryNotFound { .. } => "EntryNotFound",
            Self::NoSpace { .. } => "NoSpace",
            Self::HashMismatch { .. } => "HashMismatch",
            Self::SizeMismatch { .. } => "SizeMismatch",
            Self::Tls { .. } => "Tls",
            Self::Unreachable { .. } => "Unreachable",
            Self::Interrupted { .. } => "Interrupted",
            Self::RateLimited { .. } => "RateLimited",
            Self::ServerError { .. } => "ServerError",
            Self::Redirect { .. } => "Redirect",
            Self::Protocol { .. } => "Protocol",
            Self::Listing { .. } => "Listing",
            Self::Endpoint(_) => "Endpoint",
            Self::Token => "Token",
            Self::CaBundle { .. } => "CaBundle",
            Self::Client { .. } => "Client",
            Self::NotAFolder { .. } => "NotAFolder",
            Self::LinkOutside { .. } => "LinkOutside",
            Self::LockTimeout { .. } => "LockTimeout",
            Self::TargetPlace { .. } => "TargetPlace",
            Self::Io { .. } => "Io",
        }
    }

    /// The HTTP status that the hub or its storage answered with, if an answer is what went wrong.
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { .. } => Some(401),
            Self::Forbidden { .. } => Some(403),
            Self::RevisionNotFound { .. } | Self::EntryNotFound { .. } => Some(404),
            Self::RateLimited { .. } => Some(429),
            Self::Gated { status, .. }
            | Self::PrivateOrAbsentRepo { status, .. }
            | Self::ServerError { status, .. } => Some(*status),
            Self::Protocol { status, .. } => *status,
            Self::NoSpace { .. }
            | Self::HashMismatch { .. }
            | Self::SizeMismatch { .. }
            | Self::Tls { .. }
            | Self::Unreachable { .. }
            | Self::Interrupted { .. }
            | Self::Redirect { .. }
            | Self::Listing { .. }
            | Self::Endpoint(_)
            | Self::Token
            | Self::CaBundle { .. }
            | Self::Client { .. }
            | Self::NotAFolder { .. }
            | Self::LinkOutside { .. }
            | Self::LockTimeout { .. }
            | Self::TargetPlace { .. }
            | Self::Io { .. } => None,
        }
    }

    /// Whether the same request may well succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Interrupted { .. } | Self::Unreachable { .. } => true,
            // 501 and 505 will say the same tomorrow; a 4xx in this variant came from the storage behind the hub,
            // whose signed addresses expire, and a new one is made for each attempt.
            Self::ServerError { status, .. } => !matches!(status, 501 | 505),
            _ => false,
        }
    }

    /// How long the server asked to wait before the next attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::ServerError { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// `source` as [`HubError::NoSpace`] if the file system or a quota is full, else as [`HubError::Io`].
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
        needed: u64,
        source: std::io::Error,
    ) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded => {
                let path = path.parent().unwrap_or(path);
                Self::NoSpace { path: path.to_owned(), needed, free: space::free_bytes(path).ok() }
            }
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }
}
