//! One tensor of a weight file: checked, converted and streamed piece by piece.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::WeightsError;
use crate::graph::{ConstantData, ConstantError};

/// Bytes read at a time.
const PIECE: u64 = 1 << 20;

/// A tensor as the file's header describes it.
#[derive(Debug, Clone)]
pub struct StoredTensor {
    /// Name in the file.
    pub name: String,
    /// The file, for messages.
    pub path: PathBuf,
    /// The open file.
    pub file: Arc<File>,
    /// First byte of the data, from the file's start.
    pub offset: u64,
    /// Element type as safetensors spells it.
    pub element_type: String,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
}

/// Element types of weights that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

impl StoredType {
    fn size(self) -> u64 {
        match self {
            StoredType::F32 => 4,
            StoredType::F16 | StoredType::Bf16 => 2,
        }
    }

    /// The values of `bytes`, which are whole elements.
    fn decode(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            StoredType::F32 => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            StoredType::F16 => {
                let halves = bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes));
                halves.collect::<Vec<_>>().convert_to_f32_slice(values);
            }
            StoredType::Bf16 => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = bf16::from_le_bytes(*bytes).to_f32();
                }
            }
        }
    }
}

/// A tensor that has the shape and a type that were asked for.
#[derive(Debug, Clone)]
pub struct Tensor {
    stored: StoredTensor,
    stored_type: StoredType,
    elements: u64,
}

