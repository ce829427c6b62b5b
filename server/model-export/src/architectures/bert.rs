//! BERT: embeddings of words, positions and segments, then layers of attention and feed-forward,
//! each normalised after its residual.
//!
//! Paper: <https://arxiv.org/abs/1810.04805>. Names of weights and settings, and defaults of
//! absent settings, are those of transformers' `BertModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::Port;

use super::blocks::{Activation, Blocks, LayerNames, PostNorm, TextMask};
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
    pub(super) layers: u64,
    pub(super) positions: u64,
    pub(super) segments: u64,
    pub(super) parts: PostNorm,
}

/// Defaults that differ between the descendants.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) vocabulary: u64,
    pub(super) positions: u64,
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
            layers: config.count("num_hidden_layers", 1, 12)?,
            // A table of one row would broadcast to any length instead of ending the model.
            positions: config.count("max_position_embeddings", 2, defaults.positions)?,
            segments: config.count("type_vocab_size", 1, 2)?,
            parts: PostNorm {
                hidden,
                heads: super::equal_heads(config, "num_attention_heads", "hidden_size", hidden)?,
                intermediate: config.count("intermediate_size", 1, 3_072)?,
                activation: Activation::read(config, "hidden_act", "gelu")?,
                epsilon: config.positive("layer_norm_eps", 1e-12)?,
            },
        })
    }

    /// The embedding of each word.
    pub(super) fn words(&self, blocks: &mut Blocks, input_ids: Port) -> Result<Port, ExportError> {
        let size = [self.vocabulary, self.parts.hidden];
        let words = blocks.matrix("embeddings.word_embeddings.weight", size)?;
        Ok(blocks.graph.gather(words, input_ids, 0)?)
    }

    /// The table of positions.
    pub(super) fn position_table(&self, blocks: &mut Blocks) -> Result<Port, ExportError> {
        let size = [self.positions, self.parts.hidden];
        blocks.matrix("embeddings.position_embeddings.weight", size)
    }

    /// Sums embeddings of words, segments and these positions, normalises them, and runs all
    /// layers.
    pub(super) fn encode(
        &self,
        blocks: &mut Blocks,
        [input_ids, positions]: [Port; 2],
        mask: TextMask,
    ) -> Result<Port, ExportError> {
        let words = self.words(blocks, input_ids)?;
        let words = blocks.add_segments(words, [self.segments, self.parts.hidden])?;
        let ports = [words, positions];
        let mut state = self.parts.add_and_norm(blocks, ports, "embeddings.LayerNorm")?;
        let bias = blocks.text_bias(mask)?;
        for layer in 0..self.layers {
            state = self.parts.layer(blocks, &layer_names(layer), state, bias)?;
        }
        Ok(state)
    }
}

fn layer_names(layer: u64) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    LayerNames {
        projections: ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}"))),
        attended: name("attention.output.dense"),
        attention_norm: name("attention.output.LayerNorm"),
        inner: name("intermediate.dense"),
        outer: name("output.dense"),
        norm: name("output.LayerNorm"),
    }
}

/// Makes the graph of a BERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let bert = Bert::read(config, &Defaults { vocabulary: 30_522, positions: 512 })?;
    let input_ids = blocks.token_input("input_ids");
    let mask = blocks.text_mask(bert.positions);
    let table = bert.position_table(blocks)?;
    let positions = blocks.text_positions(table, bert.positions, mask)?;
    let state = bert.encode(blocks, [input_ids, positions], mask)?;
    Ok(Encoded { state, attention_mask: mask.port, hidden: bert.parts.hidden })
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
