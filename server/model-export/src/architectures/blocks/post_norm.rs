//! Layers that normalise after each residual ("post-norm"), as BERT's and its descendants'.

use crate::ExportError;
use crate::graph::{Arithmetic, Port};

use super::{Activation, Bias, Blocks, Heads};

/// Sizes and functions of such layers.
#[derive(Debug, Clone, Copy)]
pub(in crate::architectures) struct PostNorm {
    pub(in crate::architectures) hidden: u64,
    pub(in crate::architectures) heads: Heads,
    pub(in crate::architectures) intermediate: u64,
    pub(in crate::architectures) activation: Activation,
    pub(in crate::architectures) epsilon: f32,
}

/// Names of one layer's weights, all of which have biases.
#[derive(Debug)]
pub(in crate::architectures) struct LayerNames {
    /// Projections to queries, keys and values.
    pub(in crate::architectures) projections: [String; 3],
    /// The projection of what was attended.
    pub(in crate::architectures) attended: String,
    pub(in crate::architectures) attention_norm: String,
    /// The two halves of the feed-forward part.
    pub(in crate::architectures) inner: String,
    pub(in crate::architectures) outer: String,
    pub(in crate::architectures) norm: String,
}

impl PostNorm {
    /// One layer of attention and feed-forward.
    pub(in crate::architectures) fn layer(
        &self,
        blocks: &mut Blocks,
        names: &LayerNames,
        input: Port,
        bias: Port,
    ) -> Result<Port, ExportError> {
        let square = [self.hidden, self.hidden];
        let mut project = |name: &str| blocks.linear(input, name, square, Bias::Present);
        let [query, key, value] = &names.projections;
        let parts = [project(query)?, project(key)?, project(value)?];
        let attended = blocks.attention(parts, bias, self.heads, None)?;
        let output = blocks.linear(attended, &names.attended, square, Bias::Present)?;
        let state = self.add_and_norm(blocks, [output, input], &names.attention_norm)?;
        let (narrow, wide) = (self.hidden, self.intermediate);
        let inner = blocks.linear(state, &names.inner, [narrow, wide], Bias::Present)?;
        let inner = self.activation.apply(&mut blocks.graph, inner)?;
        let output = blocks.linear(inner, &names.outer, [wide, narrow], Bias::Present)?;
        self.add_and_norm(blocks, [output, state], &names.norm)
    }

    /// The sum of two states, normalised.
    pub(in crate::architectures) fn add_and_norm(
        &self,
        blocks: &mut Blocks,
        [one, two]: [Port; 2],
        name: &str,
    ) -> Result<Port, ExportError> {
        let sum = blocks.graph.arithmetic(Arithmetic::Add, one, two)?;
        self.norm(blocks, sum, name)
    }

    /// A layer norm of the model's width.
    pub(in crate::architectures) fn norm(
        &self,
        blocks: &mut Blocks,
        input: Port,
        name: &str,
    ) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, self.epsilon, Bias::Present)
    }
}
