//! Which constants are restored, what they become, and the model's text afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use half::f16;

use super::ir::{Layer, Model, Stored};

/// Constants start at multiples of this, as plugins that use them in place want.
const ALIGNMENT: u64 = 64;
/// Element types of compressed weights.
const COMPRESSED: [&str; 5] = ["u8", "i8", "u4", "i4", "f16"];

/// Why the new constants could not be made.
#[derive(Debug)]
pub(super) enum FillError {
    /// The `.bin` file could not be read.
    Read(io::Error),
    /// The model contradicts itself.
    Structure(String),
}

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

/// Values with their dimensions.
struct Array {
    sizes: Vec<usize>,
    values: Vec<f32>,
}

/// Who uses what, by places among the layers.
struct Graph<'a> {
    model: &'a Model,
    inputs: Vec<BTreeMap<u64, usize>>,
    users: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn of(model: &'a Model) -> Result<Self, String> {
        let places: HashMap<u64, usize> =
            model.layers.iter().enumerate().map(|(place, layer)| (layer.id, place)).collect();
        let mut graph = Graph {
            model,
            inputs: vec![BTreeMap::new(); model.layers.len()],
            users: vec![Vec::new(); model.layers.len()],
        };
        for edge in &model.edges {
            let place = |id: u64| {
                places.get(&id).copied().ok_or_else(|| format!("there is no operation {id}"))
            };
            let (from, to) = (place(edge.from)?, place(edge.to)?);
            graph.inputs[to].insert(edge.to_port, from);
            graph.users[from].push(to);
        }
        Ok(graph)
    }

    /// Layers of which all users are in `roots` or are such layers themselves.
    fn only_for(&self, roots: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut dropped = BTreeSet::new();
        let mut open: Vec<usize> = roots.iter().copied().collect();
        while let Some(user) = open.pop() {
            for place in self.inputs(user) {
                let goes = |user: &usize| dropped.contains(user) || roots.contains(user);
                if !roots.contains(&place)
                    && !dropped.contains(&place)
                    && self.users[place].iter().all(goes)
                {
                    dropped.insert(place);
                    open.push(place);
                }
            }
        }
        dropped
    }

    fn inputs(&self, place: usize) -> Vec<usize> {
        self.inputs[place].values().copied().collect()
    }

    /// Whether a layer restores a compressed matrix: from constants alone, one of them compressed.
    fn is_compressed(&self, place: usize) -> bool {
        let layer = &self.model.layers[place];
        let inputs = self.inputs(place);
        let is_constant = |place: usize| self.model.layers[place].kind == "Const";
        match (layer.kind.as_str(), &inputs[..]) {
            ("Const", []) => layer
                .data
                .get("element_type")
                .is_some_and(|kind| COMPRESSED.contains(&kind.as_str())),
            ("Convert", [input]) => self.is_compressed(*input),
            ("Subtract" | "Multiply", [one, two]) => {
                self.is_compressed(*one) && (is_constant(*two) || self.is_compressed(*two))
            }
            ("Reshape", [input, pattern]) => self.is_compressed(*input) && is_constant(*pattern),
            _ => false,
        }
    }

    /// What a layer of [`Graph::is_compressed`] restores, or a constant of few values.
    fn value(&self, place: usize, bin: &File) -> Result<Array, FillError> {
        let layer = &self.model.layers[place];
        let inputs = self.inputs(place);
        let wrong = |what: &str| FillError::Structure(format!("{} {what}", layer.name));
        match (layer.kind.as_str(), &inputs[..]) {
            ("Const", []) => constant_value(layer, bin),
            ("Convert", [input]) => self.value(*input, bin),
            ("Reshape", [input, _]) => {
                let Array { values, .. } = self.value(*input, bin)?;
                let (_, sizes) = layer.output.as_ref().ok_or_else(|| wrong("has no output"))?;
                let sizes = sizes.iter().map(|size| usize::try_from(*size));
                let sizes =
                    sizes.collect::<Result<_, _>>().map_err(|_| wrong("has an open shape"))?;
                Ok(Array { sizes, values })
            }
            (kind @ ("Subtract" | "Multiply"), [one, two]) => {
                let operand = self.value(*two, bin)?;
                let mut array = self.value(*one, bin)?;
                let combine = match kind {
                    "Subtract" => |value: &mut f32, operand: f32| *value -= operand,
                    _ => |value: &mut f32, operand: f32| *value *= operand,
                };
                spread(&mut array, &operand, combine)
                    .ok_or_else(|| wrong("combines shapes that do not fit"))?;
                Ok(array)
            }
            _ => Err(wrong("is not what restores weights")),
        }
    }
}

/// Combines each value with the operand's at the same place, where the operand is repeated along
/// dimensions in which it has one element.
fn spread(array: &mut Array, operand: &Array, combine: fn(&mut f32, f32)) -> Option<()> {
    if let [value] = operand.values[..] {
        array.values.iter_mut().for_each(|target| combine(target, value));
        return Some(());
    }
    let missing = array.sizes.len().checked_sub(operand.sizes.len())?;
    let mut strides = vec![0; array.sizes.len()];
    let mut stride = 1;
    for (index, size) in operand.sizes.iter().enumerate().rev() {
        if *size != 1 && *size != array.sizes[missing + index] {
            return None;
        }
        strides[missing + index] = if *size == 1 { 0 } else { stride };
        stride *= size;
    }
    // Runs along the last dimension, the place of each in the operand counted like an odometer.
    let (run, outer) = array.sizes.split_last()?;
    let last = *strides.last()?;
    let mut index = vec![0; outer.len()];
    for target in array.values.chunks_mut((*run).max(1)) {
        let start: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        for (step, target) in target.iter_mut().enumerate() {
            combine(target, *operand.values.get(start + step * last)?);
        }
        for (index, size) in index.iter_mut().zip(outer).rev() {
            *index += 1;
            if *index < *size {
                break;
            }
            *index = 0;
        }
    }
    Some(())
}

fn constant_value(layer: &Layer, bin: &File) -> Result<Array, FillError> {
    let wrong = |what: &str| FillError::Structure(format!("the constant {} {what}", layer.name));
    let stored = layer.stored().ok_or_else(|| wrong("is not stored anywhere"))?;
    let sizes = layer.shape().ok_or_else(|| wrong("has no shape"))?;
    let count: usize = sizes.iter().product();
    let mut bytes = vec![0; usize::try_from(stored.size).map_err(|_| wrong("is too large"))?];
    bin.read_exact_at(&mut bytes, stored.offset).map_err(FillError::Read)?;
    let halves = || bytes.iter().flat_map(|byte| [byte & 15, byte >> 4]);
    let mut values: Vec<f32> = match layer.data.get("element_type").map(String::as_str) {
        Some("u8") => bytes.iter().map(|byte| f32::from(*byte)).collect(),
        Some("i8") => bytes.iter().map(|byte| f32::from(byte.cast_signed())).collect(),
        Some("u4") => halves().map(f32::from).collect(),
        // The upper half is the sign: 8 to 15 stand for -8 to -1.
        Some("i4") => halves().map(|half| f32::from((half << 4).cast_signed() >> 4)).collect(),
        Some("f16") => {
            bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
        }
        Some("f32") => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        _ => return Err(wrong("is of another type than weights")),
    };
    if values.len() < count || values.len() > count + 1 {
        return Err(wrong("is shorter or longer than its shape"));
    }
    // Two 4-bit values share a byte, so the last one may stand for nothing.
    values.truncate(count);
    Ok(Array { sizes, values })
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
