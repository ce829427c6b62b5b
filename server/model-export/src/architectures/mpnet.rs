//! MPNet: BERT's layers with RoBERTa's positions, and a bias of attention scores by distance that
//! all layers share.
//!
//! Paper: <https://arxiv.org/abs/2004.09297>. Names and defaults are those of transformers'
//! `MPNetModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::bert::{Bert, Defaults};
use super::blocks::{Blocks, LayerNames, OffsetPositions};
use super::{Encoded, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] =
    &["embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias", "lm_head."];

/// transformers has no settings for these: the id of padding, and the buckets of distances.
const PADDING: u64 = 1;
const BUCKETS: u64 = 32;
/// From this distance on all are in the last bucket.
const FARTHEST: i64 = 128;

/// Makes the graph of an MPNet model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    config.require_number("relative_attention_num_buckets", BUCKETS as f64)?;
    let bert = Bert::read(config, &Defaults { vocabulary: 30_527, positions: 512 })?;
    let positions = OffsetPositions::new(config, PADDING, bert.positions)?;
    let input_ids = blocks.token_input("input_ids");
    let mask = blocks.text_mask(bert.positions);
    let words = bert.words(blocks, input_ids)?;
    let table = bert.position_table(blocks)?;
    let positions = blocks.offset_positions(table, input_ids, positions, mask)?;
    let ports = [words, positions];
    let mut state = bert.parts.add_and_norm(blocks, ports, "embeddings.LayerNorm")?;
    let padding = blocks.text_bias(mask)?;
    let distance = distance_bias(blocks, input_ids, bert.parts.heads.count)?;
    let bias = blocks.graph.arithmetic(Arithmetic::Add, distance, padding)?;
    for layer in 0..bert.layers {
        state = bert.parts.layer(blocks, &layer_names(layer), state, bias)?;
    }
    Ok(Encoded { state, attention_mask: mask.port, hidden: bert.parts.hidden })
}

fn layer_names(layer: u64) -> LayerNames {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    LayerNames {
        projections: ["q", "k", "v"].map(|part| name(&format!("attention.attn.{part}"))),
        attended: name("attention.attn.o"),
        attention_norm: name("attention.LayerNorm"),
        inner: name("intermediate.dense"),
        outer: name("output.dense"),
        norm: name("output.LayerNorm"),
    }
}

/// The learned bias of each head for the distance of each pair of tokens:
/// `[1, heads, tokens, tokens]`.
fn distance_bias(blocks: &mut Blocks, tokens: Port, heads: u64) -> Result<Port, ExportError> {
    let learned = blocks.matrix("encoder.relative_attention_bias.weight", [BUCKETS, heads])?;
    let length = blocks.length(tokens)?;
    let graph = &mut blocks.graph;
    let positions = graph.range(length)?;
    let rows = graph.unsqueeze(positions, &[1])?;
    let columns = graph.unsqueeze(positions, &[0])?;
    let ahead = graph.arithmetic(Arithmetic::Subtract, columns, rows)?;
    let (least, most) = (graph.scalar_i64(-FARTHEST), graph.scalar_i64(FARTHEST));
    let ahead = graph.arithmetic(Arithmetic::Maximum, ahead, least)?;
    let ahead = graph.arithmetic(Arithmetic::Minimum, ahead, most)?;
    let place = graph.arithmetic(Arithmetic::Add, ahead, most)?;
    let buckets: Vec<i64> = (-FARTHEST..=FARTHEST).map(bucket).collect();
    let buckets = graph.constant_i64(&buckets);
    let bucket = graph.gather(buckets, place, 0)?;
    let bias = graph.gather(learned, bucket, 0)?;
    let bias = graph.transpose(bias, &[2, 0, 1])?;
    Ok(graph.unsqueeze(bias, &[0])?)
}

/// The bucket of a token so many positions ahead, negative for behind: one each for the nearest,
/// then ever wider ones. As T5 has it (<https://arxiv.org/abs/1910.10683>), in transformers'
/// arithmetic.
fn bucket(ahead: i64) -> i64 {
    let of_side = BUCKETS.cast_signed() / 2;
    let exact = of_side / 2;
    let side = if ahead > 0 { of_side } else { 0 };
    let distance = ahead.abs();
    if distance < exact {
        return side + distance;
    }
    let nearest = (distance as f32 / exact as f32).ln();
    let widest = (FARTHEST as f64 / exact as f64).ln() as f32;
    let wide = exact + (nearest / widest * (of_side - exact) as f32) as i64;
    side + wide.min(of_side - 1)
}

/// Models with heads put `mpnet.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "mpnet.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of transformers' `relative_position_bucket` for these distances.
    #[test]
    fn distances_fall_into_the_buckets_that_transformers_gives_them() {
        for (ahead, expected) in [
            (0, 0),
            (-1, 1),
            (-7, 7),
            (-8, 8),
            (-11, 8),
            (-12, 9),
            (-15, 9),
            (-16, 10),
            (-31, 11),
            (-32, 12),
            (-64, 14),
            (-90, 14),
            (-91, 15),
            (-127, 15),
            (-128, 15),
            (1, 17),
            (7, 23),
            (8, 24),
            (16, 26),
            (128, 31),
        ] {
            assert_eq!(bucket(ahead), expected, "{ahead}");
        }
    }
}
