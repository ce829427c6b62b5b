//! Qwen3: a decoder that normalises the heads of queries and keys.
//!
//! Paper: <https://arxiv.org/abs/2505.09388>. Names and defaults are those of transformers'
//! `Qwen3Model`.

use crate::ExportError;
use crate::config::Config;

use super::blocks::{Bias, Blocks};
use super::decoder::{Decoder, Defaults, HeadNorms};
use super::{Encoded, qwen2};

/// Makes the graph of a Qwen3 model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let defaults = Defaults { head_size: Some(128), ..qwen2::DEFAULTS };
    let mut decoder = Decoder::read(config, &defaults)?;
    decoder.projection_bias = Bias::when(config.flag("attention_bias", false)?);
    decoder.output_bias = decoder.projection_bias;
    decoder.head_norms = HeadNorms::Present;
    qwen2::read_window(config, &mut decoder)?;
    decoder.build(config, blocks)
}
