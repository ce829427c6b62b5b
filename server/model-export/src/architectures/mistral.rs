//! Mistral: a decoder, all of whose layers may see a window only.
//!
//! Paper: <https://arxiv.org/abs/2310.06825>. Names and defaults are those of transformers'
//! `MistralModel`.

use crate::ExportError;
use crate::config::Config;

use super::blocks::Blocks;
use super::decoder::{Decoder, Defaults};
use super::{Encoded, LayerKind};

/// Makes the graph of a Mistral model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_off("layer_types")?;
    let defaults = Defaults {
        vocabulary: 32_000,
        hidden: 4_096,
        intermediate: 14_336,
        heads: 32,
        shared: Some(8),
        head_size: None,
        layers: 32,
    };
    let mut decoder = Decoder::read(config, &defaults)?;
    // An absent window is the default one; none is null.
    decoder.window = match config.is_null("sliding_window") {
        true => None,
        false => Some(config.count("sliding_window", 1, 4_096)?),
    };
    if decoder.window.is_some() {
        decoder.layers.fill(LayerKind::Sliding);
    }
    decoder.build(config, blocks)
}
