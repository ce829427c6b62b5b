//! Qwen2: a decoder with biases at the projections to queries, keys and values.
//!
//! Paper: <https://arxiv.org/abs/2407.10671>. Names and defaults are those of transformers'
//! `Qwen2Model`.

use crate::ExportError;
use crate::config::Config;

use super::blocks::{Bias, Blocks};
use super::decoder::{Decoder, Defaults};
use super::{Encoded, LayerKind, layer_kinds};

/// Defaults of absent settings.
pub(super) const DEFAULTS: Defaults = Defaults {
    vocabulary: 151_936,
    hidden: 4_096,
    intermediate: 22_016,
    heads: 32,
    shared: Some(32),
    head_size: None,
    layers: 32,
};

/// Makes the graph of a Qwen2 model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let mut decoder = Decoder::read(config, &DEFAULTS)?;
    decoder.projection_bias = Bias::Present;
    read_window(config, &mut decoder)?;
    decoder.build(config, blocks)
}

/// Reads which layers see a window only: with `use_sliding_window`, those from
/// `max_window_layers` on.
pub(super) fn read_window(config: &Config, decoder: &mut Decoder) -> Result<(), ExportError> {
    if config.flag("use_sliding_window", false)? {
        decoder.window = config.optional_count("sliding_window", 1)?;
    }
    let from = match decoder.window {
        Some(_) => config.count("max_window_layers", 0, 28)?,
        None => u64::MAX,
    };
    let layers = decoder.layers.len() as u64;
    decoder.layers = layer_kinds(config, layers, |layer| match layer >= from {
        true => LayerKind::Sliding,
        false => LayerKind::Full,
    })?;
    if decoder.window.is_none() && decoder.layers.contains(&LayerKind::Sliding) {
        return Err(config.unsupported("layer_types"));
    }
    Ok(())
}
