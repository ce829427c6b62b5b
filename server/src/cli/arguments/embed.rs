//! Arguments of `embed`, and of every client of the API.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    /// Texts to embed.
    #[arg(value_name = "TEXT")]
    pub(crate) texts: Vec<String>,
    /// Address of the server, with or without /v1 or /v3. Default: http://localhost:8000.
    #[arg(long = "api_url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) api_url: Option<String>,
    /// Name of the model. Default: the server's, if it has only one.
    #[arg(long = "model_name", value_name = "NAME")]
    pub(crate) model_name: Option<String>,
    /// Seconds to go on asking while the server cannot be reached or the model is not ready. Default: 0.
    #[arg(long = "wait", value_name = "SECONDS")]
    pub(crate) wait: Option<String>,
    #[command(flatten)]
    pub(crate) access: ApiAccessArguments,
}

/// What every client of the API needs besides the address, whose help differs.
#[derive(Debug, Args)]
pub(crate) struct ApiAccessArguments {
    /// File whose first line is the API key. Default: the variable API_KEY, else no key.
    #[arg(long = "api_key_file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) api_key_file: Option<PathBuf>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long = "ca_bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_bundle: Option<PathBuf>,
}
