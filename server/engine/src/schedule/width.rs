//! Widths of batches, rounded up to few distinct values.

/// How the width of a batch follows from its longest entry.
///
/// OpenVINO keeps prepared kernels for each shape it has met, so that a batch of a new shape costs extra time and
/// memory once. Rounding keeps the number of shapes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WidthRounding {
    /// Up to a multiple of 2 until 32, of 4 until 64, of 8 until 256, of 16 until 512, and so on with doubled steps:
    /// 24 widths of up to 64 tokens, 24 of up to 256, 16 for each doubling after. A batch has at most
    /// `token_budget / width` rows, so wide batches come in few shapes anyway. Rounding adds at most 10 % of the width
    /// from 9 tokens on and one token below. A step of 4 below 32 made batches of short queries, which are the
    /// commonest, a sixth larger; without any, texts of neighbouring lengths could not share a batch.
    #[default]
    Stepped,
    /// Not at all: for devices that prepare nothing per shape, and for measurements.
    Exact,
}

impl WidthRounding {
    /// The width for a longest entry of `length` tokens: at least `length`, and at most `max_width` unless the entry
    /// itself is longer.
    #[must_use]
    pub fn round(self, length: usize, max_width: usize) -> usize {
        let rounded = match self {
            Self::Exact => length,
            Self::Stepped => length.max(1).next_multiple_of(step(length)),
        };
        rounded.min(max_width).max(length)
    }
}

/// 2 until 32, 4 until 64, 8 until 256, then doubled with every doubling of the length.
fn step(length: usize) -> usize {
    match length {
        0..=32 => 2,
        33..=64 => 4,
        65..=256 => 8,
        _ => length.next_power_of_two() / 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_rounded_up_in_growing_steps() {
        let rounded =
            [1, 4, 5, 8, 9, 17, 27, 33, 64, 65, 72, 73, 250, 256, 257, 272, 512, 513, 8_192];
        let widths = rounded.map(|length| WidthRounding::Stepped.round(length, usize::MAX));
        assert_eq!(
            widths,
            [2, 4, 6, 8, 10, 18, 28, 36, 64, 72, 72, 80, 256, 256, 272, 272, 512, 544, 8_192]
        );
    }

    #[test]
    fn rounding_adds_at_most_a_tenth_from_9_tokens_on() {
        for length in 9..20_000 {
            let width = WidthRounding::Stepped.round(length, usize::MAX);
            assert!(width >= length);
            assert!((width - length) * 10 <= width, "{length} became {width}");
        }
    }

    #[test]
    fn widths_never_grow_smaller_with_the_length() {
        let widths: Vec<usize> =
            (1..5_000).map(|length| WidthRounding::Stepped.round(length, usize::MAX)).collect();
        assert!(widths.is_sorted());
    }

    #[test]
    fn a_width_stays_within_what_the_model_reads() {
        assert_eq!(WidthRounding::Stepped.round(99, 100), 100);
        assert_eq!(WidthRounding::Stepped.round(509, 510), 510);
        assert_eq!(WidthRounding::Exact.round(99, 100), 99);
    }
}
