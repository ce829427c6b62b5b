//! A builder of OpenVINO graphs: nodes with typed ports, written as IR version 11.
//!
//! Every operation is a method that checks its inputs, infers the element type and the shape
//! of its output and returns the output's [`Port`]. Weights are constants whose bytes are
//! streamed when the graph is written, so a graph of any size costs a few kilobytes of memory.
//! Which operations make up a model is left to `architectures`.
//!
//! Operation names, versions and attributes follow the OpenVINO operation sets:
//! <https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets.html>.

mod arrange;
mod attend;
mod bin;
mod constant;
mod elementwise;
mod matrix;
mod shape;
mod xml;

#[cfg(test)]
mod inference_tests;

use thiserror::Error;

pub use attend::{Attention, Reduction, Transposed};
pub use bin::{Placement, WriteConstantsError, constant_bytes, write_constants};
pub use constant::{ConstantData, ConstantError, ConstantLayout, GroupData};
pub use elementwise::{Arithmetic, Comparison, Unary};
pub(crate) use matrix::{Matrix, MatrixUse};
pub use shape::{Dimension, ElementType, Shape};
pub use xml::write_xml;

use constant::Constant;

/// Inputs that do not fit an operation: a mistake in an architecture, never in a weight file,
/// whose shapes are compared with the configuration before they get here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot build the {operation} operation of the graph: {reason}")]
pub struct GraphError {
    /// Operation as the IR names it.
    pub operation: &'static str,
    /// What does not fit.
    pub reason: String,
}

impl GraphError {
    fn new(operation: &'static str, reason: impl Into<String>) -> Self {
        GraphError { operation, reason: reason.into() }
    }
}

/// The output of a node, to be used as another node's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    node: usize,
}

/// Operation name and the operation set that defines it, as the IR writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operation {
    kind: &'static str,
    version: &'static str,
}

const fn operation(kind: &'static str, version: &'static str) -> Operation {
    Operation { kind, version }
}

#[derive(Debug)]
struct Node {
    /// Absent for nodes that are named by their operation and place.
    name: Option<String>,
    operation: Operation,
    attributes: Vec<(&'static str, String)>,
    inputs: Vec<Port>,
    element_type: ElementType,
    shape: Shape,
    constant: Option<Constant>,
    /// A conversion that restores compressed weights; plugins keep its input compressed.
    decompression: bool,
    /// Names under which OpenVINO finds this tensor as an input or output of the model; it shows the first in
    /// alphabetical order.
    tensor_names: Vec<String>,
}

impl Node {
    /// The node's name in the IR, where `place` is its index.
    fn shown_name(&self, place: usize) -> String {
        self.name.clone().unwrap_or_else(|| format!("{}_{place}", self.operation.kind))
    }
}

/// A model under construction.
#[derive(Debug)]
pub struct Graph {
    name: String,
    facts: Vec<(String, String)>,
    nodes: Vec<Node>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Graph { name: name.into(), facts: Vec::new(), nodes: Vec::new() }
    }

    /// Adds an entry to the model's `rt_info`, for people who look at the file.
    pub fn add_fact(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.facts.push((name.into(), value.into()));
    }

    /// A model input, found by `name`.
    pub fn parameter(&mut self, name: &str, element_type: ElementType, shape: Shape) -> Port {
        let dimensions: Vec<String> = shape
            .dimensions()
            .iter()
            .map(|dimension| match dimension {
                Dimension::Dynamic => "?".to_owned(),
                Dimension::Fixed(size) => size.to_string(),
            })
            .collect();
        let port = self.push(
            operation("Parameter", "opset1"),
            vec![
                ("shape", dimensions.join(",")),
                ("element_type", element_type.as_str().to_owned()),
            ],
            vec![],
            element_type,
            shape,
        );
        let node = &mut self.nodes[port.node];
        node.name = Some(name.to_owned());
        node.tensor_names.push(name.to_owned());
        port
    }

    /// Gives an input a further name.
    pub fn add_name(&mut self, parameter: Port, name: &str) {
        self.nodes[parameter.node].tensor_names.push(name.to_owned());
    }

    /// Makes `port` a model output, found by `name`.
    ///
    /// # Errors
    /// When the port is already an input or output of the model.
    pub fn result(&mut self, port: Port, name: &str) -> Result<(), GraphError> {
        let node = &mut self.nodes[port.node];
        if let Some(other) = node.tensor_names.first() {
            let reason = format!("the tensor is already named `{other}`");
            return Err(GraphError::new("Result", reason));
        }
        node.tensor_names.push(name.to_owned());
        let (element_type, shape) = (node.element_type, node.shape.clone());
        let result =
            self.push(operation("Result", "opset1"), vec![], vec![port], element_type, shape);
        self.nodes[result.node].name = Some(format!("{name}/Result"));
        Ok(())
    }

    /// Shape of what a port carries.
    pub fn shape(&self, port: Port) -> &Shape {
        &self.nodes[port.node].shape
    }

    /// Element type of what a port carries.
    pub fn element_type(&self, port: Port) -> ElementType {
        self.nodes[port.node].element_type
    }

    fn push(
        &mut self,
        operation: Operation,
        attributes: Vec<(&'static str, String)>,
        inputs: Vec<Port>,
        element_type: ElementType,
        shape: Shape,
    ) -> Port {
        let node = self.nodes.len();
        self.nodes.push(Node {
            name: None,
            operation,
            attributes,
            inputs,
            element_type,
            shape,
            constant: None,
            decompression: false,
            tensor_names: Vec::new(),
        });
        Port { node }
    }

    fn require_type(
        &self,
        operation: &'static str,
        port: Port,
        expected: ElementType,
    ) -> Result<(), GraphError> {
        let found = self.element_type(port);
        if found == expected {
            return Ok(());
        }
        let reason = format!("an input is {found}, not {expected}");
        Err(GraphError::new(operation, reason))
    }
}