impl Tensor {
    pub(super) fn new(stored: StoredTensor, expected: &[u64]) -> Result<Self, WeightsError> {
        if stored.shape != expected {
            return Err(WeightsError::Shape {
                tensor: stored.name,
                found: stored.shape,
                expected: expected.to_vec(),
            });
        }
        let stored_type = match stored.element_type.as_str() {
            "F32" => StoredType::F32,
            "F16" => StoredType::F16,
            "BF16" => StoredType::Bf16,
            _ => {
                return Err(WeightsError::Type { tensor: stored.name, found: stored.element_type });
            }
        };
        // The header was checked against the file, so the product fits its length.
        let elements = expected.iter().product();
        Ok(Tensor { stored, stored_type, elements })
    }

    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Name in the file.
    pub fn name(&self) -> &str {
        &self.stored.name
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> &[u64] {
        &self.stored.shape
    }

    /// Whether every value stays finite in half precision.
    ///
    /// # Errors
    /// When the file cannot be read or holds NaN or an infinity.
    pub fn fits_half_precision(&self) -> Result<bool, WeightsError> {
        if self.stored_type == StoredType::F16 {
            return Ok(true);
        }
        let mut fits = true;
        self.for_each_piece(|_, values| {
            fits &= f16::from_f32(largest_magnitude(values)).is_finite();
            Ok::<_, WeightsError>(())
        })?;
        Ok(fits)
    }

    /// The values of elements in row-major order, all of them finite.
    ///
    /// # Errors
    /// When the file cannot be read or holds NaN or an infinity there.
    pub fn read(&self, elements: Range<u64>) -> Result<Vec<f32>, WeightsError> {
        let size = self.stored_type.size();
        let mut bytes = vec![0u8; ((elements.end - elements.start) * size) as usize];
        self.read_bytes(&mut bytes, elements.start * size)?;
        let mut values = vec![0f32; bytes.len() / size as usize];
        self.stored_type.decode(&bytes, &mut values);
        self.require_finite(&values, elements.start)?;
        Ok(values)
    }

    /// The error for a value, among `values` that start at `first`, that is too large for the
    /// scale of its group.
    pub(crate) fn too_large(&self, first: u64, values: &[f32]) -> WeightsError {
        let largest = largest_magnitude(values);
        let position = values.iter().position(|value| value.abs() == largest).unwrap_or_default();
        WeightsError::TooLarge {
            tensor: self.stored.name.clone(),
            position: first + position as u64,
            value: values[position],
        }
    }

    fn read_bytes(&self, bytes: &mut [u8], start: u64) -> Result<(), WeightsError> {
        let StoredTensor { file, path, offset, .. } = &self.stored;
        file.read_exact_at(bytes, offset + start)
            .map_err(|source| WeightsError::Read { path: path.clone(), source })
    }

    /// Calls `take` with the bytes and values of one piece after the other.
    fn for_each_piece<E: From<WeightsError>>(
        &self,
        mut take: impl FnMut(&[u8], &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let size = self.stored_type.size();
        let total = self.elements * size;
        let mut bytes = vec![0u8; PIECE.min(total) as usize];
        let mut values = vec![0f32; bytes.len() / size as usize];
        let mut done = 0;
        while done < total {
            let bytes = &mut bytes[..PIECE.min(total - done) as usize];
            self.read_bytes(bytes, done)?;
            let values = &mut values[..bytes.len() / size as usize];
            self.stored_type.decode(bytes, values);
            self.require_finite(values, done / size)?;
            take(bytes, values)?;
            done += bytes.len() as u64;
        }
        Ok(())
    }

    fn require_finite(&self, values: &[f32], first: u64) -> Result<(), WeightsError> {
        if are_finite(values) {
            return Ok(());
        }
        let position = values.iter().position(|value| !value.is_finite());
        let position = position.unwrap_or_default();
        Err(WeightsError::NotFinite {
            tensor: self.stored.name.clone(),
            position: first + position as u64,
            value: values[position],
        })
    }
}

/// Whether no value is NaN or infinite.
///
/// Their exponents have all bits set; looked at as integers, many at a time can be.
fn are_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let is_not = |value: &f32| u32::from(value.to_bits() & EXPONENT == EXPONENT);
    values.iter().map(is_not).fold(0, |one, two| one | two) == 0
}

/// The greatest absolute value; not finite if one of the values is not.
///
/// Compared as integers, which order magnitudes alike and put infinities and NaN last: the
/// compiler turns that into vector instructions, as it may not do for floats.
fn largest_magnitude(values: &[f32]) -> f32 {
    let without_sign = |value: &f32| value.to_bits() & !(1 << 31);
    f32::from_bits(values.iter().map(without_sign).fold(0, u32::max))
}

/// What a tensor becomes in the .bin file.
#[derive(Debug)]
pub enum TensorData {
    /// Every value in single precision, which is exact for all source types.
    Single(Tensor),
    /// Every value rounded to half precision.
    Half(Tensor),
}

impl ConstantData for TensorData {
    fn write_to(&self, sink: &mut dyn Write) -> Result<(), ConstantError> {
        let (mut encoded, mut halves) = (Vec::new(), Vec::new());
        match self {
            TensorData::Single(tensor) if tensor.stored_type == StoredType::F32 => tensor
                .for_each_piece(|bytes, _| sink.write_all(bytes).map_err(ConstantError::Write)),
            TensorData::Single(tensor) => tensor.for_each_piece(|_, values| {
                encoded.resize(values.len() * 4, 0);
                for (bytes, value) in encoded.as_chunks_mut().0.iter_mut().zip(values) {
                    *bytes = value.to_le_bytes();
                }
                sink.write_all(&encoded).map_err(ConstantError::Write)
            }),
            TensorData::Half(tensor) if tensor.stored_type == StoredType::F16 => tensor
                .for_each_piece(|bytes, _| sink.write_all(bytes).map_err(ConstantError::Write)),
            TensorData::Half(tensor) => tensor.for_each_piece(|_, values| {
                halves.resize(values.len(), f16::ZERO);
                halves.convert_from_f32_slice(values);
                encoded.resize(values.len() * 2, 0);
                for (bytes, half) in encoded.as_chunks_mut().0.iter_mut().zip(&halves) {
                    *bytes = half.to_le_bytes();
                }
                sink.write_all(&encoded).map_err(ConstantError::Write)
            }),
        }
    }
}
