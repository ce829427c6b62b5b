//! Options of `bench`.

use std::path::PathBuf;
use std::time::Duration;

use super::ApiAccess;

/// `bench`: what to send to a running server, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchOptions {
    /// The server.
    pub access: ApiAccess,
    /// The model; `None`: the only one that the server has.
    pub model: Option<String>,
    /// Where the texts come from.
    pub dataset: DatasetSource,
    /// Most texts, at least one.
    pub limit: usize,
    /// Texts of one request, at least one.
    pub batch_size: usize,
    /// When requests are sent.
    pub load: Load,
    /// Start of the random numbers.
    pub seed: u64,
    /// How the server is to write vectors.
    pub encoding_format: EncodingFormat,
    /// After which a request counts as failed.
    pub timeout: Duration,
    /// Whether the result is printed as JSON.
    pub json: bool,
}

/// Where texts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetSource {
    /// Made of so many words each.
    Synthetic {
        /// At least one.
        words: usize,
    },
    /// Lines of a file.
    File(PathBuf),
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// All at once.
    AtOnce,
    /// At random moments, so many a second; more than 0.
    Rate(f64),
    /// By so many clients that wait for their answers; at least one.
    Clients(usize),
}

/// How vectors are written in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodingFormat {
    /// Decimal numbers.
    Float,
    /// Bytes of 32-bit numbers.
    Base64,
}
