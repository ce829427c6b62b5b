//! Matrices whose storage is decided when the whole graph is known: how they are used says how
//! they may be stored.

use std::collections::BTreeSet;

use super::constant::Constant;
use super::{ConstantLayout, ElementType, Graph, GraphError, Node, Port};
use crate::weights::Tensor;

/// What the graph does with a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixUse {
    /// Multiplied with, its columns being summed over.
    Linear,
    /// The same, and what comes of it are the values of an attention.
    Values,
    /// Rows are picked from it.
    Table,
    /// Anything else.
    Other,
}

/// A matrix that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Rows and columns.
    pub(crate) sizes: [u64; 2],
    /// How the graph uses it.
    pub(crate) usage: MatrixUse,
}

impl Graph {
    /// A matrix `[rows, columns]` that stands for its f32 values until [`Graph::decided`].
    ///
    /// # Errors
    /// When the shape's size in bytes does not fit 64 bits.
    pub(crate) fn undecided(
        &mut self,
        name: &str,
        sizes: [u64; 2],
        tensor: Tensor,
    ) -> Result<Port, GraphError> {
        let (name, sizes) = (name.to_owned(), sizes.to_vec());
        let layout = ConstantLayout { name, element_type: ElementType::F32, sizes };
        self.push_weight(layout, Constant::Undecided(tensor))
    }

    /// All undecided matrices, in the order of the graph.
    pub(crate) fn undecided_matrices(&self) -> Vec<Matrix> {
        let values = self.value_matrices();
        let matrix = |(place, node): (usize, &Node)| match &node.constant {
            Some(Constant::Undecided(tensor)) => {
                let sizes = tensor.shape().try_into().ok()?;
                let usage = match self.usage(place) {
                    MatrixUse::Linear if values.contains(&place) => MatrixUse::Values,
                    usage => usage,
                };
                Some(Matrix { sizes, usage })
            }
            _ => None,
        };
        self.nodes.iter().enumerate().filter_map(matrix).collect()
    }

    /// The same graph with every undecided matrix replaced by what `store` makes of it; it is
    /// called in the order of [`Graph::undecided_matrices`].
    ///
    /// # Errors
    /// When `store` fails.
    pub(crate) fn decided<E>(
        self,
        mut store: impl FnMut(&mut Graph, &str, Tensor) -> Result<Port, E>,
    ) -> Result<Graph, E> {
        let mut graph = Graph { name: self.name, facts: self.facts, nodes: Vec::new() };
        let mut places: Vec<Port> = Vec::with_capacity(self.nodes.len());
        for mut node in self.nodes {
            let place = match (node.constant, node.name) {
                (Some(Constant::Undecided(tensor)), Some(name)) => {
                    store(&mut graph, &name, tensor)?
                }
                (constant, name) => {
                    node.constant = match constant {
                        Some(Constant::Following { leader, index }) => {
                            let leader = places[leader].node;
                            Some(Constant::Following { leader, index })
                        }
                        other => other,
                    };
                    node.name = name;
                    node.inputs.iter_mut().for_each(|input| *input = places[input.node]);
                    graph.nodes.push(node);
                    Port { node: graph.nodes.len() - 1 }
                }
            };
            places.push(place);
        }
        Ok(graph)
    }

    fn usage(&self, place: usize) -> MatrixUse {
        let uses = self.nodes.iter().flat_map(|node| {
            let of_this = move |(_, input): &(usize, &Port)| input.node == place;
            let usage = move |(position, _)| self.usage_in(node, position);
            node.inputs.iter().enumerate().filter(of_this).map(usage)
        });
        uses.reduce(|one, two| if one == two { one } else { MatrixUse::Other })
            .unwrap_or(MatrixUse::Other)
    }

    fn usage_in(&self, node: &Node, position: usize) -> MatrixUse {
        match (node.operation.kind, position) {
            ("MatMul", 1) if node.attributes.contains(&("transpose_b", "true".to_owned())) => {
                MatrixUse::Linear
            }
            ("Gather", 0) if node.inputs.get(2).and_then(|axis| self.index(*axis)) == Some(0) => {
                MatrixUse::Table
            }
            _ => MatrixUse::Other,
        }
    }

