//! Gemma 3, text only: root mean square norms before and after each part, scaled word embeddings,
//! and layers that see a window between layers that see everything; as an embedding model
//! (EmbeddingGemma) in both directions.
//!
//! Papers: <https://arxiv.org/abs/2503.19786>, <https://arxiv.org/abs/2509.20354>. Names and
//! defaults are those of transformers' `Gemma3TextModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{Activation, Bias, Blocks, Heads, RmsNorm, Sight, Theta};
use super::decoder::{self, Defaults, GatedPart, GroupedProjections};
use super::layers::{Seeing, View, Views};
use super::{Encoded, LayerKind, layer_kinds};

#[derive(Debug)]
struct Gemma3 {
    hidden: u64,
    heads: Heads,
    norm: RmsNorm,
    attention_bias: Bias,
    /// Factor of attention scores.
    scale: f32,
    inner: GatedPart,
}

/// Makes the graph of a Gemma 3 text model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_off("attn_logit_softcapping")?;
    let defaults = Defaults {
        vocabulary: 262_208,
        hidden: 2_304,
        intermediate: 9_216,
        heads: 8,
        shared: Some(4),
        head_size: Some(256),
        layers: 26,
    };
    let hidden = config.count("hidden_size", 1, defaults.hidden)?;
    let model = Gemma3 {
        hidden,
        heads: decoder::read_heads(config, hidden, &defaults)?,
        // The weights are stored as their distance from 1.
        norm: RmsNorm { epsilon: config.positive("rms_norm_eps", 1e-6)?, offset: 1.0 },
        attention_bias: Bias::when(config.flag("attention_bias", false)?),
        scale: config.positive_number("query_pre_attn_scalar", 256.0)?.powf(-0.5) as f32,
        inner: GatedPart {
            narrow: hidden,
            wide: config.count("intermediate_size", 1, defaults.intermediate)?,
            activation: Activation::read(config, "hidden_activation", "gelu_pytorch_tanh")?,
            bias: Bias::Absent,
        },
    };
    let layers = config.count("num_hidden_layers", 1, defaults.layers)?;
    let every = config.count("sliding_window_pattern", 1, 6)?;
    let kinds = layer_kinds(config, layers, |layer| match (layer + 1).is_multiple_of(every) {
        true => LayerKind::Full,
        false => LayerKind::Sliding,
    })?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let vocabulary = config.count("vocab_size", 1, defaults.vocabulary)?;
    let words = blocks.matrix("embed_tokens.weight", [vocabulary, hidden])?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let factor = blocks.graph.scalar_f32((hidden as f64).sqrt() as f32);
    let mut state = blocks.graph.arithmetic(Arithmetic::Multiply, words, factor)?;
    let (everything, window) = sights(config)?;
    let theta = |kind: LayerKind, setting, default| Theta {
        layers: Some(kind.name()),
        setting,
        default,
        takes_scaling: kind == LayerKind::Full,
    };
    let seeing = [
        Seeing { sight: everything, theta: theta(LayerKind::Full, "rope_theta", 1_000_000.0) },
        Seeing {
            sight: window,
            theta: theta(LayerKind::Sliding, "rope_local_base_freq", 10_000.0),
        },
    ];
    let inputs = [input_ids, attention_mask];
    let views = Views::build(config, blocks, inputs, model.heads.size, &kinds, seeing)?;
    for (layer, kind) in kinds.iter().enumerate() {
        let view = views.of(*kind);
        state = model.layer(blocks, &format!("layers.{layer}"), state, view)?;
    }
    let state = blocks.rms_norm(state, "norm", hidden, model.norm)?;
    Ok(Encoded { state, attention_mask, hidden })
}

/// What tokens of the full and of the sliding layers see. The window counts the own token; in both
/// directions, each side gets half of it.
fn sights(config: &Config) -> Result<(Sight, Sight), ExportError> {
    let window = config.count("sliding_window", 1, 4_096)?;
    Ok(match config.flag("use_bidirectional_attention", false)? {
        true => (Sight::All, Sight::Around { window: window / 2 }),
        false => (Sight::Before { window: None }, Sight::Before { window: Some(window - 1) }),
    })
}

impl Gemma3 {
    fn layer(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        View { bias, rotation }: View,
    ) -> Result<Port, ExportError> {
        let normal = self.norm(blocks, input, &format!("{layer}.input_layernorm"))?;
        let parts = GroupedProjections {
            hidden: self.hidden,
            heads: self.heads,
            bias: self.attention_bias,
            norm: Some(self.norm),
        }
        .project(blocks, &format!("{layer}.self_attn"), normal, rotation)?;
        let attended = blocks.attend(parts, bias, self.heads, Some(self.scale))?;
        let name = format!("{layer}.self_attn.o_proj");
        let size = [self.heads.width(), self.hidden];
        let output = blocks.linear(attended, &name, size, self.attention_bias)?;
        let output = self.norm(blocks, output, &format!("{layer}.post_attention_layernorm"))?;
        let state = blocks.graph.arithmetic(Arithmetic::Add, input, output)?;
        let normal = self.norm(blocks, state, &format!("{layer}.pre_feedforward_layernorm"))?;
        let output = self.inner.apply(blocks, &format!("{layer}.mlp"), normal)?;
        let output = self.norm(blocks, output, &format!("{layer}.post_feedforward_layernorm"))?;
        Ok(blocks.graph.arithmetic(Arithmetic::Add, state, output)?)
    }

    fn norm(&self, blocks: &mut Blocks, input: Port, name: &str) -> Result<Port, ExportError> {
        blocks.rms_norm(input, name, self.hidden, self.norm)
    }
}
