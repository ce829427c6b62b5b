//! Pieces that many architectures are made of: linear layers and norms here; weights, activations,
//! positions, masks and attention in files of their own.

mod activation;
mod attention;
mod mask;
mod position;
mod post_norm;
mod rotary;
mod texts;
mod weights;

pub(super) use activation::Activation;
pub(super) use attention::Heads;
pub(super) use mask::Sight;
pub(super) use position::OffsetPositions;
pub(super) use post_norm::{LayerNames, PostNorm};
pub(super) use rotary::{Frequencies, Rotation, Theta};
pub(super) use texts::TextMask;
pub(crate) use weights::store_half;

use crate::graph::{
    Arithmetic, ElementType, Graph, GraphError, Port, Reduction, Shape, Transposed, Unary,
};
use crate::weights::Weights;
use crate::{ExportError, WeightFormat};

/// A graph and the weights that go into it.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) graph: Graph,
    pub(super) weights: Weights,
    pub(super) weight_format: WeightFormat,
}

/// Whether a layer has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    Present,
    Absent,
}

impl Bias {
    /// As a setting says.
    pub(super) fn when(is_present: bool) -> Self {
        if is_present { Bias::Present } else { Bias::Absent }
    }
}

impl Blocks {
    /// Input of token ids or the like, `[batch, tokens]`.
    pub(super) fn token_input(&mut self, name: &str) -> Port {
        self.graph.parameter(name, ElementType::I64, Shape::dynamic(2))
    }

    /// x · weightᵀ + bias, for the weights `{name}.weight` and `{name}.bias`.
    pub(super) fn linear(
        &mut self,
        input: Port,
        name: &str,
        [from, to]: [u64; 2],
        bias: Bias,
    ) -> Result<Port, ExportError> {
        let weight = self.matrix(&format!("{name}.weight"), [to, from])?;
        let product = self.graph.matmul(input, weight, Transposed::Yes)?;
        self.add_bias(product, name, to, bias)
    }

    /// Layer normalisation with the weights `{name}.weight` and `{name}.bias`.
    pub(super) fn layer_norm(
        &mut self,
        input: Port,
        name: &str,
        size: u64,
        epsilon: f32,
        bias: Bias,
    ) -> Result<Port, ExportError> {
        let weight = self.vector(&format!("{name}.weight"), size)?;
        let normal = self.graph.normalize(input, epsilon)?;
        let scaled = self.graph.arithmetic(Arithmetic::Multiply, normal, weight)?;
        self.add_bias(scaled, name, size, bias)
    }

    /// x / √(mean(x²) + epsilon) · (weight + offset) over the last dimension, for the weight
    /// `{name}.weight`.
    ///
    /// Paper: <https://arxiv.org/abs/1910.07467>. In the operations that plugins fuse into one.
    pub(super) fn rms_norm(
        &mut self,
        input: Port,
        name: &str,
        size: u64,
        norm: RmsNorm,
    ) -> Result<Port, ExportError> {
        let mut weight = self.vector(&format!("{name}.weight"), size)?;
        let graph = &mut self.graph;
        if norm.offset != 0.0 {
            let offset = graph.scalar_f32(norm.offset);
            weight = graph.arithmetic(Arithmetic::Add, weight, offset)?;
        }
        let normal = unit_rms(graph, input, norm.epsilon)?;
        Ok(graph.arithmetic(Arithmetic::Multiply, normal, weight)?)
    }

    /// Columns of the last dimension, from `start` up to but without `stop`.
    pub(super) fn columns(
        &mut self,
        input: Port,
        start: u64,
        stop: u64,
    ) -> Result<Port, GraphError> {
        let start = self.graph.constant_i64(&[start.cast_signed()]);
        let stop = self.graph.constant_i64(&[stop.cast_signed()]);
        self.graph.slice(input, start, stop, -1)
    }

    /// Three parts of `size` columns each.
    pub(super) fn thirds(&mut self, joined: Port, size: u64) -> Result<[Port; 3], GraphError> {
        Ok([
            self.columns(joined, 0, size)?,
            self.columns(joined, size, 2 * size)?,
            self.columns(joined, 2 * size, 3 * size)?,
        ])
    }

    fn add_bias(
        &mut self,
        input: Port,
        name: &str,
        size: u64,
        bias: Bias,
    ) -> Result<Port, ExportError> {
        match bias {
            Bias::Absent => Ok(input),
            Bias::Present => {
                let bias = self.vector(&format!("{name}.bias"), size)?;
                Ok(self.graph.arithmetic(Arithmetic::Add, input, bias)?)
            }
        }
    }
}

/// Constants of a root mean square normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RmsNorm {
    /// Added to the mean of squares.
    pub(super) epsilon: f32,
    /// Added to the weights: 1 where a model stores how far they are from 1.
    pub(super) offset: f32,
}

fn unit_rms(graph: &mut Graph, input: Port, epsilon: f32) -> Result<Port, GraphError> {
    let (two, one, epsilon) =
        (graph.scalar_f32(2.0), graph.scalar_f32(1.0), graph.scalar_f32(epsilon));
    let squares = graph.arithmetic(Arithmetic::Power, input, two)?;
    let mean = graph.reduce(Reduction::Mean, squares, -1)?;
    let mean = graph.arithmetic(Arithmetic::Add, mean, epsilon)?;
    let root = graph.unary(Unary::Sqrt, mean)?;
    let factor = graph.arithmetic(Arithmetic::Divide, one, root)?;
    graph.arithmetic(Arithmetic::Multiply, input, factor)
}
