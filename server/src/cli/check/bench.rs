//! Checks of `bench`.

use std::time::Duration;

use super::Context;
use super::embed::api_access;
use super::value::{boolean, choice, count, number, shown, text};
use crate::cli::UsageError;
use crate::cli::arguments::BenchArguments;
use crate::cli::options::{BenchOptions, DatasetSource, EncodingFormat, Invocation, Load};

const DEFAULT_URL: &str = "http://localhost:8000/v3/embeddings";
const DEFAULT_WORDS: usize = 510;
const DEFAULT_LIMIT: usize = 1000;
const DEFAULT_BATCH_SIZE: usize = 16;
/// Words of all synthetic texts, which are made before the clock starts: some gigabytes.
const MOST_WORDS: usize = 500_000_000;
const DEFAULT_SEED: u64 = 42;
const DEFAULT_TIMEOUT_SECONDS: u64 = 3600;
/// Rates between which gaps are neither days nor nothing.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1e6;

pub(crate) fn bench(
    mut arguments: BenchArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let load = load(&mut arguments, context)?;
    let limit = count("limit", arguments.limit.as_deref(), 1..=10_000_000)?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let dataset = dataset(arguments.dataset, arguments.synthetic_length, context)?;
    if let DatasetSource::Synthetic { words } = dataset
        && words.saturating_mul(limit) > MOST_WORDS
    {
        let message = format!("limit times synthetic_length must be at most {MOST_WORDS} words");
        return Err(UsageError::new(message));
    }
    let formats = [("float", EncodingFormat::Float), ("base64", EncodingFormat::Base64)];
    let seconds = number("timeout", arguments.timeout.as_deref(), 1..=86_400)?;
    Ok(Invocation::Bench(Box::new(BenchOptions {
        load,
        model: text("model", arguments.model)?,
        dataset,
        limit,
        batch_size: count("batch_size", arguments.batch_size.as_deref(), 1..=100_000)?
            .unwrap_or(DEFAULT_BATCH_SIZE),
        seed: number("seed", arguments.seed.as_deref(), 0..=u64::MAX)?.unwrap_or(DEFAULT_SEED),
        encoding_format: choice("encoding_format", arguments.encoding_format.as_deref(), &formats)?
            .unwrap_or(EncodingFormat::Float),
        timeout: Duration::from_secs(seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS)),
        json: boolean("json", arguments.json.as_deref(), false)?,
        access: api_access(arguments.api_url, DEFAULT_URL, arguments.access, context)?,
    })))
}

fn dataset(
    dataset: Option<String>,
    mut synthetic_length: Option<String>,
    context: &mut Context<'_>,
) -> Result<DatasetSource, UsageError> {
    match text("dataset", dataset)?.filter(|dataset| dataset != "synthetic") {
        None => {
            let words = count("synthetic_length", synthetic_length.as_deref(), 1..=1_000_000)?;
            Ok(DatasetSource::Synthetic { words: words.unwrap_or(DEFAULT_WORDS) })
        }
        Some(file) => {
            let why = "--dataset is a file";
            context.drop_variable("synthetic_length", &mut synthetic_length, why);
            if synthetic_length.is_some() {
                context.warn("--synthetic_length has no effect: --dataset is a file");
            }
            Ok(DatasetSource::File(file.into()))
        }
    }
}

fn load(arguments: &mut BenchArguments, context: &mut Context<'_>) -> Result<Load, UsageError> {
    // The command line wins over the environment, here between two options.
    if arguments.concurrency.is_some() && !context.is_from_environment("concurrency") {
        let why = "--concurrency is given";
        context.drop_variable("request_rate", &mut arguments.request_rate, why);
    } else if arguments.request_rate.is_some() && !context.is_from_environment("request_rate") {
        let why = "--request_rate is given";
        context.drop_variable("concurrency", &mut arguments.concurrency, why);
    }
    let clients = count("concurrency", arguments.concurrency.as_deref(), 1..=100_000)?;
    let rate = arguments.request_rate.as_deref().map(rate).transpose()?;
    match (rate, clients) {
        (Some(_), Some(_)) => Err(UsageError::new(
            "request_rate and concurrency cannot both be set",
        )
        .with_hint(
            "--request_rate sends at its own pace, --concurrency as fast as answers come: leave one out",
        )),
        (rate, None) => Ok(rate.unwrap_or(Load::AtOnce)),
        (None, Some(clients)) => Ok(Load::Clients(clients)),
    }
}

fn rate(text: &str) -> Result<Load, UsageError> {
    if text == "inf" {
        return Ok(Load::AtOnce);
    }
    let rate = text.parse().ok().filter(|rate| RATES.contains(rate));
    rate.map(Load::Rate).ok_or_else(|| {
        UsageError::of(
            "request_rate",
            format!(
                "request_rate: {} is neither inf nor a number from {} to {}",
                shown(text),
                RATES.start(),
                RATES.end()
            ),
        )
    })
}
