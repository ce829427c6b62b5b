//! Options of `embed`, and of every client of the API.

use std::path::PathBuf;
use std::time::Duration;

use super::ApiKey;

/// `embed`: what to ask a running server.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedOptions {
    /// The texts, at least one.
    pub texts: Vec<String>,
    /// The server.
    pub access: ApiAccess,
    /// The model; `None`: the only one that the server has.
    pub model_name: Option<String>,
    /// How long to go on while the server or the model is not there yet.
    pub wait: Duration,
}

/// Where a server is and what its clients need.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiAccess {
    /// `http://` or `https://` address that `/embeddings` and `/models` are appended to.
    pub base: String,
    /// What the server wants to see.
    pub api_key: ApiKey,
    /// PEM file of certificate authorities to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
}
