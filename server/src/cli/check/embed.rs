//! Checks of `embed`, and of every client of the API.

use std::time::Duration;

use super::Context;
use super::pull::endpoint;
use super::server::api_key;
use super::value::{number, path, text};
use crate::cli::UsageError;
use crate::cli::arguments::{ApiAccessArguments, EmbedArguments};
use crate::cli::options::{ApiAccess, EmbedOptions, Invocation};

const DEFAULT_URL: &str = "http://localhost:8000";

pub(crate) fn embed(
    arguments: EmbedArguments,
    context: &Context<'_>,
) -> Result<Invocation, UsageError> {
    if arguments.texts.iter().all(String::is_empty) {
        return Err(
            UsageError::new("embed needs a text").with_hint("embedserve embed 'hello world'")
        );
    }
    let seconds = number("wait", arguments.wait.as_deref(), 0..=86_400)?.unwrap_or_default();
    Ok(Invocation::Embed(Box::new(EmbedOptions {
        texts: arguments.texts,
        access: api_access(arguments.api_url, DEFAULT_URL, arguments.access, context)?,
        model_name: text("model_name", arguments.model_name)?,
        wait: Duration::from_secs(seconds),
    })))
}

/// Where the server is. OpenAI's clients are given the address with the version, people often give
/// it without, and OVMS's benchmark takes that of the embeddings themselves.
pub(super) fn api_access(
    url: Option<String>,
    default: &str,
    access: ApiAccessArguments,
    context: &Context<'_>,
) -> Result<ApiAccess, UsageError> {
    let url = text("api_url", url)?.unwrap_or_else(|| default.to_owned());
    let url = endpoint("api_url", default, &url)?;
    let has_version = ["/v1", "/v3"].iter().any(|version| url.ends_with(version));
    let base = match url.strip_suffix("/embeddings") {
        Some(base) => base.to_owned(),
        None if has_version => url,
        None => format!("{url}/v1"),
    };
    Ok(ApiAccess {
        base,
        api_key: api_key(access.api_key_file, context)?,
        ca_bundle: path("ca_bundle", access.ca_bundle)?,
    })
}
