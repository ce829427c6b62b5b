//! The gte models of type `new` (gte-*-en-v1.5, gte-multilingual): BERT's layers with rotary
//! positions, joined projections and a gated feed-forward part.
//!
//! Paper: <https://arxiv.org/abs/2407.19669>. Names are those of the code that these repositories
//! share (`Alibaba-NLP/new-impl`); transformers has the same model as `GteModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{Activation, Bias, Blocks, Frequencies, Heads, Rotation, Sight, Theta};
use super::{Encoded, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] =
    &["pooler.", "classifier.", "lm_head.", "embeddings.position_ids"];

/// The repositories' own code, which is implemented here.
pub(super) const OWN_CODE: &str = "modeling.NewModel";

#[derive(Debug)]
struct Gte {
    hidden: u64,
    heads: Heads,
    intermediate: u64,
    activation: Activation,
    epsilon: f32,
}

/// Makes the graph of a gte model of type `new`.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    // The own code's default is a table of positions.
    if config.name("position_embedding_type", "rope")? != "rope" {
        return Err(config.unsupported("position_embedding_type"));
    }
    config.require_name("layer_norm_type", "layer_norm")?;
    config.require_off("logn_attention_scale")?;
    if !config.flag("pack_qkv", true)? {
        return Err(config.unsupported("pack_qkv"));
    }
    let hidden = config.count("hidden_size", 1, 768)?;
    let model = Gte {
        hidden,
        heads: super::equal_heads(config, "num_attention_heads", "hidden_size", hidden)?,
        intermediate: config.count("intermediate_size", 1, 3_072)?,
        activation: Activation::read(config, "hidden_act", "gelu")?,
        epsilon: config.positive("layer_norm_eps", 1e-12)?,
    };
    let theta =
        Theta { layers: None, setting: "rope_theta", default: 10_000.0, takes_scaling: true };
    let frequencies = Frequencies::read(config, model.heads.size, theta)?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let vocabulary = config.count("vocab_size", 1, 30_528)?;
    let segments = config.count("type_vocab_size", 0, 1)?;
    let words = blocks.matrix("embeddings.word_embeddings.weight", [vocabulary, hidden])?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let sum = blocks.add_segments(words, [segments, hidden])?;
    let mut state = model.norm(blocks, sum, "embeddings.LayerNorm")?;
    let bias = blocks.attention_bias(attention_mask, Sight::All)?;
    let rotation = blocks.rotation(input_ids, &frequencies)?;
    for layer in 0..config.count("num_hidden_layers", 1, 12)? {
        let name = format!("encoder.layer.{layer}");
        state = model.self_attention(blocks, &name, state, bias, rotation)?;
        state = model.feed_forward(blocks, &name, state)?;
    }
    Ok(Encoded { state, attention_mask, hidden })
}

impl Gte {
    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        bias: Port,
        rotation: Rotation,
    ) -> Result<Port, ExportError> {
        let name = format!("{layer}.attention.qkv_proj");
        let joined = blocks.linear(input, &name, [self.hidden, 3 * self.hidden], Bias::Present)?;
        let parts = blocks.thirds(joined, self.hidden)?;
        let attended = blocks.attention(parts, bias, self.heads, Some(rotation))?;
        let name = format!("{layer}.attention.o_proj");
        let output = blocks.linear(attended, &name, [self.hidden; 2], Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, input, output)?;
        self.norm(blocks, sum, &format!("{layer}.attn_ln"))
    }

    fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let (narrow, wide) = (self.hidden, self.intermediate);
        let name = format!("{layer}.mlp.up_gate_proj");
        let joined = blocks.linear(input, &name, [narrow, 2 * wide], Bias::Absent)?;
        let plain = blocks.columns(joined, 0, wide)?;
        let gate = blocks.columns(joined, wide, 2 * wide)?;
        let gate = self.activation.apply(&mut blocks.graph, gate)?;
        let inner = blocks.graph.arithmetic(Arithmetic::Multiply, gate, plain)?;
        let name = format!("{layer}.mlp.down_proj");
        let output = blocks.linear(inner, &name, [wide, narrow], Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, input, output)?;
        self.norm(blocks, sum, &format!("{layer}.mlp_ln"))
    }

    fn norm(&self, blocks: &mut Blocks, input: Port, name: &str) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, self.epsilon, Bias::Present)
    }
}

/// Models with heads put `new.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "new.")
}
