//! The decisions: pooling, limits and device.

use super::{DEFAULT_DEVICE, Overrides, ResolveError};
use crate::Pooling;
use crate::facts::{GraphModules, SourceFacts};
use crate::graph::EmbeddingsOptions;
use crate::settings::Settings;

/// What was decided of a model.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) pooling: Pooling,
    pub(super) truncate: Option<usize>,
    pub(super) max_tokens: usize,
    pub(super) max_seq_length: Option<usize>,
    pub(super) device: String,
    pub(super) notices: Vec<String>,
}

/// OpenVINO's devices that choose among others.
const CHOOSING_DEVICES: [&str; 4] = ["AUTO", "MULTI", "HETERO", "BATCH"];

/// `settings` are those with the overrides already applied.
pub(super) fn decide(
    facts: &SourceFacts,
    options: &EmbeddingsOptions,
    settings: &Settings,
    overrides: &Overrides,
) -> Result<Decision, ResolveError> {
    let mut notices = Vec::new();
    let given = overrides.pooling.or(options.pooling);
    let pooling = decide_pooling(facts, given, &mut notices)?;
    check_limits(settings)?;
    check_matryoshka(facts, settings)?;
    let max_tokens = decide_max_tokens(facts, settings)?;
    let missing = facts.missing_modules();
    if !missing.is_empty() {
        notices.push(format!(
            "sentence-transformers changes this model's vectors after pooling by {}, which is not done \
             here: vectors differ from the model author's",
            missing.join(", ")
        ));
    }
    let max_seq_length = facts.max_seq_length.map(|length| match facts.usable_tokens {
        Some(usable) => length.min(usable),
        None => length,
    });
    let truncate = overrides.truncate.unwrap_or(options.truncate);
    let device = overrides
        .target_device
        .as_ref()
        .or(options.target_device.as_ref())
        .filter(|device| !device.is_empty())
        .map_or(DEFAULT_DEVICE, String::as_str);
    check_device(device)?;
    Ok(Decision {
        pooling,
        truncate: truncate.then(|| max_seq_length.map_or(max_tokens, |cut| cut.min(max_tokens))),
        max_tokens,
        max_seq_length,
        device: device.to_owned(),
        notices,
    })
}

/// Given wins; else the model's pooling module; else CLS, as OpenVINO Model Server.
fn decide_pooling(
    facts: &SourceFacts,
    given: Option<Pooling>,
    notices: &mut Vec<String>,
) -> Result<Pooling, ResolveError> {
    let own = facts.pooling.map(|pooling| pooling.to_string());
    let own = own.as_ref().or(facts.unsupported_pooling.as_ref());
    if let Some(GraphModules { pooling, .. }) = facts.graph_modules {
        if given.is_some_and(|given| given != pooling) {
            notices.push(format!(
                "another pooling was given, but {pooling} is part of the exported model and is what it \
                 does: export it again to change that"
            ));
        }
        return Ok(pooling);
    }
    match (given, own) {
        (Some(given), Some(own)) if given.as_str() != own => {
            notices.push(format!(
                "pooling {given} was given, but the model's own is {own}: vectors differ from the model \
                 author's"
            ));
            Ok(given)
        }
        (Some(given), _) => Ok(given),
        (None, _) => match (facts.pooling, &facts.unsupported_pooling) {
            (Some(pooling), _) => Ok(pooling),
            (None, Some(mode)) => Err(ResolveError::UnsupportedPooling { mode: mode.clone() }),
            (None, None) => Ok(Pooling::Cls),
        },
    }
}

/// What files cannot hold, other sources of settings could.
fn check_limits(settings: &Settings) -> Result<(), ResolveError> {
    for (setting, limit) in [
        ("max_input_tokens", settings.max_input_tokens),
        ("max_batch_inputs", settings.max_batch_inputs),
        ("max_concurrent_requests", settings.max_concurrent_requests),
        ("matryoshka", settings.matryoshka.first().copied()),
    ] {
        if limit == Some(0) {
            return Err(ResolveError::ZeroLimit { setting });
        }
    }
    Ok(())
}

fn check_matryoshka(facts: &SourceFacts, settings: &Settings) -> Result<(), ResolveError> {
    match (settings.matryoshka.last(), facts.dimensions()) {
        (Some(&dimension), Some(hidden_size)) if dimension > hidden_size => {
            Err(ResolveError::Matryoshka { dimension, hidden_size })
        }
        _ => Ok(()),
    }
}

/// A given limit may lower what the positions allow; where nothing is known it is believed.
fn decide_max_tokens(facts: &SourceFacts, settings: &Settings) -> Result<usize, ResolveError> {
    match (settings.max_input_tokens, facts.usable_tokens) {
        (Some(given), Some(usable)) if given > usable => {
            Err(ResolveError::MaxInputTokens { given, usable })
        }
        (Some(given), _) => Ok(given),
        (None, _) => Ok(facts.token_limit()),
    }
}

/// Checks the spelling of a device: a name in capitals, with the number of one of several.
///
/// # Errors
/// Devices that choose others (AUTO, MULTI, HETERO, BATCH), and what is not spelled like a device.
pub fn check_device(device: &str) -> Result<(), ResolveError> {
    let name = device.split(['.', ':', '(']).next().unwrap_or_default();
    let chooses = CHOOSING_DEVICES.contains(&name.to_uppercase().as_str());
    let numbers_fit = device[name.len()..]
        .split('.')
        .skip(1)
        .all(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()));
    let spelled = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && (device.len() == name.len() || device[name.len()..].starts_with('.'))
        && numbers_fit;
    if spelled && !chooses {
        Ok(())
    } else {
        Err(ResolveError::Device { device: device.to_owned(), chooses })
    }
}
