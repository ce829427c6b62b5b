//! What a token may see of the others, as numbers that are added to attention scores.

use crate::graph::{Arithmetic, Comparison, Graph, GraphError, Port, Unary};

use super::Blocks;

/// Which tokens a token sees, padding apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::architectures) enum Sight {
    /// All of them.
    All,
    /// Itself and those before it; with `window`, at most so many positions back.
    Before {
        /// The greatest distance.
        window: Option<u64>,
    },
    /// Those at most so many positions away, on both sides.
    Around {
        /// The greatest distance.
        window: u64,
    },
}

impl Blocks {
    /// What to add to attention scores so that tokens see by `sight`, and never padding (0 in the
    /// mask): `[batch, 1, 1, tokens]` where they see all, else `[batch, 1, tokens, tokens]`.
    ///
    /// The least finite number instead of minus infinity, and selected instead of multiplied:
    /// a row without any token then gives an average, not NaN.
    pub(in crate::architectures) fn attention_bias(
        &mut self,
        attention_mask: Port,
        sight: Sight,
    ) -> Result<Port, GraphError> {
        let length = self.length(attention_mask)?;
        let graph = &mut self.graph;
        let mask = graph.unsqueeze(attention_mask, &[1, 2])?;
        let padding = graph.scalar_i64(0);
        let is_token = graph.compare(Comparison::NotEqual, mask, padding)?;
        let is_seen = match sight {
            Sight::All => is_token,
            Sight::Before { window } => {
                let back = distance_back(graph, length)?;
                let is_before = at_least(graph, back, 0)?;
                let is_near = match window {
                    None => is_before,
                    Some(window) => {
                        let is_near = at_most(graph, back, window)?;
                        graph.compare(Comparison::And, is_before, is_near)?
                    }
                };
                graph.compare(Comparison::And, is_token, is_near)?
            }
            Sight::Around { window } => {
                let back = distance_back(graph, length)?;
                let distance = graph.unary(Unary::Absolute, back)?;
                let is_near = at_most(graph, distance, window)?;
                graph.compare(Comparison::And, is_token, is_near)?
            }
        };
        bias_of(graph, is_seen)
    }
}

/// 0 for what is seen, and the least number for what is not.
pub(super) fn bias_of(graph: &mut Graph, is_seen: Port) -> Result<Port, GraphError> {
    let (seen, unseen) = (graph.scalar_f32(0.0), graph.scalar_f32(f32::MIN));
    graph.select(is_seen, seen, unseen)
}

/// How far back each token (column) is from each other one (row): `[tokens, tokens]`.
fn distance_back(graph: &mut Graph, length: Port) -> Result<Port, GraphError> {
    let positions = graph.range(length)?;
    let rows = graph.unsqueeze(positions, &[1])?;
    let columns = graph.unsqueeze(positions, &[0])?;
    graph.arithmetic(Arithmetic::Subtract, rows, columns)
}

fn at_least(graph: &mut Graph, value: Port, bound: i64) -> Result<Port, GraphError> {
    let bound = graph.scalar_i64(bound);
    graph.compare(Comparison::LessEqual, bound, value)
}

fn at_most(graph: &mut Graph, value: Port, bound: u64) -> Result<Port, GraphError> {
    let bound = graph.scalar_i64(bound.cast_signed());
    graph.compare(Comparison::LessEqual, value, bound)
}
