//! Pieces that many architectures are made of: linear layers, norms and positions here; weights,
//! activations and attention in files of their own.

mod activation;
mod attention;
mod weights;

pub(super) use activation::Activation;
pub(super) use attention::Heads;

use crate::graph::{Arithmetic, ElementType, Graph, GraphError, Port, Shape, Transposed};
use crate::weights::Weights;
use crate::{ExportError, WeightFormat};

/// A graph and the weights that go into it.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) graph: Graph,
    pub(super) weights: Weights,
    pub(super) weight_format: WeightFormat,
}

impl Blocks {
    /// x · weightᵀ + bias, for the weights `{name}.weight` and `{name}.bias`.
    pub(super) fn linear(
        &mut self,
        input: Port,
        name: &str,
        [from, to]: [u64; 2],
    ) -> Result<Port, ExportError> {
        let weight = self.matrix(&format!("{name}.weight"), [to, from])?;
        let bias = self.vector(&format!("{name}.bias"), to)?;
        let product = self.graph.matmul(input, weight, Transposed::Yes)?;
        Ok(self.graph.arithmetic(Arithmetic::Add, product, bias)?)
    }

    /// Layer normalisation with the weights `{name}.weight` and `{name}.bias`.
    pub(super) fn layer_norm(
        &mut self,
        input: Port,
        name: &str,
        size: u64,
        epsilon: f32,
    ) -> Result<Port, ExportError> {
        let weight = self.vector(&format!("{name}.weight"), size)?;
        let bias = self.vector(&format!("{name}.bias"), size)?;
        let normal = self.graph.normalize(input, epsilon)?;
        let scaled = self.graph.arithmetic(Arithmetic::Multiply, normal, weight)?;
        Ok(self.graph.arithmetic(Arithmetic::Add, scaled, bias)?)
    }

    /// Input of token ids or the like, `[batch, tokens]`.
    pub(super) fn token_input(&mut self, name: &str) -> Port {
        self.graph.parameter(name, ElementType::I64, Shape::dynamic(2))
    }

    /// The first rows of a table of positions, as many as `tokens` (`[batch, tokens]`) has:
    /// `[1, tokens, size]`. Longer inputs than the table make the model fail, not guess.
    pub(super) fn positions(&mut self, table: Port, tokens: Port) -> Result<Port, GraphError> {
        let graph = &mut self.graph;
        let shape = graph.shape_of(tokens);
        let last = graph.constant_i64(&[1]);
        let length = graph.gather(shape, last, 0)?;
        let start = graph.constant_i64(&[0]);
        let rows = graph.slice(table, start, length, 0)?;
        graph.unsqueeze(rows, &[0])
    }
}
