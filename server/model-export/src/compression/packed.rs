//! A matrix as codes, streamed: rows are read, quantised on several threads and written, a few
//! megabytes at a time, whatever the matrix's size.

use std::io::Write;
use std::ops::Range;
use std::thread;

use half::f16;

use super::quantize::{Bits, Quantizer, ZeroPoint};
use crate::graph::{ConstantError, GroupData};
use crate::weights::{Tensor, WeightsError};

/// Values that a thread takes at a time.
const PIECE: u64 = 1 << 18;
/// Each thread holds a few megabytes, and the disk is the limit before this many are busy.
const MOST_THREADS: usize = 8;

/// A matrix, and how it is quantised when its bytes are asked for.
#[derive(Debug)]
pub(super) struct PackedMatrix {
    /// The values.
    pub(super) tensor: Tensor,
    /// How a group becomes codes.
    pub(super) quantizer: Quantizer,
    /// Values of a group; divides the columns.
    pub(super) group: u64,
}

/// The quantised form of some rows.
#[derive(Debug, Default)]
struct Piece {
    codes: Vec<u8>,
    scales: Vec<u8>,
    zero_points: Vec<u8>,
}

impl PackedMatrix {
    /// Rows and columns; a tensor of other dimensions is one row.
    pub(super) fn sizes(&self) -> [u64; 2] {
        match self.tensor.shape() {
            [rows, columns] => [*rows, *columns],
            _ => [1, self.tensor.elements()],
        }
    }

    fn quantized(&self, rows: Range<u64>) -> Result<Piece, WeightsError> {
        let [_, columns] = self.sizes();
        let first = rows.start * columns;
        let values = self.tensor.read(first..rows.end * columns)?;
        let group = self.group as usize;
        let mut piece = Piece { codes: vec![0; values.len()], ..Piece::default() };
        let groups = values.chunks_exact(group).zip(piece.codes.chunks_exact_mut(group));
        for (index, (values, codes)) in groups.enumerate() {
            let Some(meaning) = self.quantizer.quantize(values, codes) else {
                return Err(self.tensor.too_large(first + (index * group) as u64, values));
            };
            piece.scales.extend(f16::to_le_bytes(meaning.scale));
            piece.zero_points.push(meaning.zero_point);
        }
        if self.quantizer.zero_point == ZeroPoint::Middle {
            // The same distances from the middle, as signed numbers.
            let sign = match self.quantizer.bits {
                Bits::Eight => 1 << 7,
                Bits::Four => 1 << 3,
            };
            piece.codes.iter_mut().for_each(|code| *code ^= sign);
        }
        if self.quantizer.bits == Bits::Four {
            piece.codes = in_half_bytes(&piece.codes);
        }
        Ok(piece)
    }

    /// Each range on a thread of its own, in the order of the ranges.
    fn quantized_together(&self, ranges: Vec<Range<u64>>) -> Vec<Result<Piece, WeightsError>> {
        if ranges.len() == 1 {
            return ranges.into_iter().map(|rows| self.quantized(rows)).collect();
        }
        thread::scope(|scope| {
            let threads: Vec<_> =
                ranges.into_iter().map(|rows| scope.spawn(|| self.quantized(rows))).collect();
            let result = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(result).collect()
        })
    }
}

impl GroupData for PackedMatrix {
    /// Codes are written; scales and zero points follow.
    fn write_to(&self, sink: &mut dyn Write) -> Result<Vec<Vec<u8>>, ConstantError> {
        let [rows, columns] = self.sizes();
        let step = (PIECE / columns).max(1);
        let mut pieces =
            (0..rows.div_ceil(step)).map(|index| index * step..rows.min((index + 1) * step));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let (mut scales, mut zero_points) = (Vec::new(), Vec::new());
        loop {
            let batch: Vec<Range<u64>> = pieces.by_ref().take(threads).collect();
            if batch.is_empty() {
                break;
            }
            for piece in self.quantized_together(batch) {
                let piece = piece?;
                sink.write_all(&piece.codes).map_err(ConstantError::Write)?;
                scales.extend(piece.scales);
                zero_points.extend(piece.zero_points);
            }
        }
        if self.quantizer.bits == Bits::Four {
            zero_points = in_half_bytes(&zero_points);
        }
        Ok(match self.quantizer.zero_point {
            ZeroPoint::Any => vec![scales, zero_points],
            ZeroPoint::Middle => vec![scales],
        })
    }
}

/// Two codes a byte, the first in the low bits.
fn in_half_bytes(codes: &[u8]) -> Vec<u8> {
    codes.chunks(2).map(|pair| pair[0] | pair.get(1).map_or(0, |code| code << 4)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::quantize::Effort;
    use super::*;
    use crate::weights::Weights;

    fn matrix(rows: usize, columns: usize, quantizer: Quantizer, group: u64) -> PackedMatrix {
        let folder = tempfile::tempdir().expect("folder");
        let value = |index: usize| ((index * 7919) % 1013) as f32 / 1013.0 - 0.4;
        let bytes: Vec<u8> =
            (0..rows * columns).flat_map(|index| value(index).to_le_bytes()).collect();
        let shape = vec![rows, columns];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes);
        let stored = safetensors::serialize([("a", view.expect("view"))], None).expect("file");
        std::fs::write(folder.path().join("model.safetensors"), stored).expect("file");
        let mut weights = Weights::open(folder.path()).expect("weights");
        let tensor = weights.take("a", &[rows as u64, columns as u64]).expect("tensor");
        PackedMatrix { tensor, quantizer, group }
    }

    /// How many threads take part, and so where pieces begin, depends on the machine.
    #[test]
    fn the_bytes_do_not_depend_on_where_a_matrix_is_cut() {
        for (bits, zero_point, bytes) in [
            (Bits::Eight, ZeroPoint::Any, 600 * 1024),
            (Bits::Four, ZeroPoint::Any, 600 * 512),
            (Bits::Four, ZeroPoint::Middle, 600 * 512),
        ] {
            let quantizer = Quantizer { bits, zero_point, effort: Effort::Search };
            let matrix = matrix(600, 1024, quantizer, 64);
            let mut together = Vec::new();
            let following = matrix.write_to(&mut together).expect("bytes");
            assert_eq!(together.len(), bytes);
            let rows = (0..600).map(|row| matrix.quantized(row..row + 1).expect("row"));
            let rows: Vec<Piece> = rows.collect();
            let joined = |part: fn(&Piece) -> &Vec<u8>| rows.iter().flat_map(part).copied();
            assert!(joined(|row| &row.codes).eq(together));
            assert!(joined(|row| &row.scales).eq(following[0].iter().copied()));
            assert_eq!(following[0].len(), 600 * 16 * 2);
            match (bits, zero_point) {
                (Bits::Eight, _) => {
                    assert!(joined(|row| &row.zero_points).eq(following[1].iter().copied()));
                }
                (Bits::Four, ZeroPoint::Any) => assert_eq!(following[1].len(), 600 * 16 / 2),
                (Bits::Four, ZeroPoint::Middle) => assert_eq!(following.len(), 1),
            }
        }
    }

    #[test]
    fn half_bytes_are_filled_from_the_low_bits() {
        assert_eq!(in_half_bytes(&[1, 2, 15, 0, 7]), [0x21, 0x0f, 0x07]);
        assert!(in_half_bytes(&[]).is_empty());
    }
}
