//! Operations that combine many elements: products of matrices, means, softmax, attention.

use super::{Dimension, ElementType, Graph, GraphError, Operation, Port, Shape, operation};

/// What becomes of the elements along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The greatest.
    Maximum,
}

impl Reduction {
    fn operation(self) -> Operation {
        match self {
            Reduction::Mean => operation("ReduceMean", "opset1"),
            Reduction::Sum => operation("ReduceSum", "opset1"),
            Reduction::Maximum => operation("ReduceMax", "opset1"),
        }
    }
}

/// Whether the second matrix of a product is stored transposed, as PyTorch stores `Linear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transposed {
    /// `[.., inner, columns]`
    No,
    /// `[.., columns, inner]`
    Yes,
}

/// Inputs of [`Graph::attention`].
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// `[batch, heads, tokens, head size]`
    pub query: Port,
    /// `[batch, heads, tokens, head size]`
    pub key: Port,
    /// `[batch, heads, tokens, head size]`
    pub value: Port,
    /// Added to the scores; broadcasts to `[batch, heads, tokens, tokens]`.
    pub bias: Port,
    /// Factor of the scores, an f32 scalar; 1 / √(head size) when absent.
    pub scale: Option<Port>,
}

impl Graph {
    /// Product of matrices in the last two dimensions; those before broadcast.
    ///
    /// # Errors
    /// When types differ, a matrix has under two dimensions, or inner sizes differ.
    pub fn matmul(
        &mut self,
        left: Port,
        right: Port,
        right_is: Transposed,
    ) -> Result<Port, GraphError> {
        let kind = "MatMul";
        let element_type = self.element_type(left);
        self.require_type(kind, right, element_type)?;
        let refuse = |graph: &Graph| {
            let (left, right) = (graph.shape(left), graph.shape(right));
            GraphError::new(kind, format!("{left} and {right} do not fit"))
        };
        let [left_outer @ .., rows, left_inner] = self.shape(left).dimensions() else {
            return Err(refuse(self));
        };
        let [right_outer @ .., first, second] = self.shape(right).dimensions() else {
            return Err(refuse(self));
        };
        let (right_inner, columns) = match right_is {
            Transposed::No => (first, second),
            Transposed::Yes => (second, first),
        };
        let outer = Shape::new(left_outer.to_vec()).broadcast(&Shape::new(right_outer.to_vec()));
        let (Some(outer), Some(_)) = (outer, left_inner.merge(*right_inner)) else {
            return Err(refuse(self));
        };
        let mut dimensions = outer.dimensions().to_vec();
        dimensions.extend([*rows, *columns]);
        let transpose_b = (right_is == Transposed::Yes).to_string();
        Ok(self.push(
            operation(kind, "opset1"),
            vec![("transpose_a", "false".to_owned()), ("transpose_b", transpose_b)],
            vec![left, right],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Reduces an axis, which stays as a dimension of one element.
    ///
    /// # Errors
    /// When the axis does not exist or elements are conditions.
    pub fn reduce(&mut self, kind: Reduction, port: Port, axis: i64) -> Result<Port, GraphError> {
        let operation = kind.operation();
        let element_type = self.element_type(port);
        if element_type == ElementType::Boolean {
            return Err(GraphError::new(operation.kind, "conditions are no numbers"));
        }
        let position = self.axis(operation.kind, port, axis)?;
        let mut dimensions = self.shape(port).dimensions().to_vec();
        dimensions[position] = Dimension::Fixed(1);
        let axis = self.constant_i64(&[axis]);
        Ok(self.push(
            operation,
            vec![("keep_dims", "true".to_owned())],
            vec![port, axis],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Sums along an axis, each element including those before it.
    ///
    /// # Errors
    /// When the axis does not exist or elements are conditions.
    pub fn cumulative_sum(&mut self, port: Port, axis: i64) -> Result<Port, GraphError> {
        let kind = "CumSum";
        let element_type = self.element_type(port);
        if element_type == ElementType::Boolean {
            return Err(GraphError::new(kind, "conditions are no numbers"));
        }
        self.axis(kind, port, axis)?;
        let shape = self.shape(port).clone();
        let axis = self.scalar_i64(axis);
        Ok(self.push(
            operation(kind, "opset3"),
            vec![("exclusive", "false".to_owned()), ("reverse", "false".to_owned())],
            vec![port, axis],
            element_type,
            shape,
        ))
    }

    /// Brings the last axis to mean 0 and variance 1; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// When there is no axis or elements are no values.
    pub fn normalize(&mut self, port: Port, epsilon: f32) -> Result<Port, GraphError> {
        let kind = "MVN";
        self.require_type(kind, port, ElementType::F32)?;
        self.axis(kind, port, -1)?;
        let shape = self.shape(port).clone();
        let axes = self.constant_i64(&[-1]);
        Ok(self.push(
            operation(kind, "opset6"),
            vec![
                ("eps", f64::from(epsilon).to_string()),
                ("normalize_variance", "true".to_owned()),
                ("eps_mode", "INSIDE_SQRT".to_owned()),
            ],
            vec![port, axes],
            ElementType::F32,
            shape,
        ))
    }

    /// Softmax over an axis.
    ///
    /// # Errors
    /// When the axis does not exist or elements are no values.
    pub fn softmax(&mut self, port: Port, axis: i64) -> Result<Port, GraphError> {
        let kind = "SoftMax";
        self.require_type(kind, port, ElementType::F32)?;
        self.axis(kind, port, axis)?;
        let shape = self.shape(port).clone();
        let attributes = vec![("axis", axis.to_string())];
        let operation = operation(kind, "opset8");
        Ok(self.push(operation, attributes, vec![port], ElementType::F32, shape))
    }

    /// softmax(query · keyᵀ · scale + bias) · value, which plugins run as one operation.
    ///
    /// # Errors
    /// When types or shapes do not fit each other.
    pub fn attention(&mut self, inputs: Attention) -> Result<Port, GraphError> {
        let kind = "ScaledDotProductAttention";
        let Attention { query, key, value, bias, scale } = inputs;
        let mut ports = vec![query, key, value, bias];
        ports.extend(scale);
        for port in &ports {
            self.require_type(kind, *port, ElementType::F32)?;
        }
        let shape = self.attended_shape(&inputs).ok_or_else(|| {
            let shapes: Vec<_> = ports.iter().map(|port| self.shape(*port).to_string()).collect();
            GraphError::new(kind, format!("{} do not fit", shapes.join(", ")))
        })?;
        let attributes = vec![("causal", "false".to_owned())];
        let operation = operation(kind, "opset13");
        Ok(self.push(operation, attributes, ports, ElementType::F32, shape))
    }

    fn attended_shape(&self, inputs: &Attention) -> Option<Shape> {
        let four = |port: Port| <[Dimension; 4]>::try_from(self.shape(port).dimensions()).ok();
        let [query, key, value] = [four(inputs.query)?, four(inputs.key)?, four(inputs.value)?];
        let batch = query[0].merge(key[0])?.merge(value[0])?;
        let heads = query[1].merge(key[1])?.merge(value[1])?;
        query[3].merge(key[3])?;
        let keys = key[2].merge(value[2])?;
        let scores = Shape::new(vec![batch, heads, query[2], keys]);
        let biased = scores.broadcast(self.shape(inputs.bias))?;
        let scale_fits = inputs.scale.is_none_or(|scale| self.shape(scale).rank() == 0);
        (biased.rank() == 4 && scale_fits)
            .then(|| Shape::new(vec![batch, heads, query[2], value[3]]))
    }
}
