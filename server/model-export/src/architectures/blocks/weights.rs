//! Weights as constants of the graph, in the format that was asked for.

use crate::graph::{ElementType, Graph, Port};
use crate::weights::{Tensor, TensorData};
use crate::{ExportError, WeightFormat};

use super::Blocks;

impl Blocks {
    /// A matrix `[rows, columns]`, stored in the weight format; int8 and int4 are decided upon
    /// when the graph is finished.
    pub(in crate::architectures) fn matrix(
        &mut self,
        name: &str,
        sizes: [u64; 2],
    ) -> Result<Port, ExportError> {
        let tensor = self.weights.take(name, &sizes)?;
        match self.weight_format {
            WeightFormat::Fp32 => store_single(&mut self.graph, name, tensor),
            WeightFormat::Fp16 => store_half(&mut self.graph, name, tensor),
            WeightFormat::Int8 | WeightFormat::Int4 => {
                Ok(self.graph.undecided(name, sizes, tensor)?)
            }
        }
    }

    /// A vector for the last dimension of `[batch, tokens, size]`, always in single precision.
    pub(in crate::architectures) fn vector(
        &mut self,
        name: &str,
        size: u64,
    ) -> Result<Port, ExportError> {
        let tensor = self.weights.take(name, &[size])?;
        let data = Box::new(TensorData::Single(tensor));
        // With all dimensions of what it is added to, as plugins expect of a bias they fuse.
        Ok(self.graph.constant(name, ElementType::F32, &[1, 1, size], data)?)
    }
}

fn store_single(graph: &mut Graph, name: &str, tensor: Tensor) -> Result<Port, ExportError> {
    let sizes = tensor.shape().to_vec();
    let data = Box::new(TensorData::Single(tensor));
    Ok(graph.constant(name, ElementType::F32, &sizes, data)?)
}

/// Stores a matrix in half precision, or in single precision if it has values that half
/// precision cannot hold.
pub(crate) fn store_half(
    graph: &mut Graph,
    name: &str,
    tensor: Tensor,
) -> Result<Port, ExportError> {
    if !tensor.fits_half_precision()? {
        tracing::warn!(weight = name, "values beyond fp16, stored in fp32");
        return store_single(graph, name, tensor);
    }
    let sizes = tensor.shape().to_vec();
    let data = Box::new(TensorData::Half(tensor));
    let stored = graph.constant(name, ElementType::F16, &sizes, data)?;
    Ok(graph.decompress(stored))
}
