//! DistilBERT: BERT without segments, under names of its own.
//!
//! Paper: <https://arxiv.org/abs/1910.01108>. Names and defaults are those of transformers'
//! `DistilBertModel`.

use crate::ExportError;
use crate::config::Config;

use super::blocks::{Activation, Blocks, LayerNames, PostNorm};
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

/// Makes the graph of a DistilBERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_off("pruned_heads")?;
    let hidden = config.count("dim", 1, 768)?;
    let parts = PostNorm {
        hidden,
        heads: super::equal_heads(config, "n_heads", "dim", hidden)?,
        intermediate: config.count("hidden_dim", 1, 3_072)?,
        activation: Activation::read(config, "activation", "gelu")?,
        epsilon: EPSILON,
    };
    let vocabulary = config.count("vocab_size", 1, 30_522)?;
    let positions = config.count("max_position_embeddings", 2, 512)?;
    let input_ids = blocks.token_input("input_ids");
    let mask = blocks.text_mask(positions);
    // Sinusoidal tables are stored like learned ones.
    let words = blocks.matrix("embeddings.word_embeddings.weight", [vocabulary, hidden])?;
    let table = blocks.matrix("embeddings.position_embeddings.weight", [positions, hidden])?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let positions = blocks.text_positions(table, positions, mask)?;
    let mut state = parts.add_and_norm(blocks, [words, positions], "embeddings.LayerNorm")?;
    let bias = blocks.text_bias(mask)?;
    for layer in 0..config.count("n_layers", 1, 6)? {
        state = parts.layer(blocks, &layer_names(layer), state, bias)?;
    }
    Ok(Encoded { state, attention_mask: mask.port, hidden })
}

fn layer_names(layer: u64) -> LayerNames {
    let name = |part: &str| format!("transformer.layer.{layer}.{part}");
    LayerNames {
        projections: ["q", "k", "v"].map(|part| name(&format!("attention.{part}_lin"))),
        attended: name("attention.out_lin"),
        attention_norm: name("sa_layer_norm"),
        inner: name("ffn.lin1"),
        outer: name("ffn.lin2"),
        norm: name("output_layer_norm"),
    }
}

/// Models with heads put `distilbert.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "distilbert.")
}
