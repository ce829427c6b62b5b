//! ModernBERT: an encoder that normalises before each part ("pre-norm"), with rotary positions,
//! gated feed-forward parts, and layers that see everything between layers that see a window.
//!
//! Paper: <https://arxiv.org/abs/2412.13663>. Names and defaults are those of transformers'
//! `ModernBertModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{Activation, Bias, Blocks, Heads, Sight, Theta};
use super::layers::{Seeing, View, Views};
use super::{Encoded, LayerKind, layer_kinds, strip_prefix};

/// Tensors of parts that come after the last hidden state.
pub(super) const IGNORED: &[&str] = &["head.", "decoder.", "classifier."];

#[derive(Debug)]
struct ModernBert {
    hidden: u64,
    heads: Heads,
    intermediate: u64,
    activation: Activation,
    epsilon: f32,
    norm_bias: Bias,
    attention_bias: Bias,
    inner_bias: Bias,
}

/// Makes the graph of a ModernBERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_name("position_embedding_type", "absolute")?;
    let hidden = config.count("hidden_size", 1, 768)?;
    let model = ModernBert {
        hidden,
        heads: super::equal_heads(config, "num_attention_heads", "hidden_size", hidden)?,
        intermediate: config.count("intermediate_size", 1, 1_152)?,
        activation: Activation::read(config, "hidden_activation", "gelu")?,
        epsilon: config.positive("norm_eps", 1e-5)?,
        norm_bias: Bias::when(config.flag("norm_bias", false)?),
        attention_bias: Bias::when(config.flag("attention_bias", false)?),
        inner_bias: Bias::when(config.flag("mlp_bias", false)?),
    };
    let vocabulary = config.count("vocab_size", 1, 50_368)?;
    let layers = config.count("num_hidden_layers", 1, 22)?;
    let every = config.count("global_attn_every_n_layers", 1, 3)?;
    let kinds = layer_kinds(config, layers, |layer| match layer.is_multiple_of(every) {
        true => LayerKind::Full,
        false => LayerKind::Sliding,
    })?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let words = blocks.matrix("embeddings.tok_embeddings.weight", [vocabulary, hidden])?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let mut state = model.norm(blocks, words, "embeddings.norm")?;
    let window = config.count("local_attention", 2, 128)? / 2;
    let theta = |kind: LayerKind, setting, default| Theta {
        layers: Some(kind.name()),
        setting,
        default,
        takes_scaling: true,
    };
    let seeing = [
        Seeing { sight: Sight::All, theta: theta(LayerKind::Full, "global_rope_theta", 160_000.0) },
        Seeing {
            sight: Sight::Around { window },
            theta: theta(LayerKind::Sliding, "local_rope_theta", 10_000.0),
        },
    ];
    let inputs = [input_ids, attention_mask];
    let views = Views::build(config, blocks, inputs, model.heads.size, &kinds, seeing)?;
    for (layer, kind) in kinds.iter().enumerate() {
        let view = views.of(*kind);
        state = model.self_attention(blocks, layer, state, view)?;
        state = model.feed_forward(blocks, layer, state)?;
    }
    let state = model.norm(blocks, state, "final_norm")?;
    Ok(Encoded { state, attention_mask, hidden })
}

impl ModernBert {
    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: usize,
        input: Port,
        View { bias, rotation }: View,
    ) -> Result<Port, ExportError> {
        // The embeddings are normalised already.
        let normal = match layer {
            0 => input,
            _ => self.norm(blocks, input, &format!("layers.{layer}.attn_norm"))?,
        };
        let name = format!("layers.{layer}.attn.Wqkv");
        let size = [self.hidden, 3 * self.hidden];
        let joined = blocks.linear(normal, &name, size, self.attention_bias)?;
        let parts = blocks.thirds(joined, self.hidden)?;
        let attended = blocks.attention(parts, bias, self.heads, Some(rotation))?;
        let name = format!("layers.{layer}.attn.Wo");
        let square = [self.hidden, self.hidden];
        let output = blocks.linear(attended, &name, square, self.attention_bias)?;
        Ok(blocks.graph.arithmetic(Arithmetic::Add, input, output)?)
    }

    fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: usize,
        input: Port,
    ) -> Result<Port, ExportError> {
        let (narrow, wide) = (self.hidden, self.intermediate);
        let normal = self.norm(blocks, input, &format!("layers.{layer}.mlp_norm"))?;
        let name = format!("layers.{layer}.mlp.Wi");
        let joined = blocks.linear(normal, &name, [narrow, 2 * wide], self.inner_bias)?;
        let plain = blocks.columns(joined, 0, wide)?;
        let gate = blocks.columns(joined, wide, 2 * wide)?;
        let plain = self.activation.apply(&mut blocks.graph, plain)?;
        let inner = blocks.graph.arithmetic(Arithmetic::Multiply, plain, gate)?;
        let name = format!("layers.{layer}.mlp.Wo");
        let output = blocks.linear(inner, &name, [wide, narrow], self.inner_bias)?;
        Ok(blocks.graph.arithmetic(Arithmetic::Add, input, output)?)
    }

    fn norm(&self, blocks: &mut Blocks, input: Port, name: &str) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, self.epsilon, self.norm_bias)
    }
}

/// Models with heads put `model.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "model.")
}
