//! Which constants are restored, what they become, and the model's text afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::graph::{Array, FillError, Graph};
use super::ir::{Layer, Model, Stored};

/// Constants start at multiples of this, as plugins that use them in place want.
const ALIGNMENT: u64 = 64;
/// What becomes of a model's constants.
#[derive(Debug)]
pub(super) struct Plan {
    /// Layers whose value is restored, by their place among the layers, and where to.
    roots: BTreeMap<usize, Stored>,
    /// Layers that only served to restore.
    dropped: BTreeSet<usize>,
    /// Constants that stay: where they were, and where to.
    kept: HashMap<Stored, u64>,
    bytes: u64,
}

impl Plan {
    /// Decides for a model.
    pub(super) fn of(model: &Model) -> Result<Self, String> {
        let graph = Graph::of(model)?;
        let mut roots = BTreeSet::new();
        for (place, layer) in model.layers.iter().enumerate() {
            if layer.kind != "MatMul" {
                continue;
            }
            let inputs = graph.inputs(place);
            let compressed = inputs.iter().copied().filter(|input| graph.is_compressed(*input));
            roots.extend(compressed.filter(|input| model.layers[*input].kind != "Const"));
        }
        let dropped = graph.only_for(&roots);
        let (mut next, mut kept) = (0, HashMap::new());
        let mut place_next = |size: u64| -> Result<u64, String> {
            let offset = u64::next_multiple_of(next, ALIGNMENT);
            next = offset.checked_add(size).ok_or("it is too large")?;
            Ok(offset)
        };
        for (place, layer) in model.layers.iter().enumerate() {
            if let (false, Some(stored)) = (dropped.contains(&place), layer.stored())
                && !kept.contains_key(&stored)
            {
                kept.insert(stored, place_next(stored.size)?);
            }
        }
        let mut placed = BTreeMap::new();
        for root in roots {
            let size = elements(&model.layers[root])? * 4;
            placed.insert(root, Stored { offset: place_next(size)?, size });
        }
        Ok(Plan { roots: placed, dropped, kept, bytes: next })
    }

    /// Whether nothing is restored.
    pub(super) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Bytes of all constants afterwards.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes all constants to their new places.
    pub(super) fn fill(
        &self,
        model: &Model,
        bin: &File,
        target: &mut [u8],
    ) -> Result<(), FillError> {
        for (stored, offset) in &self.kept {
            let target = &mut target[range(*offset, stored.size)];
            bin.read_exact_at(target, stored.offset).map_err(FillError::Read)?;
        }
        let graph = Graph::of(model).map_err(FillError::Structure)?;
        for (root, stored) in &self.roots {
            let Array { values, .. } = graph.value(*root, bin)?;
            let target = target[range(stored.offset, stored.size)].as_chunks_mut::<4>().0;
            if target.len() != values.len() {
                let name = &model.layers[*root].name;
                return Err(FillError::Structure(format!("{name} has another shape than it says")));
            }
            for (target, value) in target.iter_mut().zip(values) {
                *target = value.to_le_bytes();
            }
        }
        Ok(())
    }

    /// The model's text with restored matrices as constants.
    pub(super) fn rewritten(&self, model: &Model) -> String {
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        for (place, layer) in model.layers.iter().enumerate() {
            if self.dropped.contains(&place) {
                changes.push((layer.place.clone(), String::new()));
            } else if let Some(stored) = self.roots.get(&place) {
                changes.push((layer.place.clone(), constant(layer, *stored)));
            } else if let Some(stored) = layer.stored() {
                changes.push((layer.data_place.clone(), moved(layer, self.kept[&stored])));
            }
        }
        let gone: BTreeSet<u64> =
            self.dropped.iter().map(|place| model.layers[*place].id).collect();
        let restored: BTreeSet<u64> =
            self.roots.keys().map(|place| model.layers[*place].id).collect();
        for edge in &model.edges {
            let leads_nowhere =
                gone.contains(&edge.from) || gone.contains(&edge.to) || restored.contains(&edge.to);
            if leads_nowhere {
                changes.push((edge.place.clone(), String::new()));
            }
        }
        changes.sort_by_key(|(place, _)| place.start);
        let (mut text, mut from) = (String::with_capacity(model.text.len()), 0);
        for (place, replacement) in changes {
            text.push_str(&model.text[from..place.start]);
            text.push_str(&replacement);
            from = place.end;
        }
        text.push_str(&model.text[from..]);
        text
    }
}

fn range(offset: u64, size: u64) -> Range<usize> {
    // Both were added up to the length of memory that is there.
    offset as usize..(offset + size) as usize
}

fn elements(layer: &Layer) -> Result<u64, String> {
    let (_, sizes) = layer.output.as_ref().ok_or("an operation has no output")?;
    let product = sizes.iter().try_fold(1u64, |product, size| {
        u64::try_from(*size).ok().and_then(|size| product.checked_mul(size))
    });
    product
        .filter(|product| product.checked_mul(4).is_some())
        .ok_or_else(|| format!("{} restores weights of an open or impossible shape", layer.name))
}

fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// A constant in the place of the layer that restored it.
fn constant(layer: &Layer, Stored { offset, size }: Stored) -> String {
    let (port, sizes) = layer.output.clone().unwrap_or_default();
    let shape = sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let dims: String = sizes.iter().map(|size| format!("<dim>{size}</dim>")).collect();
    format!(
        "<layer id=\"{}\" name=\"{}\" type=\"Const\" version=\"opset1\"><data \
         element_type=\"f32\" shape=\"{shape}\" offset=\"{offset}\" size=\"{size}\"/><output>\
         <port id=\"{port}\" precision=\"FP32\">{dims}</port></output></layer>",
        layer.id,
        escaped(&layer.name),
    )
}

/// The `data` of a constant that is stored elsewhere now.
fn moved(layer: &Layer, offset: u64) -> String {
    let mut attributes: Vec<_> = layer.data.iter().collect();
    attributes.sort();
    let text: String = attributes
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "offset" => format!(" offset=\"{offset}\""),
            _ => format!(" {name}=\"{}\"", escaped(value)),
        })
        .collect();
    format!("<data{text}/>")
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
