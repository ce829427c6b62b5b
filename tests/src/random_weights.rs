//! A source folder with random weights of a shape, written piece by piece.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, json};

use crate::shapes::{Shape, Stored};

/// Spread of the weights of matrices, as fresh models have it.
const SPREAD: f32 = 0.02;

/// Writes `config.json` and `model.safetensors`; answers the bytes of the weights.
///
/// # Errors
/// What the operating system says.
pub fn write(shape: &Shape, folder: &Path) -> Result<u64> {
    fs::write(folder.join("config.json"), shape.config.to_string())?;
    let (kind, size) = match shape.stored {
        Stored::F32 => ("F32", 4),
        Stored::Bf16 => ("BF16", 2),
    };
    let (mut header, mut end) = (Map::new(), 0u64);
    for (name, sizes) in &shape.tensors {
        let start = end;
        end += sizes.iter().product::<u64>() * size;
        let tensor = json!({"dtype": kind, "shape": sizes, "data_offsets": [start, end]});
        header.insert(name.clone(), tensor);
    }
    let header = serde_json::to_vec(&header)?;
    let mut file =
        BufWriter::with_capacity(1 << 20, File::create(folder.join("model.safetensors"))?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (_, sizes) in &shape.tensors {
        let centre = if sizes.len() == 1 { 1.0 } else { 0.0 };
        for _ in 0..sizes.iter().product::<u64>() {
            let bytes = (centre + SPREAD * random.next()).to_le_bytes();
            // The upper half of single precision is bfloat16.
            file.write_all(if shape.stored == Stored::F32 { &bytes } else { &bytes[2..] })?;
        }
    }
    file.flush()?;
    Ok(end)
}

/// xorshift64 (<https://doi.org/10.18637/jss.v008.i14>).
struct Random(u64);

impl Random {
    /// About normal: the sum of four even numbers, at a spread of 1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let sum: u64 = (0..4).map(|part| (self.0 >> (16 * part)) & 0xffff).sum();
        (sum as f32 / 65_535.0 - 2.0) * 1.732
    }
}
