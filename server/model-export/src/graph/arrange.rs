//! Operations that move elements about: gather, slice, reshape, transpose, concatenate.

use super::constant::Constant;
use super::{Dimension, ElementType, Graph, GraphError, Port, Shape, operation};

impl Graph {
    /// The shape of a tensor as an i64 vector.
    pub fn shape_of(&mut self, port: Port) -> Port {
        let shape = Shape::fixed(&[self.shape(port).rank() as u64]);
        let attributes = vec![("output_type", "i64".to_owned())];
        self.push(operation("ShapeOf", "opset3"), attributes, vec![port], ElementType::I64, shape)
    }

    /// Rows of `data` along `axis`, picked by `indices`.
    ///
    /// # Errors
    /// When indices are no integers or the axis does not exist.
    pub fn gather(&mut self, data: Port, indices: Port, axis: i64) -> Result<Port, GraphError> {
        let kind = "Gather";
        if !matches!(self.element_type(indices), ElementType::I64 | ElementType::I32) {
            return Err(GraphError::new(kind, "the indices are no integers"));
        }
        let position = self.axis(kind, data, axis)?;
        let from = self.shape(data).dimensions();
        let mut dimensions = from[..position].to_vec();
        dimensions.extend_from_slice(self.shape(indices).dimensions());
        dimensions.extend_from_slice(&from[position + 1..]);
        let element_type = self.element_type(data);
        let axis = self.scalar_i64(axis);
        Ok(self.push(
            operation(kind, "opset8"),
            vec![("batch_dims", "0".to_owned())],
            vec![data, indices, axis],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Elements from `start` up to `stop` (i64 vectors of one element) along `axis`; the result
    /// is shorter than asked for when `stop` is beyond the end.
    ///
    /// # Errors
    /// When the bounds are not i64 or the axis does not exist.
    pub fn slice(
        &mut self,
        data: Port,
        start: Port,
        stop: Port,
        axis: i64,
    ) -> Result<Port, GraphError> {
        let kind = "Slice";
        self.require_type(kind, start, ElementType::I64)?;
        self.require_type(kind, stop, ElementType::I64)?;
        for bound in [start, stop] {
            if *self.shape(bound) != Shape::fixed(&[1]) {
                return Err(GraphError::new(kind, "a bound is no vector of one element"));
            }
        }
        let position = self.axis(kind, data, axis)?;
        let mut dimensions = self.shape(data).dimensions().to_vec();
        dimensions[position] = self.sliced(dimensions[position], start, stop);
        let element_type = self.element_type(data);
        let (step, axis) = (self.constant_i64(&[1]), self.constant_i64(&[axis]));
        Ok(self.push(
            operation(kind, "opset8"),
            vec![],
            vec![data, start, stop, step, axis],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// 0, 1, … up to but without `stop`, an i64 scalar.
    ///
    /// # Errors
    /// When the bound is not a single i64.
    pub fn range(&mut self, stop: Port) -> Result<Port, GraphError> {
        let kind = "Range";
        self.require_type(kind, stop, ElementType::I64)?;
        if self.shape(stop).rank() != 0 {
            return Err(GraphError::new(kind, "the bound is no scalar"));
        }
        let (start, step) = (self.scalar_i64(0), self.scalar_i64(1));
        Ok(self.push(
            operation(kind, "opset4"),
            vec![("output_type", "i64".to_owned())],
            vec![start, stop, step],
            ElementType::I64,
            Shape::dynamic(1),
        ))
    }

    /// Inserts dimensions of one element at these positions of the result.
    ///
    /// # Errors
    /// When a position is beyond the result's rank or given twice.
    pub fn unsqueeze(&mut self, port: Port, axes: &[u64]) -> Result<Port, GraphError> {
        let kind = "Unsqueeze";
        let rank = self.shape(port).rank() + axes.len();
        let distinct = (0..rank).filter(|index| axes.contains(&(*index as u64)));
        if distinct.count() != axes.len() {
            let reason = format!("{axes:?} are no positions in {rank} dimensions");
            return Err(GraphError::new(kind, reason));
        }
        let mut rest = self.shape(port).dimensions().iter().copied();
        let dimensions = (0..rank)
            .map_while(|index| match axes.contains(&(index as u64)) {
                true => Some(Dimension::Fixed(1)),
                false => rest.next(),
            })
            .collect();
        let element_type = self.element_type(port);
        let axes: Vec<i64> = axes.iter().map(|axis| axis.cast_signed()).collect();
        let axes = self.constant_i64(&axes);
        Ok(self.push(
            operation(kind, "opset1"),
            vec![],
            vec![port, axes],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Gives a tensor new dimensions; 0 keeps the dimension at the same position and one -1
    /// takes what is left.
    ///
    /// # Errors
    /// When the pattern does not fit the tensor.
    pub fn reshape(&mut self, port: Port, pattern: &[i64]) -> Result<Port, GraphError> {
        let kind = "Reshape";
        let from = self.shape(port);
        let refuse = || {
            let reason = format!("{from} cannot take the pattern {pattern:?}");
            GraphError::new(kind, reason)
        };
        let mut dimensions = Vec::with_capacity(pattern.len());
        for (index, size) in pattern.iter().enumerate() {
            dimensions.push(match size {
                0 => *from.dimensions().get(index).ok_or_else(refuse)?,
                -1 => Dimension::Dynamic,
                _ => Dimension::Fixed(u64::try_from(*size).map_err(|_| refuse())?),
            });
        }
        let inferred = pattern.iter().position(|size| *size == -1);
        if pattern.iter().filter(|size| **size == -1).count() > 1 {
            return Err(refuse());
        }
        // Dimensions that are kept cancel out, so that the rest can be compared even though
        // batch and length are unknown.
        let kept = |index: &usize| pattern.get(*index) == Some(&0);
        let product = |dimensions: &[Dimension], skip: Option<usize>| {
            let rest = (0..dimensions.len()).filter(|index| !kept(index) && Some(*index) != skip);
            Shape::new(rest.map(|index| dimensions[index]).collect()).elements()
        };
        let before = product(from.dimensions(), None);
        let after = product(&dimensions, inferred);
        match (before, after, inferred) {
            (Some(before), Some(after), Some(index)) => {
                let size = before.checked_div(after).filter(|size| size * after == before);
                dimensions[index] = Dimension::Fixed(size.ok_or_else(refuse)?);
            }
            (Some(before), Some(after), None) if before != after => return Err(refuse()),
            _ => {}
        }
        let element_type = self.element_type(port);
        let pattern = self.constant_i64(pattern);
        Ok(self.push(
            operation(kind, "opset1"),
            vec![("special_zero", "true".to_owned())],
            vec![port, pattern],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Reorders dimensions: dimension i of the result is dimension `order[i]` of the input.
    ///
    /// # Errors
    /// When `order` is no permutation of the input's dimensions.
    pub fn transpose(&mut self, port: Port, order: &[u64]) -> Result<Port, GraphError> {
        let kind = "Transpose";
        let from = self.shape(port).dimensions();
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..from.len() as u64) {
            let reason = format!("{order:?} is no order of {} dimensions", from.len());
            return Err(GraphError::new(kind, reason));
        }
        // The order is a permutation of the indices of `from`, hence each is in range.
        let dimensions = order.iter().map(|index| from[*index as usize]).collect();
        let element_type = self.element_type(port);
        let order: Vec<i64> = order.iter().map(|index| index.cast_signed()).collect();
        let order = self.constant_i64(&order);
        Ok(self.push(
            operation(kind, "opset1"),
            vec![],
            vec![port, order],
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Joins tensors along an axis.
    ///
    /// # Errors
    /// When there is none, or types or the other dimensions differ.
    pub fn concat(&mut self, ports: &[Port], axis: i64) -> Result<Port, GraphError> {
        let kind = "Concat";
        let Some((first, rest)) = ports.split_first() else {
            return Err(GraphError::new(kind, "there is nothing to join"));
        };
        let element_type = self.element_type(*first);
        let position = self.axis(kind, *first, axis)?;
        let mut dimensions = self.shape(*first).dimensions().to_vec();
        for port in rest {
            self.require_type(kind, *port, element_type)?;
            let other = self.shape(*port).dimensions();
            if other.len() != dimensions.len() {
                return Err(GraphError::new(kind, "the ranks differ"));
            }
            for (index, dimension) in dimensions.iter_mut().enumerate() {
                let joined = match (index == position, *dimension, other[index]) {
                    (true, Dimension::Fixed(one), Dimension::Fixed(two)) => {
                        one.checked_add(two).map(Dimension::Fixed)
                    }
                    (true, _, _) => Some(Dimension::Dynamic),
                    (false, one, two) => one.merge(two),
                };
                *dimension =
                    joined.ok_or_else(|| GraphError::new(kind, "other dimensions differ"))?;
            }
        }
        Ok(self.push(
            operation(kind, "opset1"),
            vec![("axis", axis.to_string())],
            ports.to_vec(),
            element_type,
            Shape::new(dimensions),
        ))
    }

    /// Repeats along dimensions of one element; 1 in `sizes` leaves a dimension as it is.
    ///
    /// # Errors
    /// When the sizes do not broadcast with the tensor's shape.
    pub fn broadcast(&mut self, port: Port, sizes: &[u64]) -> Result<Port, GraphError> {
        let kind = "Broadcast";
        let from = self.shape(port);
        let shape = from.broadcast(&Shape::fixed(sizes)).ok_or_else(|| {
            GraphError::new(kind, format!("{from} does not broadcast to {sizes:?}"))
        })?;
        let element_type = self.element_type(port);
        let sizes: Vec<i64> = sizes.iter().map(|size| size.cast_signed()).collect();
        let sizes = self.constant_i64(&sizes);
        Ok(self.push(
            operation(kind, "opset3"),
            vec![("mode", "bidirectional".to_owned())],
            vec![port, sizes],
            element_type,
            shape,
        ))
    }

    /// Elements between two bounds, known where they and the dimension are.
    fn sliced(&self, dimension: Dimension, start: Port, stop: Port) -> Dimension {
        let (Dimension::Fixed(size), Some(start), Some(stop)) =
            (dimension, self.index(start), self.index(stop))
        else {
            return Dimension::Dynamic;
        };
        // A negative bound counts from the end; both are cut to what is there.
        let position = |bound: i64| match bound < 0 {
            true => size.saturating_sub(bound.unsigned_abs()),
            false => bound.unsigned_abs().min(size),
        };
        Dimension::Fixed(position(stop).saturating_sub(position(start)))
    }

    /// The value of a constant that is a single index.
    pub(super) fn index(&self, port: Port) -> Option<i64> {
        match &self.nodes[port.node].constant {
            Some(Constant::Inline(bytes)) => {
                bytes.as_slice().try_into().ok().map(i64::from_le_bytes)
            }
            Some(
                Constant::Streamed(_)
                | Constant::Leading(_)
                | Constant::Following { .. }
                | Constant::Undecided(_),
            )
            | None => None,
        }
    }

    pub(super) fn axis(
        &self,
        kind: &'static str,
        port: Port,
        axis: i64,
    ) -> Result<usize, GraphError> {
        let shape = self.shape(port);
        let refuse = || GraphError::new(kind, format!("{shape} has no axis {axis}"));
        shape.axis(axis).ok_or_else(refuse)
    }
}
