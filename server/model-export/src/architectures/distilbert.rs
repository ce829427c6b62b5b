//! DistilBERT: BERT without segments, under names of its own.
//!
//! Paper: <https://arxiv.org/abs/1910.01108>. Names and defaults are those of transformers'
//! `DistilBertModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{Activation, Bias, Blocks, Heads, Sight};
use super::{Encoded, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] = &[
    "embeddings.position_ids",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "pre_classifier.",
    "classifier.",
];

/// transformers has no setting for it.
const EPSILON: f32 = 1e-12;

#[derive(Debug)]
struct DistilBert {
    hidden: u64,
    heads: Heads,
    intermediate: u64,
    activation: Activation,
}

/// Makes the graph of a DistilBERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_off("pruned_heads")?;
    let hidden = config.count("dim", 1, 768)?;
    let model = DistilBert {
        hidden,
        heads: super::equal_heads(config, "n_heads", "dim", hidden)?,
        intermediate: config.count("hidden_dim", 1, 3_072)?,
        activation: Activation::read(config, "activation", "gelu")?,
    };
    let vocabulary = config.count("vocab_size", 1, 30_522)?;
    let positions = config.count("max_position_embeddings", 2, 512)?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    // Sinusoidal tables are stored like learned ones.
    let words = blocks.matrix("embeddings.word_embeddings.weight", [vocabulary, hidden])?;
    let table = blocks.matrix("embeddings.position_embeddings.weight", [positions, hidden])?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let positions = blocks.positions(table, input_ids)?;
    let sum = blocks.graph.arithmetic(Arithmetic::Add, words, positions)?;
    let mut state = model.norm(blocks, sum, "embeddings.LayerNorm")?;
    let bias = blocks.attention_bias(attention_mask, Sight::All)?;
    for layer in 0..config.count("n_layers", 1, 6)? {
        let name = format!("transformer.layer.{layer}");
        state = model.self_attention(blocks, &name, state, bias)?;
        state = model.feed_forward(blocks, &name, state)?;
    }
    Ok(Encoded { state, attention_mask, hidden })
}

impl DistilBert {
    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        bias: Port,
    ) -> Result<Port, ExportError> {
        let square = [self.hidden, self.hidden];
        let mut project = |part: &str| {
            blocks.linear(input, &format!("{layer}.attention.{part}"), square, Bias::Present)
        };
        let parts = [project("q_lin")?, project("k_lin")?, project("v_lin")?];
        let attended = blocks.attention(parts, bias, self.heads, None)?;
        let name = format!("{layer}.attention.out_lin");
        let output = blocks.linear(attended, &name, square, Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{layer}.sa_layer_norm"))
    }

    fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let (narrow, wide) = (self.hidden, self.intermediate);
        let inner =
            blocks.linear(input, &format!("{layer}.ffn.lin1"), [narrow, wide], Bias::Present)?;
        let inner = self.activation.apply(&mut blocks.graph, inner)?;
        let output =
            blocks.linear(inner, &format!("{layer}.ffn.lin2"), [wide, narrow], Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{layer}.output_layer_norm"))
    }

    fn norm(&self, blocks: &mut Blocks, input: Port, name: &str) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, EPSILON, Bias::Present)
    }
}

/// Models with heads put `distilbert.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "distilbert.")
}