    /// The constants of the products that attentions take their values from.
    fn value_matrices(&self) -> BTreeSet<usize> {
        let attentions =
            self.nodes.iter().filter(|node| node.operation.kind == "ScaledDotProductAttention");
        let mut waiting: Vec<Port> = attentions.map(|attention| attention.inputs[2]).collect();
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        while let Some(Port { node }) = waiting.pop() {
            if !seen.insert(node) {
                continue;
            }
            match (self.nodes[node].operation.kind, self.nodes[node].inputs.as_slice()) {
                ("MatMul", [_, weight]) => {
                    found.insert(weight.node);
                }
                (_, inputs) => waiting.extend(inputs),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attention, Shape, Transposed};
    use super::*;
    use crate::weights::Weights;

    /// A graph with matrices `[8, 8]` named a, b, … whose use `build` decides.
    fn usages<const COUNT: usize>(
        build: impl FnOnce(&mut Graph, Port, [Port; COUNT]) -> Result<(), GraphError>,
    ) -> Vec<MatrixUse> {
        let folder = tempfile::tempdir().expect("folder");
        let bytes = [0u8; 256];
        let names: Vec<String> = ('a'..).map(String::from).take(COUNT).collect();
        let view =
            || safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![8, 8], &bytes);
        let tensors = names.iter().map(|name| (name.as_str(), view().expect("view")));
        let stored = safetensors::serialize(tensors, None).expect("safetensors");
        std::fs::write(folder.path().join("model.safetensors"), stored).expect("file");
        let mut weights = Weights::open(folder.path()).expect("weights");
        let mut graph = Graph::new("test");
        let matrices: Vec<Port> = names
            .iter()
            .map(|name| {
                let tensor = weights.take(name, &[8, 8]).expect("tensor");
                graph.undecided(name, [8, 8], tensor).expect("matrix")
            })
            .collect();
        let input = graph.parameter("input", ElementType::F32, Shape::dynamic(2));
        build(&mut graph, input, matrices.try_into().expect("as many")).expect("graph");
        graph.undecided_matrices().into_iter().map(|matrix| matrix.usage).collect()
    }

    #[test]
    fn a_matrix_is_what_it_is_used_for() {
        let found = usages(|graph, input, [linear, table, untransposed, both, unused, columns]| {
            let state = graph.matmul(input, linear, Transposed::Yes)?;
            graph.matmul(state, linear, Transposed::Yes)?;
            let ids = graph.parameter("ids", ElementType::I64, Shape::dynamic(1));
            graph.gather(table, ids, 0)?;
            graph.matmul(state, untransposed, Transposed::No)?;
            graph.gather(both, ids, 0)?;
            graph.matmul(state, both, Transposed::Yes)?;
            graph.gather(columns, ids, 1)?;
            assert_eq!(graph.shape(unused), &Shape::fixed(&[8, 8]));
            Ok(())
        });
        use MatrixUse::{Linear, Other, Table};
        assert_eq!(found, [Linear, Table, Other, Other, Other, Other]);
    }

    /// The layer of the values is found behind its bias, the split into heads, and whatever.
    #[test]
    fn the_values_of_an_attention_are_found() {
        let found = usages(|graph, input, [query, key, value, output]| {
            let heads = |graph: &mut Graph, weight| {
                let product = graph.matmul(input, weight, Transposed::Yes)?;
                let one = graph.scalar_f32(1.0);
                let sum = graph.arithmetic(super::super::Arithmetic::Add, one, product)?;
                let split = graph.reshape(sum, &[1, -1, 2, 4])?;
                graph.transpose(split, &[0, 2, 1, 3])
            };
            let [query, key, value] =
                [heads(graph, query)?, heads(graph, key)?, heads(graph, value)?];
            let bias = graph.parameter("bias", ElementType::F32, Shape::dynamic(4));
            let attention = Attention { query, key, value, bias, scale: None };
            let attended = graph.attention(attention)?;
            let rows = graph.transpose(attended, &[0, 2, 1, 3])?;
            let merged = graph.reshape(rows, &[-1, 8])?;
            graph.matmul(merged, output, Transposed::Yes)?;
            Ok(())
        });
        use MatrixUse::{Linear, Values};
        assert_eq!(found, [Linear, Linear, Values, Linear]);
    }
}
