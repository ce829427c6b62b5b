//! Constants: small ones held in memory, weights streamed from where they are.

use std::fmt;
use std::io::{self, Write};

use thiserror::Error;

use super::{ElementType, Graph, GraphError, Port, Shape, operation};
use crate::weights::{Tensor, WeightsError};

/// Why a constant's bytes could not be produced or stored.
#[derive(Debug, Error)]
pub enum ConstantError {
    /// The source of the bytes failed.
    #[error(transparent)]
    Read(#[from] WeightsError),
    /// The file that takes the bytes failed.
    #[error("failed to write a constant")]
    Write(#[source] io::Error),
}

/// Produces a constant's bytes when the graph is written.
pub trait ConstantData: fmt::Debug {
    /// Writes the constant's elements, row-major and little-endian, piece by piece.
    ///
    /// # Errors
    /// When the source cannot be read, holds what must not be written, or the sink fails.
    fn write_to(&self, sink: &mut dyn Write) -> Result<(), ConstantError>;
}

/// Produces several constants in one pass over their source: one of any size, and small ones
/// that are known when its last byte is.
pub trait GroupData: fmt::Debug {
    /// Writes the first constant's elements as [`ConstantData::write_to`] does; answers the
    /// bytes of those that follow it.
    ///
    /// # Errors
    /// When the source cannot be read, holds what must not be written, or the sink fails.
    fn write_to(&self, sink: &mut dyn Write) -> Result<Vec<Vec<u8>>, ConstantError>;
}

/// What a constant's bytes stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstantLayout {
    /// Unique in the graph.
    pub name: String,
    /// Type of the elements.
    pub element_type: ElementType,
    /// Dimensions, outermost first.
    pub sizes: Vec<u64>,
}

#[derive(Debug)]
pub(super) enum Constant {
    Inline(Vec<u8>),
    Streamed(Box<dyn ConstantData>),
    /// The first of a group.
    Leading(Box<dyn GroupData>),
    /// One of those that follow the first of a group.
    Following {
        leader: usize,
        index: usize,
    },
    /// A matrix that waits for [`Graph::decided`].
    Undecided(Tensor),
}

impl Graph {
    /// A one-dimensional constant of indices.
    pub fn constant_i64(&mut self, values: &[i64]) -> Port {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shape = Shape::fixed(&[values.len() as u64]);
        self.push_constant(None, ElementType::I64, shape, Constant::Inline(bytes))
    }

    /// Values of this shape; for a few of them, which are kept in memory.
    ///
    /// # Errors
    /// When there are more or fewer values than the shape has.
    pub fn constant_f32(&mut self, sizes: &[u64], values: &[f32]) -> Result<Port, GraphError> {
        let shape = Shape::fixed(sizes);
        if shape.elements() != Some(values.len() as u64) {
            let reason = format!("{} values do not fill the shape {shape}", values.len());
            return Err(GraphError::new("Const", reason));
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(self.push_constant(None, ElementType::F32, shape, Constant::Inline(bytes)))
    }

    /// A single index.
    pub fn scalar_i64(&mut self, value: i64) -> Port {
        let bytes = Constant::Inline(value.to_le_bytes().to_vec());
        self.push_constant(None, ElementType::I64, Shape::fixed(&[]), bytes)
    }

    /// A single value.
    pub fn scalar_f32(&mut self, value: f32) -> Port {
        let bytes = Constant::Inline(value.to_le_bytes().to_vec());
        self.push_constant(None, ElementType::F32, Shape::fixed(&[]), bytes)
    }

    /// A weight, whose bytes are asked for when the graph is written. `name` must be unique.
    ///
    /// # Errors
    /// When the shape's size in bytes does not fit 64 bits.
    pub fn constant(
        &mut self,
        name: &str,
        element_type: ElementType,
        sizes: &[u64],
        data: Box<dyn ConstantData>,
    ) -> Result<Port, GraphError> {
        let layout = ConstantLayout { name: name.to_owned(), element_type, sizes: sizes.to_vec() };
        self.push_weight(layout, Constant::Streamed(data))
    }

    /// Weights that come out of one pass over their source, in the order of their layouts.
    ///
    /// # Errors
    /// When a shape's size in bytes does not fit 64 bits.
    pub fn constant_group(
        &mut self,
        first: ConstantLayout,
        following: Vec<ConstantLayout>,
        data: Box<dyn GroupData>,
    ) -> Result<Vec<Port>, GraphError> {
        let leader = self.push_weight(first, Constant::Leading(data))?;
        let mut ports = vec![leader];
        for (index, layout) in following.into_iter().enumerate() {
            let constant = Constant::Following { leader: leader.node, index };
            ports.push(self.push_weight(layout, constant)?);
        }
        Ok(ports)
    }

    /// Restores compressed weights to f32, marked so that plugins may keep them compressed.
    pub fn decompress(&mut self, weights: Port) -> Port {
        let restored = self.convert(weights, ElementType::F32);
        self.nodes[restored.node].decompression = true;
        restored
    }

    /// Changes the element type.
    pub fn convert(&mut self, port: Port, element_type: ElementType) -> Port {
        let shape = self.shape(port).clone();
        let attributes = vec![("destination_type", element_type.as_str().to_owned())];
        self.push(operation("Convert", "opset1"), attributes, vec![port], element_type, shape)
    }

    pub(super) fn push_weight(
        &mut self,
        layout: ConstantLayout,
        data: Constant,
    ) -> Result<Port, GraphError> {
        let ConstantLayout { name, element_type, sizes } = layout;
        let shape = Shape::fixed(&sizes);
        if byte_size(element_type, &shape).is_none() {
            let reason = format!("`{name}` of shape {shape} is too large");
            return Err(GraphError::new("Const", reason));
        }
        Ok(self.push_constant(Some(name), element_type, shape, data))
    }

    fn push_constant(
        &mut self,
        name: Option<String>,
        element_type: ElementType,
        shape: Shape,
        data: Constant,
    ) -> Port {
        let port = self.push(operation("Const", "opset1"), vec![], vec![], element_type, shape);
        let node = &mut self.nodes[port.node];
        node.name = name;
        node.constant = Some(data);
        port
    }
}

/// Bytes that a tensor takes in the .bin file.
pub(super) fn byte_size(element_type: ElementType, shape: &Shape) -> Option<u64> {
    let bits = shape.elements()?.checked_mul(element_type.bits())?;
    Some(bits.div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_bytes_are_counted_in_whole_bytes() {
        let shape = Shape::fixed(&[3, 5]);
        assert_eq!(byte_size(ElementType::U4, &shape), Some(8));
        assert_eq!(byte_size(ElementType::F32, &shape), Some(60));
        assert_eq!(byte_size(ElementType::F32, &Shape::fixed(&[u64::MAX])), None);
    }
}
