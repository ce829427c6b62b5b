//! Llama: the decoder that the others descend from.
//!
//! Paper: <https://arxiv.org/abs/2302.13971>. Names and defaults are those of transformers'
//! `LlamaModel`.

use crate::ExportError;
use crate::config::Config;

use super::Encoded;
use super::blocks::{Bias, Blocks};
use super::decoder::{Decoder, Defaults};

/// Makes the graph of a Llama model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let defaults = Defaults {
        vocabulary: 32_000,
        hidden: 4_096,
        intermediate: 11_008,
        heads: 32,
        shared: None,
        head_size: None,
        layers: 32,
    };
    let mut decoder = Decoder::read(config, &defaults)?;
    decoder.projection_bias = Bias::when(config.flag("attention_bias", false)?);
    decoder.output_bias = decoder.projection_bias;
    decoder.inner_bias = Bias::when(config.flag("mlp_bias", false)?);
    decoder.build(config, blocks)
}
