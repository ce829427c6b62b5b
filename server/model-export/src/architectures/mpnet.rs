//! MPNet: BERT's layers with RoBERTa's positions, and a bias of attention scores by distance that
//! all layers share.
//!
//! Paper: <https://arxiv.org/abs/2004.09297>. Names and defaults are those of transformers'
//! `MPNetModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::bert::{Bert, Defaults};
use super::blocks::{Bias, Blocks, OffsetPositions, Sight};
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
    let defaults = Defaults { vocabulary: 30_527, positions: 512, epsilon: 1e-12 };
    let bert = Bert::read(config, &defaults)?;
    let positions = OffsetPositions { padding: PADDING, rows: bert.positions };
    if positions.usable() < 2 {
        let expected = format!("it must leave two rows after {PADDING}");
        return Err(config.wrong_value("max_position_embeddings", expected));
    }
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let words =
        blocks.matrix("embeddings.word_embeddings.weight", [bert.vocabulary, bert.hidden])?;
    let table = bert.position_table(blocks)?;
    let words = blocks.graph.gather(words, input_ids, 0)?;
    let positions = blocks.offset_positions(table, input_ids, positions)?;
    let sum = blocks.graph.arithmetic(Arithmetic::Add, words, positions)?;
    let mut state = bert.norm(blocks, sum, "embeddings.LayerNorm")?;
    let padding = blocks.attention_bias(attention_mask, Sight::All)?;
    let distance = distance_bias(blocks, input_ids, bert.heads.count)?;
    let bias = blocks.graph.arithmetic(Arithmetic::Add, distance, padding)?;
    for layer in 0..bert.layers {
        let name = format!("encoder.layer.{layer}");
        state = self_attention(blocks, &bert, &name, state, bias)?;
        state = bert.feed_forward(blocks, &name, state)?;
    }
    Ok(Encoded { state, attention_mask, hidden: bert.hidden })
}

fn self_attention(
    blocks: &mut Blocks,
    bert: &Bert,
    layer: &str,
    input: Port,
    bias: Port,
) -> Result<Port, ExportError> {
    let square = [bert.hidden, bert.hidden];
    let mut project = |part: &str| {
        blocks.linear(input, &format!("{layer}.attention.attn.{part}"), square, Bias::Present)
    };
    let parts = [project("q")?, project("k")?, project("v")?];
    let attended = blocks.attention(parts, bias, bert.heads, None)?;
    let name = format!("{layer}.attention.attn.o");
    let output = blocks.linear(attended, &name, square, Bias::Present)?;
    let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
    bert.norm(blocks, sum, &format!("{layer}.attention.LayerNorm"))
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
