//! BERT: embeddings of words, positions and segments, then layers of attention and feed-forward,
//! each normalised after its residual ("post-norm").
//!
//! Paper: <https://arxiv.org/abs/1810.04805>. Names of weights and settings, and defaults of
//! absent settings, are those of transformers' `BertModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{Activation, Bias, Blocks, Heads, Sight};
use super::{Encoded, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] = &[
    "pooler.dense.weight",
    "pooler.dense.bias",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "cls.",
    "lm_head.",
];

/// The sizes of a model, which `BertModel` and its descendants name alike.
#[derive(Debug)]
pub(super) struct Bert {
    pub(super) vocabulary: u64,
    pub(super) hidden: u64,
    pub(super) layers: u64,
    pub(super) heads: Heads,
    pub(super) intermediate: u64,
    pub(super) activation: Activation,
    pub(super) positions: u64,
    pub(super) segments: u64,
    pub(super) epsilon: f32,
}

/// Defaults that differ between the descendants.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) vocabulary: u64,
    pub(super) positions: u64,
    pub(super) epsilon: f32,
}

impl Bert {
    pub(super) fn read(config: &Config, defaults: &Defaults) -> Result<Self, ExportError> {
        config.require_name("position_embedding_type", "absolute")?;
        config.require_off("is_decoder")?;
        config.require_off("add_cross_attention")?;
        config.require_off("pruned_heads")?;
        let hidden = config.count("hidden_size", 1, 768)?;
        Ok(Bert {
            vocabulary: config.count("vocab_size", 1, defaults.vocabulary)?,
            hidden,
            layers: config.count("num_hidden_layers", 1, 12)?,
            heads: super::equal_heads(config, "num_attention_heads", "hidden_size", hidden)?,
            intermediate: config.count("intermediate_size", 1, 3_072)?,
            activation: Activation::read(config, "hidden_act", "gelu")?,
            // A table of one row would broadcast to any length instead of ending the model.
            positions: config.count("max_position_embeddings", 2, defaults.positions)?,
            segments: config.count("type_vocab_size", 1, 2)?,
            epsilon: config.positive("layer_norm_eps", defaults.epsilon)?,
        })
    }

    /// Sums embeddings of words, segments and these positions, and normalises them.
    pub(super) fn embeddings(
        &self,
        blocks: &mut Blocks,
        input_ids: Port,
        positions: Port,
    ) -> Result<Port, ExportError> {
        let words =
            blocks.matrix("embeddings.word_embeddings.weight", [self.vocabulary, self.hidden])?;
        let words = blocks.graph.gather(words, input_ids, 0)?;
        let sum = blocks.add_segments(words, [self.segments, self.hidden])?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, sum, positions)?;
        self.norm(blocks, sum, "embeddings.LayerNorm")
    }

    /// The table of positions.
    pub(super) fn position_table(&self, blocks: &mut Blocks) -> Result<Port, ExportError> {
        blocks.matrix("embeddings.position_embeddings.weight", [self.positions, self.hidden])
    }

    /// All layers.
    pub(super) fn encode(
        &self,
        blocks: &mut Blocks,
        mut state: Port,
        bias: Port,
    ) -> Result<Port, ExportError> {
        for layer in 0..self.layers {
            let name = format!("encoder.layer.{layer}");
            state = self.self_attention(blocks, &name, state, bias)?;
            state = self.feed_forward(blocks, &name, state)?;
        }
        Ok(state)
    }

    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        bias: Port,
    ) -> Result<Port, ExportError> {
        let square = [self.hidden, self.hidden];
        let mut project = |part: &str| {
            let name = format!("{layer}.attention.self.{part}");
            blocks.linear(input, &name, square, Bias::Present)
        };
        let parts = [project("query")?, project("key")?, project("value")?];
        let attended = blocks.attention(parts, bias, self.heads, None)?;
        let name = format!("{layer}.attention.output");
        let output = blocks.linear(attended, &format!("{name}.dense"), square, Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{name}.LayerNorm"))
    }

    /// The feed-forward part of the layer of this name, with its residual and norm.
    pub(super) fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let (narrow, wide) = (self.hidden, self.intermediate);
        let name = format!("{layer}.intermediate.dense");
        let inner = blocks.linear(input, &name, [narrow, wide], Bias::Present)?;
        let inner = self.activation.apply(&mut blocks.graph, inner)?;
        let name = format!("{layer}.output");
        let output =
            blocks.linear(inner, &format!("{name}.dense"), [wide, narrow], Bias::Present)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{name}.LayerNorm"))
    }

    /// A layer norm of the model's width.
    pub(super) fn norm(
        &self,
        blocks: &mut Blocks,
        input: Port,
        name: &str,
    ) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, self.epsilon, Bias::Present)
    }
}

/// Makes the graph of a BERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let defaults = Defaults { vocabulary: 30_522, positions: 512, epsilon: 1e-12 };
    let bert = Bert::read(config, &defaults)?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let table = bert.position_table(blocks)?;
    let positions = blocks.positions(table, input_ids)?;
    let state = bert.embeddings(blocks, input_ids, positions)?;
    let bias = blocks.attention_bias(attention_mask, Sight::All)?;
    let state = bert.encode(blocks, state, bias)?;
    Ok(Encoded { state, attention_mask, hidden: bert.hidden })
}

/// The name that `BertModel` gives a stored tensor: models with heads put `bert.` before it, and
/// weights that come from TensorFlow call a norm's weight and bias gamma and beta.
pub(super) fn weight_name(stored: &str) -> String {
    let name = strip_prefix(stored, "bert.");
    if let Some(norm) = name.strip_suffix("LayerNorm.gamma") {
        return format!("{norm}LayerNorm.weight");
    }
    if let Some(norm) = name.strip_suffix("LayerNorm.beta") {
        return format!("{norm}LayerNorm.bias");
    }
    name
}
