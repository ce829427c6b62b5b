//! What each matrix of a graph becomes.
//!
//! Tables, whose rows are picked rather than summed over, cost little in 8 bits a row. Of linear
//! layers with 4 bits, those that make attention's values lose most by far for their size (in
//! MiniLM a twelfth of the weights and a third of the error), then the last ones of the model.

use super::quantize::{Bits, Effort, Quantizer, ZeroPoint};
use super::{Backup, CompressionOptions, Grouping, Symmetry};
use crate::WeightFormat;
use crate::graph::{Matrix, MatrixUse};

/// Values that share a scale in 8 bits, by default. MiniLM's mean distance of cosines from 1 is
/// 0.00017 with 64 and 0.00044 with whole rows, for 2 % more bytes.
pub(super) const DEFAULT_INT8_GROUP: u64 = 64;
/// Values that share a scale in 4 bits, by default: 0.021 with 32, 0.028 with 64 for 2 % fewer
/// bytes, 0.035 with 128 for 3 % fewer.
pub(super) const DEFAULT_INT4_GROUP: u64 = 32;
/// Tables of fewer values, such as those of segments, are not worth any loss.
const SMALL_TABLE: u64 = 4096;
/// Groups may shrink this far to divide the columns: GPUs need multiples of it.
pub(super) const SMALLEST_GROUP: u64 = 32;

/// How a matrix is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// In half precision.
    Half,
    /// As codes with a scale for each `group` values of a row.
    Codes {
        /// How a group becomes codes.
        quantizer: Quantizer,
        /// Divides the columns.
        group: u64,
    },
}

/// Decides for all matrices of a graph, given in its order.
pub(super) fn plan(
    matrices: &[Matrix],
    format: WeightFormat,
    options: &CompressionOptions,
) -> Vec<Storage> {
    let mut storage: Vec<Storage> =
        matrices.iter().map(|matrix| in_eight_bits(matrix, format, options)).collect();
    if format != WeightFormat::Int4 {
        return storage;
    }
    let last = matrices.iter().rposition(|matrix| is_linear(matrix.usage));
    let may_be_four = |place: &usize| match matrices[*place].usage {
        MatrixUse::Linear => options.all_layers || Some(*place) != last,
        MatrixUse::Values => options.all_layers,
        MatrixUse::Table => options.all_layers && elements(&matrices[*place]) >= SMALL_TABLE,
        MatrixUse::Other => false,
    };
    let candidates: Vec<usize> = (0..matrices.len()).filter(may_be_four).collect();
    let total: u64 = candidates.iter().map(|place| elements(&matrices[*place])).sum();
    let wanted = total as f64 * f64::from(options.ratio);
    let mut done = 0;
    for place in candidates {
        done += elements(&matrices[place]);
        if done as f64 > wanted {
            break;
        }
        let symmetry = options.symmetry;
        let group = options.grouping.unwrap_or(Grouping::Of(DEFAULT_INT4_GROUP));
        if let Some(group) = four_bit_group(group, matrices[place].sizes[1]) {
            let quantizer = quantizer(Bits::Four, symmetry, Effort::Search);
            storage[place] = Storage::Codes { quantizer, group };
        }
    }
    storage
}

fn in_eight_bits(matrix: &Matrix, format: WeightFormat, options: &CompressionOptions) -> Storage {
    let (symmetry, grouping) = match (format, options.backup) {
        (WeightFormat::Int4, Backup::None) => return Storage::Half,
        (WeightFormat::Int4, Backup::Int8Symmetric) => (Symmetry::Symmetric, None),
        (WeightFormat::Int4, Backup::Int8Asymmetric) => (Symmetry::Asymmetric, None),
        _ => (options.symmetry, options.grouping),
    };
    let columns = matrix.sizes[1];
    let (effort, group) = match matrix.usage {
        MatrixUse::Other => return Storage::Half,
        MatrixUse::Table if elements(matrix) < SMALL_TABLE => return Storage::Half,
        MatrixUse::Table => (Effort::Plain, columns),
        MatrixUse::Linear | MatrixUse::Values => {
            let grouping = grouping.unwrap_or(Grouping::Of(DEFAULT_INT8_GROUP));
            (Effort::Search, fitting(grouping, columns).unwrap_or(columns))
        }
    };
    Storage::Codes { quantizer: quantizer(Bits::Eight, symmetry, effort), group }
}

fn quantizer(bits: Bits, symmetry: Symmetry, effort: Effort) -> Quantizer {
    let zero_point = match symmetry {
        Symmetry::Asymmetric => ZeroPoint::Any,
        Symmetry::Symmetric => ZeroPoint::Middle,
    };
    Quantizer { bits, zero_point, effort }
}

/// The greatest group of at most the wanted size that divides the columns, if one is left.
fn fitting(grouping: Grouping, columns: u64) -> Option<u64> {
    match grouping {
        Grouping::PerChannel => Some(columns),
        Grouping::Of(size) => {
            let halves = std::iter::successors(Some(size), |size| Some(size / 2));
            halves
                .take_while(|size| *size >= SMALLEST_GROUP)
                .find(|size| columns.is_multiple_of(*size))
        }
    }
}

/// Rows of codes in half bytes must end with a byte.
fn four_bit_group(grouping: Grouping, columns: u64) -> Option<u64> {
    fitting(grouping, columns).filter(|_| columns.is_multiple_of(2))
}

