//! Who uses what in a model, and what the operations that restore a matrix compute.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use half::f16;

use super::ir::{Layer, Model};

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

/// Values with their dimensions.
pub(super) struct Array {
    pub(super) sizes: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// Who uses what, by places among the layers.
pub(super) struct Graph<'a> {
    model: &'a Model,
    inputs: Vec<BTreeMap<u64, usize>>,
    users: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(model: &'a Model) -> Result<Self, String> {
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
    pub(super) fn only_for(&self, roots: &BTreeSet<usize>) -> BTreeSet<usize> {
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

    pub(super) fn inputs(&self, place: usize) -> Vec<usize> {
        self.inputs[place].values().copied().collect()
    }

    /// Whether a layer restores a compressed matrix: from constants alone, one of them compressed.
    pub(super) fn is_compressed(&self, place: usize) -> bool {
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
    pub(super) fn value(&self, place: usize, bin: &File) -> Result<Array, FillError> {
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
