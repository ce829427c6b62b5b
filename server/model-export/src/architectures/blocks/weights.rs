//! Weights as constants of the graph, in the format that was asked for.

use crate::graph::{ElementType, Port};
use crate::weights::TensorData;
use crate::{ExportError, WeightFormat};

use super::Blocks;

impl Blocks {
    /// A matrix `[rows, columns]`, stored in the weight format.
    ///
    /// A matrix with values that half precision cannot hold stays in single precision.
    pub(in crate::architectures) fn matrix(
        &mut self,
        name: &str,
        sizes: [u64; 2],
    ) -> Result<Port, ExportError> {
        let tensor = self.weights.take(name, &sizes)?;
        let (element_type, data) = match self.weight_format {
            WeightFormat::Fp32 => (ElementType::F32, TensorData::Single(tensor)),
            WeightFormat::Fp16 if tensor.fits_half_precision()? => {
                (ElementType::F16, TensorData::Half(tensor))
            }
            WeightFormat::Fp16 => {
                tracing::warn!(weight = name, "values beyond fp16, stored in fp32");
                (ElementType::F32, TensorData::Single(tensor))
            }
            format @ (WeightFormat::Int8 | WeightFormat::Int4) => {
                return Err(ExportError::CompressWeights { format });
            }
        };
        let stored = self.graph.constant(name, element_type, &sizes, Box::new(data))?;
        Ok(match element_type {
            ElementType::F16 => self.graph.decompress(stored),
            _ => stored,
        })
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
