//! Pooling and `Dense` modules inside the graph, for models whose vectors change after pooling.

use crate::ExportError;
use crate::graph::{
    Arithmetic, Comparison, ElementType, Graph, GraphError, Port, Reduction, Transposed, Unary,
};
use crate::modules::{Dense, DenseActivation, Tail};
use crate::weights::Weights;
use model_repository::Pooling;

use super::Encoded;
use super::blocks::{Bias, Blocks};

/// sentence-transformers' bound of the divisor of a mean, for rows without tokens.
const LEAST_TOKENS: f32 = 1e-9;

/// Pools the state and applies the modules: `[batch, outputs of the last]`; and the number of
/// values in their weights.
pub(super) fn build(
    blocks: &mut Blocks,
    encoded: Encoded,
    tail: &Tail,
) -> Result<(Port, u64), ExportError> {
    let length = blocks.length(encoded.attention_mask)?;
    let graph = &mut blocks.graph;
    let shares = token_shares(graph, encoded.attention_mask, length, tail.pooling)?;
    let mut vector = graph.matmul(shares, encoded.state, Transposed::No)?;
    let mut width = encoded.hidden;
    let mut parameters = 0;
    for module in &tail.dense {
        let weights = Weights::open(&module.folder)?;
        let weights = weights.renamed(|name| format!("{}.{name}", module.name))?;
        let model_weights = std::mem::replace(&mut blocks.weights, weights);
        vector = dense(blocks, vector, module)?;
        let weights = std::mem::replace(&mut blocks.weights, model_weights);
        parameters += weights.parameters();
        weights.finish(|_| false)?;
        width = module.outputs;
    }
    let vector = blocks.graph.reshape(vector, &[0, width.cast_signed()])?;
    Ok((vector, parameters))
}

fn dense(blocks: &mut Blocks, input: Port, module: &Dense) -> Result<Port, ExportError> {
    let size = [module.inputs, module.outputs];
    let name = format!("{}.linear", module.name);
    let output = blocks.linear(input, &name, size, Bias::when(module.has_bias))?;
    let function = match module.activation {
        DenseActivation::Identity => return Ok(output),
        DenseActivation::Gelu => Unary::Gelu,
        DenseActivation::Relu => Unary::Relu,
        DenseActivation::Sigmoid => Unary::Sigmoid,
        DenseActivation::Silu => Unary::Swish,
        DenseActivation::Tanh => Unary::Tanh,
    };
    Ok(blocks.graph.unary(function, output)?)
}

/// How much each token counts in its row's vector: `[batch, 1, tokens]`.
fn token_shares(
    graph: &mut Graph,
    attention_mask: Port,
    length: Port,
    pooling: Pooling,
) -> Result<Port, GraphError> {
    let mask = graph.unsqueeze(attention_mask, &[1])?;
    match pooling {
        Pooling::Mean => {
            let mask = graph.convert(mask, ElementType::F32);
            let tokens = graph.reduce(Reduction::Sum, mask, -1)?;
            let least = graph.scalar_f32(LEAST_TOKENS);
            let tokens = graph.arithmetic(Arithmetic::Maximum, tokens, least)?;
            graph.arithmetic(Arithmetic::Divide, mask, tokens)
        }
        Pooling::Cls => {
            let count = graph.cumulative_sum(mask, -1)?;
            let count = graph.arithmetic(Arithmetic::Multiply, count, mask)?;
            let first = graph.scalar_i64(1);
            let is_first = graph.compare(Comparison::Equal, count, first)?;
            Ok(graph.convert(is_first, ElementType::F32))
        }
        Pooling::Last => {
            let one = graph.scalar_i64(1);
            let positions = graph.range(length)?;
            let positions = graph.arithmetic(Arithmetic::Add, positions, one)?;
            let places = graph.arithmetic(Arithmetic::Multiply, mask, positions)?;
            let last = graph.reduce(Reduction::Maximum, places, -1)?;
            let is_last = graph.compare(Comparison::Equal, places, last)?;
            Ok(graph.convert(is_last, ElementType::F32))
        }
    }
}
