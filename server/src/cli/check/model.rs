//! Checks of model options.

use std::collections::BTreeMap;

use model_export::WeightFormat;
use model_repository::Pooling;
use model_repository::settings::WeightDecompression;

use super::value::{choice, count, number_list, plugin_config, shown, text};
use crate::cli::UsageError;
use crate::cli::arguments::{ConversionArguments, ModelArguments};
use crate::cli::options::{LimitOptions, ModelOptions};

/// Tasks that OVMS knows and this program does not do.
const OTHER_TASKS: [&str; 5] =
    ["text_generation", "rerank", "image_generation", "text2speech", "speech2text"];

/// Checks everything about how a model is served.
pub(super) fn model(arguments: ModelArguments) -> Result<ModelOptions, UsageError> {
    let plugin_config = plugin_config("plugin_config", arguments.plugin_config.as_deref())?;
    Ok(ModelOptions {
        pooling: pooling(arguments.pooling.as_deref())?,
        normalize: strict_boolean("normalize", arguments.normalize.as_deref())?,
        truncate: strict_boolean("truncate", arguments.truncate.as_deref())?,
        num_streams: num_streams(arguments.num_streams.as_deref(), &plugin_config)?,
        target_device: target_device(arguments.target_device)?,
        device_fallback: None,
        plugin_config,
        matryoshka: number_list("matryoshka", arguments.matryoshka.as_deref(), 1..=65_536)?,
        limits: LimitOptions {
            max_input_tokens: count(
                "max_input_tokens",
                arguments.max_input_tokens.as_deref(),
                1..=10_000_000,
            )?,
            max_batch_inputs: count(
                "max_batch_inputs",
                arguments.max_batch_inputs.as_deref(),
                1..=10_000_000,
            )?,
            max_concurrent_requests: count(
                "max_concurrent_requests",
                arguments.max_concurrent_requests.as_deref(),
                1..=10_000_000,
            )?,
            weight_decompression: choice(
                "weight_decompression",
                arguments.weight_decompression.as_deref(),
                &[
                    ("auto", WeightDecompression::Auto),
                    ("never", WeightDecompression::Never),
                    ("load", WeightDecompression::Load),
                ],
            )?,
        },
    })
}

/// Names of the options that were given.
pub(super) fn given(arguments: &ModelArguments) -> Vec<&'static str> {
    let ModelArguments {
        pooling,
        normalize,
        truncate,
        num_streams,
        target_device,
        plugin_config,
        matryoshka,
        max_input_tokens: _,
        max_batch_inputs: _,
        max_concurrent_requests: _,
        weight_decompression: _,
    } = arguments;
    [
        ("pooling", pooling),
        ("normalize", normalize),
        ("truncate", truncate),
        ("num_streams", num_streams),
        ("target_device", target_device),
        ("plugin_config", plugin_config),
        ("matryoshka", matryoshka),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.is_some().then_some(name))
    .collect()
}

pub(super) fn pooling(text: Option<&str>) -> Result<Option<Pooling>, UsageError> {
    let modes = [("CLS", Pooling::Cls), ("LAST", Pooling::Last), ("MEAN", Pooling::Mean)];
    choice("pooling", text, &modes).map_err(|_| {
        UsageError::of("pooling", "Only CLS, LAST and MEAN pooling modes are supported")
    })
}

/// `normalize` and `truncate` of OVMS take `true` and `false` and nothing else.
pub(super) fn strict_boolean(
    option: &'static str,
    text: Option<&str>,
) -> Result<Option<bool>, UsageError> {
    choice(option, text, &[("true", true), ("false", false)])
}

/// As OVMS resolves `num_streams` against NUM_STREAMS of `plugin_config`: 1 gives way, any
/// other number is a conflict.
pub(super) fn num_streams(
    text: Option<&str>,
    plugin_config: &BTreeMap<String, String>,
) -> Result<Option<usize>, UsageError> {
    let streams = count("num_streams", text, 1..=1024)?;
    match streams {
        Some(streams) if plugin_config.contains_key("NUM_STREAMS") => {
            if streams == 1 {
                return Ok(None);
            }
            Err(set_twice("num_streams", "NUM_STREAMS"))
        }
        streams => Ok(streams),
    }
}

/// A property that is both an option and a member of `plugin_config`.
pub(super) fn set_twice(option: &'static str, property: &str) -> UsageError {
    UsageError::of(option, "Tried to set the same key twice in plugin config")
        .with_hint(format!("give either --{option} or {property} in --plugin_config"))
}

/// A real device: with a virtual one nobody could say where a model runs.
pub(super) fn target_device(device: Option<String>) -> Result<Option<String>, UsageError> {
    // OVMS's default is the empty text.
    let Some(device) = device.filter(|device| !device.is_empty()) else {
        return Ok(None);
    };
    let (kind, index) = match device.split_once('.') {
        Some((kind, index)) => (kind, Some(index)),
        None => (device.as_str(), None),
    };
    let is_index = index.is_none_or(|index| {
        (1..=3).contains(&index.len()) && index.bytes().all(|byte| byte.is_ascii_digit())
    });
    match kind {
        "CPU" if index.is_none() => Ok(Some(device)),
        "GPU" | "NPU" if is_index => Ok(Some(device)),
        _ => Err(UsageError::of(
            "target_device",
            format!(
                "target_device: {} is not allowed. Supported devices: CPU, GPU, GPU.0, NPU",
                shown(&device)
            ),
        )
        .with_hint("AUTO, HETERO and MULTI are refused so that the device in use is always known")),
    }
}

/// Only one task exists here; the others are refused by name.
pub(super) fn task(task: Option<&str>) -> Result<(), UsageError> {
    match task {
        None | Some("embeddings") => Ok(()),
        Some(other) if OTHER_TASKS.contains(&other) => Err(UsageError::of(
            "task",
            format!(
                "error parsing options - --task {other} is not supported: embedserve serves embeddings only"
            ),
        )),
        Some(unknown) => Err(UsageError::of(
            "task",
            format!(
                "error parsing options - --task parameter unsupported value: {}",
                shown(unknown)
            ),
        )),
    }
}

/// Checks how weights are stored.
pub(super) fn conversion(
    arguments: ConversionArguments,
) -> Result<(Option<WeightFormat>, Option<String>), UsageError> {
    let formats = [WeightFormat::Fp32, WeightFormat::Fp16, WeightFormat::Int8, WeightFormat::Int4]
        .map(|format| (format.as_str(), format));
    Ok((
        choice("weight_format", arguments.weight_format.as_deref(), &formats)?,
        text("extra_quantization_params", arguments.extra_quantization_params)?,
    ))
}
