//! Rows with several texts, which do not see each other and are counted apart.
//!
//! Where an attention mask is 1 more than the column in which its text begins, instead of 1 on all tokens, each text of a row
//! gets the vectors that it would get alone: tokens see those with their own number, and positions count from where the
//! text begins. A usual mask of ones and zeros is that of a text that begins in the first column. So a batch of short
//! texts needs hardly any padding.

use crate::graph::{Arithmetic, Comparison, Graph, GraphError, Port, Reduction};

use super::mask::bias_of;
use super::{Blocks, Sight};

/// The second name of an attention mask that may say where texts begin, by which a server knows it.
const TEXT_STARTS: &str = "text_starts";

/// Models of more positions get usual graphs: what tokens see of each other takes memory by the square of a row.
const MOST_POSITIONS: u64 = 1_024;

/// A model's attention mask, `[batch, tokens]`.
#[derive(Debug, Clone, Copy)]
pub(in crate::architectures) struct TextMask {
    pub(in crate::architectures) port: Port,
    /// Whether it may say where texts begin.
    has_starts: bool,
}

impl Blocks {
    /// The input `attention_mask` of a model of so many positions.
    pub(in crate::architectures) fn text_mask(&mut self, positions: u64) -> TextMask {
        let port = self.token_input("attention_mask");
        let has_starts = positions <= MOST_POSITIONS;
        if has_starts {
            self.graph.add_name(port, TEXT_STARTS);
        }
        TextMask { port, has_starts }
    }

    /// What to add to attention scores so that tokens see all others of their text: `[batch, 1, tokens or 1, tokens]`.
    pub(in crate::architectures) fn text_bias(
        &mut self,
        mask: TextMask,
    ) -> Result<Port, GraphError> {
        if !mask.has_starts {
            return self.attention_bias(mask.port, Sight::All);
        }
        let is_same = same_text(&mut self.graph, mask.port)?;
        let is_same = self.graph.unsqueeze(is_same, &[1])?;
        bias_of(&mut self.graph, is_same)
    }

    /// The rows of a table of `rows` positions for the tokens of each text: `[batch or 1, tokens, size]`. Longer inputs than
    /// the table make the model fail, not guess.
    pub(in crate::architectures) fn text_positions(
        &mut self,
        table: Port,
        rows: u64,
        mask: TextMask,
    ) -> Result<Port, GraphError> {
        if !mask.has_starts {
            return self.positions(table, mask.port);
        }
        // Counted from 1, as the mask is. There are only as many of these as rows, so that the subtraction fails for more
        // tokens; a lookup beyond the end of the table would answer zeros.
        let columns: Vec<i64> = (1..=rows.cast_signed()).collect();
        let columns = self.graph.constant_i64(&columns);
        let columns = self.first(columns, mask.port)?;
        let graph = &mut self.graph;
        let one = graph.scalar_i64(1);
        let start = graph.arithmetic(Arithmetic::Maximum, mask.port, one)?;
        let number = graph.arithmetic(Arithmetic::Subtract, columns, start)?;
        self.graph.gather(table, number, 0)
    }

    /// Sums of `counted`, `[batch, tokens]`, along each text, each token including those before it: by comparing all tokens
    /// of a row with all, which is cheap for so few.
    pub(in crate::architectures) fn cumulative_sum_of_text(
        &mut self,
        counted: Port,
        mask: TextMask,
    ) -> Result<Port, GraphError> {
        if !mask.has_starts {
            return self.graph.cumulative_sum(counted, 1);
        }
        let length = self.length(mask.port)?;
        let graph = &mut self.graph;
        let places = graph.range(length)?;
        let of_query = graph.unsqueeze(places, &[1])?;
        let of_key = graph.unsqueeze(places, &[0])?;
        let is_earlier = graph.compare(Comparison::LessEqual, of_key, of_query)?;
        let is_same = same_text(graph, mask.port)?;
        let is_included = graph.compare(Comparison::And, is_same, is_earlier)?;
        let counted = graph.unsqueeze(counted, &[1])?;
        let zero = graph.scalar_i64(0);
        let included = graph.select(is_included, counted, zero)?;
        let sums = graph.reduce(Reduction::Sum, included, -1)?;
        graph.reshape(sums, &[0, 0])
    }
}

/// Whether the token of a row and that of a column are of one text: `[batch, tokens, tokens]`.
fn same_text(graph: &mut Graph, starts: Port) -> Result<Port, GraphError> {
    let of_query = graph.unsqueeze(starts, &[2])?;
    let of_key = graph.unsqueeze(starts, &[1])?;
    graph.compare(Comparison::Equal, of_query, of_key)
}
