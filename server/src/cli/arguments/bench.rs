//! Arguments of `bench`: those of OVMS's benchmark client, and ours.

use clap::{Args, ValueHint};

use super::{ApiAccessArguments, BOOLEAN, Choice};

const FORMATS: Choice = Choice(&["float", "base64"]);

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Address of the embeddings, or the server's with or without /v1 or /v3. Default: http://localhost:8000/v3/embeddings.
    #[arg(long = "api_url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) api_url: Option<String>,
    /// Name of the model. Default: the server's, if it has only one.
    #[arg(long = "model", value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Texts to send: synthetic, or a file with one text a line; in a .jsonl file, a line is a JSON string or an object with a member text. Default: synthetic.
    #[arg(long = "dataset", value_name = "DATASET", value_hint = ValueHint::FilePath)]
    pub(crate) dataset: Option<String>,
    /// Words of a synthetic text, most of which are one token. No two texts are the same where the words suffice. Default: 510.
    #[arg(long = "synthetic_length", value_name = "WORDS")]
    pub(crate) synthetic_length: Option<String>,
    /// Most texts to send. Default: 1000.
    #[arg(long = "limit", value_name = "COUNT")]
    pub(crate) limit: Option<String>,
    /// Texts of one request. Default: 16.
    #[arg(long = "batch_size", value_name = "COUNT")]
    pub(crate) batch_size: Option<String>,
    /// Requests a second, at random moments, whether or not the ones before are answered; inf: all at once. A latency counts from the moment at which the request was due. Default: inf.
    #[arg(long = "request_rate", value_name = "RATE")]
    pub(crate) request_rate: Option<String>,
    /// Instead of --request_rate: clients that send their next request as soon as the last one is answered. A latency counts from the moment at which the request is sent.
    #[arg(long = "concurrency", value_name = "COUNT")]
    pub(crate) concurrency: Option<String>,
    /// Start of the random numbers that make moments and synthetic texts: the same seed, the same run. Default: 42.
    #[arg(long = "seed", value_name = "NUMBER")]
    pub(crate) seed: Option<String>,
    /// How the server is to write vectors. Default: float.
    #[arg(long = "encoding_format", value_name = "FORMAT", value_parser = FORMATS, hide_possible_values = true)]
    pub(crate) encoding_format: Option<String>,
    /// Seconds after which a request counts as failed. Default: 3600.
    #[arg(long = "timeout", value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
    /// Print the result as JSON. Default: false.
    #[arg(long = "json", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BOOLEAN, hide_possible_values = true)]
    pub(crate) json: Option<String>,
    #[command(flatten)]
    pub(crate) access: ApiAccessArguments,
}
