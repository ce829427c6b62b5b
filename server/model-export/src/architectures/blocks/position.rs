//! Positions and segments of tokens, and tables of their embeddings.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Comparison, GraphError, Port};

use super::{Blocks, TextMask};

/// The positions of RoBERTa and what descends from it: counted from `padding` + 1 on, and
/// `padding` itself for every padding token, which its id tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::architectures) struct OffsetPositions {
    /// The id of padding tokens, and their position.
    padding: u64,
    /// Rows of the table.
    rows: u64,
}

impl OffsetPositions {
    /// Those of a table of `rows`, which must leave two for tokens: one row would broadcast to any
    /// length.
    pub(in crate::architectures) fn new(
        config: &Config,
        padding: u64,
        rows: u64,
    ) -> Result<Self, ExportError> {
        let positions = OffsetPositions { padding, rows };
        if positions.usable() < 2 {
            let expected = format!("it must leave two rows after the padding id {padding}");
            return Err(config.wrong_value("max_position_embeddings", expected));
        }
        Ok(positions)
    }

    /// The most tokens of a text.
    fn usable(self) -> u64 {
        self.rows.saturating_sub(self.padding + 1)
    }
}

impl Blocks {
    /// Tokens of a row, for `tokens` of `[batch, tokens]`: a scalar.
    pub(in crate::architectures) fn length(&mut self, tokens: Port) -> Result<Port, GraphError> {
        let shape = self.graph.shape_of(tokens);
        let last = self.graph.scalar_i64(1);
        self.graph.gather(shape, last, 0)
    }

    /// The first rows of a table of positions, as many as `tokens` (`[batch, tokens]`) has:
    /// `[1, tokens, size]`. Longer inputs than the table make the model fail, not guess.
    pub(in crate::architectures) fn positions(
        &mut self,
        table: Port,
        tokens: Port,
    ) -> Result<Port, GraphError> {
        let rows = self.first(table, tokens)?;
        self.graph.unsqueeze(rows, &[0])
    }

    /// The rows of a table for tokens that are counted by [`OffsetPositions`]:
    /// `[batch, tokens, size]`. Longer inputs than are usable make the model fail, not guess.
    pub(in crate::architectures) fn offset_positions(
        &mut self,
        table: Port,
        tokens: Port,
        positions: OffsetPositions,
        mask: TextMask,
    ) -> Result<Port, GraphError> {
        let graph = &mut self.graph;
        let padding = graph.scalar_i64(positions.padding.cast_signed());
        let (one, zero) = (graph.scalar_i64(1), graph.scalar_i64(0));
        let is_token = graph.compare(Comparison::NotEqual, tokens, padding)?;
        let counted = graph.select(is_token, one, zero)?;
        let number = self.cumulative_sum_of_text(counted, mask)?;
        let graph = &mut self.graph;
        let number = graph.arithmetic(Arithmetic::Multiply, number, counted)?;
        // A table lookup beyond the end would answer zeros. The offset of each position is the
        // same, but there are only as many of them as usable positions, so adding them fails.
        let offset = vec![positions.padding.cast_signed(); positions.usable() as usize];
        let offsets = graph.constant_i64(&offset);
        let offsets = self.first(offsets, tokens)?;
        let position = self.graph.arithmetic(Arithmetic::Add, number, offsets)?;
        self.graph.gather(table, position, 0)
    }

    /// Adds the embedding of each token's segment to `words`, where the model has segments: a table
    /// of `[segments, hidden]`, and an input `token_type_ids`.
    pub(in crate::architectures) fn add_segments(
        &mut self,
        words: Port,
        [segments, hidden]: [u64; 2],
    ) -> Result<Port, ExportError> {
        if segments == 0 {
            return Ok(words);
        }
        let token_type_ids = self.token_input("token_type_ids");
        let table = self.matrix("embeddings.token_type_embeddings.weight", [segments, hidden])?;
        let segments = self.graph.gather(table, token_type_ids, 0)?;
        Ok(self.graph.arithmetic(Arithmetic::Add, words, segments)?)
    }

    /// The first elements along the first axis, as many as `tokens` has tokens, or all.
    pub(super) fn first(&mut self, table: Port, tokens: Port) -> Result<Port, GraphError> {
        let graph = &mut self.graph;
        let shape = graph.shape_of(tokens);
        let last = graph.constant_i64(&[1]);
        let length = graph.gather(shape, last, 0)?;
        let start = graph.constant_i64(&[0]);
        graph.slice(table, start, length, 0)
    }
}
