//! Activation functions.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Graph, GraphError, Port, Unary};

/// Activation functions, by transformers' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::architectures) enum Activation {
    Function(Unary),
    /// x · sigmoid(1.702 x)
    QuickGelu,
}

impl Activation {
    /// Reads the activation that a setting names; another than these is refused.
    pub(in crate::architectures) fn read(
        config: &Config,
        setting: &str,
        default: &str,
    ) -> Result<Self, ExportError> {
        Ok(match config.name(setting, default)? {
            "gelu" | "gelu_python" => Activation::Function(Unary::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_accurate" | "gelu_pytorch_tanh"
            | "gelu_python_tanh" => Activation::Function(Unary::GeluTanh),
            "relu" => Activation::Function(Unary::Relu),
            "silu" | "swish" => Activation::Function(Unary::Swish),
            "tanh" => Activation::Function(Unary::Tanh),
            "sigmoid" => Activation::Function(Unary::Sigmoid),
            "quick_gelu" => Activation::QuickGelu,
            _ => return Err(config.unsupported(setting)),
        })
    }

    /// Applies it.
    pub(in crate::architectures) fn apply(
        self,
        graph: &mut Graph,
        input: Port,
    ) -> Result<Port, GraphError> {
        match self {
            Activation::Function(function) => graph.unary(function, input),
            Activation::QuickGelu => {
                let factor = graph.scalar_f32(1.702);
                let scaled = graph.arithmetic(Arithmetic::Multiply, input, factor)?;
                let gate = graph.unary(Unary::Sigmoid, scaled)?;
                graph.arithmetic(Arithmetic::Multiply, input, gate)
            }
        }
    }
}