fn is_linear(usage: MatrixUse) -> bool {
    matches!(usage, MatrixUse::Linear | MatrixUse::Values)
}

fn elements(matrix: &Matrix) -> u64 {
    matrix.sizes[0] * matrix.sizes[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrices(list: &[(MatrixUse, u64, u64)]) -> Vec<Matrix> {
        list.iter()
            .map(|(usage, rows, columns)| Matrix { sizes: [*rows, *columns], usage: *usage })
            .collect()
    }

    /// Each matrix's storage in a few letters: bits, then the group.
    fn planned(
        list: &[(MatrixUse, u64, u64)],
        format: WeightFormat,
        options: &CompressionOptions,
    ) -> Vec<String> {
        let shown = |storage| match storage {
            Storage::Half => "half".to_owned(),
            Storage::Codes { quantizer, group } => {
                let bits = match quantizer.bits {
                    Bits::Eight => "8",
                    Bits::Four => "4",
                };
                let sign = match quantizer.zero_point {
                    ZeroPoint::Any => "",
                    ZeroPoint::Middle => "s",
                };
                format!("{bits}{sign}/{group}")
            }
        };
        plan(&matrices(list), format, options).into_iter().map(shown).collect()
    }

    use MatrixUse::{Linear, Other, Table, Values};
    const MODEL: [(MatrixUse, u64, u64); 8] = [
        (Table, 30_000, 384),
        (Table, 2, 384),
        (Other, 512, 384),
        (Linear, 384, 384),
        (Values, 384, 384),
        (Linear, 1536, 384),
        (Linear, 384, 1536),
        (Linear, 384, 384),
    ];

    #[test]
    fn int8_takes_groups_of_64_in_layers_and_rows_in_tables() {
        let found = planned(&MODEL, WeightFormat::Int8, &CompressionOptions::default());
        let expected = ["8/384", "half", "half", "8/64", "8/64", "8/64", "8/64", "8/64"];
        assert_eq!(found, expected);
    }

    #[test]
    fn int4_spares_tables_values_and_the_last_layer() {
        let found = planned(&MODEL, WeightFormat::Int4, &CompressionOptions::default());
        let expected = ["8/384", "half", "half", "4/32", "8/64", "4/32", "4/32", "8/64"];
        assert_eq!(found, expected);
    }

    #[test]
    fn options_change_what_they_say() {
        let found = |options| planned(&MODEL, WeightFormat::Int4, &options);
        let default = CompressionOptions::default;
        let all = CompressionOptions { all_layers: true, ..default() };
        assert_eq!(found(all), ["4/32", "half", "half", "4/32", "4/32", "4/32", "4/32", "4/32"]);
        let none = CompressionOptions { backup: Backup::None, ..default() };
        let expected = ["half", "half", "half", "4/32", "half", "4/32", "4/32", "half"];
        assert_eq!(found(none), expected);
        let grouping = Some(Grouping::Of(128));
        let symmetry = Symmetry::Symmetric;
        let symmetric = CompressionOptions { grouping, symmetry, ..default() };
        let expected = ["8/384", "half", "half", "4s/128", "8/64", "4s/128", "4s/128", "8/64"];
        assert_eq!(found(symmetric), expected);
        let backup = Backup::Int8Symmetric;
        let grouping = Some(Grouping::PerChannel);
        let channels = CompressionOptions { grouping, backup, ..default() };
        let expected = ["8s/384", "half", "half", "4/384", "8s/64", "4/384", "4/1536", "8s/64"];
        assert_eq!(found(channels), expected);
    }

    #[test]
    fn a_ratio_takes_layers_from_the_end() {
        let count = |ratio| {
            let options = CompressionOptions { ratio, ..CompressionOptions::default() };
            let found = planned(&MODEL, WeightFormat::Int4, &options);
            found.iter().filter(|storage| storage.starts_with('4')).count()
        };
        // Layers of one, four and four parts.
        assert_eq!([1.0, 0.99, 5.0 / 9.0, 0.5, 0.1, 0.0].map(count), [3, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn groups_are_halved_until_they_divide_the_columns() {
        let found = |columns, format, grouping| {
            let options = CompressionOptions { grouping, ..CompressionOptions::default() };
            let list = [(Linear, 64, columns), (Linear, 64, columns)];
            planned(&list, format, &options)[0].clone()
        };
        let of = |size| Some(Grouping::Of(size));
        assert_eq!(found(384, WeightFormat::Int4, of(256)), "4/128");
        assert_eq!(found(96, WeightFormat::Int8, of(128)), "8/32");
        assert_eq!(found(32, WeightFormat::Int8, of(64)), "8/32");
        // 312 = 8 · 39: no group of 32 or more divides it, so a row is one group of 8 bits.
        assert_eq!(found(312, WeightFormat::Int8, None), "8/312");
        assert_eq!(found(312, WeightFormat::Int4, None), "8/312");
        assert_eq!(found(312, WeightFormat::Int4, Some(Grouping::PerChannel)), "4/312");
        assert_eq!(found(313, WeightFormat::Int4, Some(Grouping::PerChannel)), "8/313");
        assert_eq!(found(1, WeightFormat::Int4, None), "8/1");
    }
}
