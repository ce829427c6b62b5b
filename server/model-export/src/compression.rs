//! Weight compression: matrices as 8- or 4-bit codes with scales, in the form that OpenVINO's
//! plugins recognise and keep compressed in memory.
//!
//! `plan` decides what each matrix of a finished graph becomes, `quantize` turns values into
//! codes, `packed` streams a matrix through it, and here the result is put into the graph as
//!
//! ```text
//! Const(codes) - Convert - Subtract - Multiply - [Reshape] - Convert(f32)
//!      Const(zero points) - Convert -/          /
//!                        Const(scales, f16) ---/
//! ```
//!
//! with codes of `[rows, groups, group size]` where a row has several groups. Symmetric codes
//! have no Subtract. No data is needed: only the weights are looked at.

mod options;
mod packed;
mod parameters;
mod plan;
mod quantize;
#[cfg(test)]
mod quantize_tests;

pub use options::{Backup, CompressionOptions, Grouping, Symmetry};
pub use parameters::ParametersError;

use crate::architectures::store_half;
use crate::graph::{Arithmetic, ConstantLayout, ElementType, Graph, GraphError, Port};
use crate::{ExportError, WeightFormat};

use packed::PackedMatrix;
use plan::Storage;
use quantize::{Bits, ZeroPoint};

/// Stores the undecided matrices of a graph in an integer format.
pub(crate) fn compress(
    graph: Graph,
    format: WeightFormat,
    options: &CompressionOptions,
) -> Result<Graph, ExportError> {
    let storage = plan::plan(&graph.undecided_matrices(), format, options);
    let mut storage = storage.into_iter();
    graph.decided(|graph, name, tensor| match storage.next() {
        Some(Storage::Codes { quantizer, group }) => {
            let matrix = PackedMatrix { tensor, quantizer, group };
            Ok(packed_constant(graph, name, matrix)?)
        }
        Some(Storage::Half) | None => store_half(graph, name, tensor),
    })
}

/// Adds the constants of a compressed matrix and the operations that restore it.
fn packed_constant(
    graph: &mut Graph,
    name: &str,
    matrix: PackedMatrix,
) -> Result<Port, GraphError> {
    let [rows, columns] = matrix.sizes();
    let groups = columns / matrix.group;
    let layout = |suffix: &str, element_type, per_group: u64| ConstantLayout {
        name: format!("{name}{suffix}"),
        element_type,
        sizes: match groups {
            1 => vec![rows, per_group],
            _ => vec![rows, groups, per_group],
        },
    };
    let quantizer = matrix.quantizer;
    let code_type = match (quantizer.bits, quantizer.zero_point) {
        (Bits::Eight, ZeroPoint::Any) => ElementType::U8,
        (Bits::Eight, ZeroPoint::Middle) => ElementType::I8,
        (Bits::Four, ZeroPoint::Any) => ElementType::U4,
        (Bits::Four, ZeroPoint::Middle) => ElementType::I4,
    };
    let codes = layout("", code_type, matrix.group);
    let scales = layout("/scale", ElementType::F16, 1);
    let following = match quantizer.zero_point {
        ZeroPoint::Any => vec![scales, layout("/zero_point", code_type, 1)],
        ZeroPoint::Middle => vec![scales],
    };
    let ports = graph.constant_group(codes, following, Box::new(matrix))?;
    let mut restored = graph.convert(ports[0], ElementType::F16);
    if let Some(zero_points) = ports.get(2) {
        let zero_points = graph.convert(*zero_points, ElementType::F16);
        restored = graph.arithmetic(Arithmetic::Subtract, restored, zero_points)?;
    }
    restored = graph.arithmetic(Arithmetic::Multiply, restored, ports[1])?;
    if groups > 1 {
        restored = graph.reshape(restored, &[rows.cast_signed(), columns.cast_signed()])?;
    }
    Ok(graph.convert(restored, ElementType::F32))
}
