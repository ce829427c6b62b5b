//! Properties of quantised groups, over values as weights have them and as they never should.

use half::f16;

use super::quantize::{Bits, Effort, Meaning, Quantizer, ZeroPoint};

const BITS: [Bits; 2] = [Bits::Eight, Bits::Four];
const ZERO_POINTS: [ZeroPoint; 2] = [ZeroPoint::Any, ZeroPoint::Middle];

/// Numbers in [-1, 1) that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// The sum of several, which is nearly normally distributed.
    fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.next()).sum::<f32>() * 0.05
    }
}

/// Groups of several sizes and shapes.
fn groups() -> Vec<Vec<f32>> {
    let mut numbers = Numbers(7);
    let mut groups = Vec::new();
    for size in [1usize, 2, 7, 32, 64, 128, 384] {
        for _ in 0..8 {
            let normal: Vec<f32> = (0..size).map(|_| numbers.normal()).collect();
            let mut outlier = normal.clone();
            outlier[size / 2] = 40.0;
            let positive = normal.iter().map(|value| value.abs() + 0.5).collect();
            let negative = normal.iter().map(|value| -value.abs() - 0.01).collect();
            let tiny = normal.iter().map(|value| value * 1e-7).collect();
            let large = normal.iter().map(|value| value * 1e5).collect();
            groups.extend([normal, outlier, positive, negative, tiny, large]);
        }
    }
    groups
}

fn quantized(quantizer: Quantizer, values: &[f32]) -> (Meaning, Vec<u8>) {
    let mut codes = vec![0; values.len()];
    let meaning = quantizer.quantize(values, &mut codes).expect("small enough");
    (meaning, codes)
}

fn restored(quantizer: Quantizer, values: &[f32]) -> Vec<f64> {
    let (Meaning { scale, zero_point }, codes) = quantized(quantizer, values);
    let restore = |code: &u8| (f64::from(*code) - f64::from(zero_point)) * scale.to_f64();
    codes.iter().map(restore).collect()
}

fn squared_error(restored: &[f64], values: &[f32]) -> f64 {
    restored.iter().zip(values).map(|(one, two)| (one - f64::from(*two)).powi(2)).sum()
}

/// Round to nearest as NNCF does it without data, written down independently.
fn round_to_nearest(quantizer: Quantizer, values: &[f32]) -> Vec<f64> {
    let greatest = match quantizer.bits {
        Bits::Eight => 255.0,
        Bits::Four => 15.0,
    };
    let least = values.iter().fold(0f64, |least, value| least.min(f64::from(*value)));
    let most = values.iter().fold(0f64, |most, value| most.max(f64::from(*value)));
    let (scale, zero_point) = match quantizer.zero_point {
        ZeroPoint::Any => ((most - least) / greatest, None),
        ZeroPoint::Middle => {
            let extreme = if most > -least { most } else { least };
            (-extreme * 2.0 / (greatest + 1.0), Some((greatest + 1.0) / 2.0))
        }
    };
    let scale = match f16::from_f64(scale) {
        scale if scale == f16::ZERO => f16::MIN_POSITIVE_SUBNORMAL.to_f64(),
        scale => scale.to_f64(),
    };
    let zero_point = zero_point.unwrap_or_else(|| (-least / scale).round().clamp(0.0, greatest));
    let restore = |value: &f32| {
        let code = (f64::from(*value) / scale).round() + zero_point;
        (code.clamp(0.0, greatest) - zero_point) * scale
    };
    values.iter().map(restore).collect()
}

fn each_quantizer(effort: Effort) -> impl Iterator<Item = Quantizer> {
    let quantizer =
        move |bits| ZERO_POINTS.map(move |zero_point| Quantizer { bits, zero_point, effort });
    BITS.into_iter().flat_map(quantizer)
}

/// If this fails, a model is worse than with other converters.
#[test]
fn no_group_is_worse_than_rounded_to_nearest() {
    for quantizer in each_quantizer(Effort::Search) {
        for values in groups() {
            let ours = squared_error(&restored(quantizer, &values), &values);
            let nearest = squared_error(&round_to_nearest(quantizer, &values), &values);
            // Sums in f32 choose, hence the tolerance.
            assert!(ours <= nearest * 1.0001 + 1e-16, "{quantizer:?} {values:?}: {ours} {nearest}");
        }
    }
}

/// The reason to search: the error of eight bits in groups of 64 falls by more than a tenth.
#[test]
fn the_search_lowers_the_error_of_groups_of_64() {
    for (bits, least_gain) in [(Bits::Eight, 0.12), (Bits::Four, 0.08)] {
        let mut numbers = Numbers(3);
        let (mut searched, mut plain) = (0.0, 0.0);
        for _ in 0..500 {
            let values: Vec<f32> = (0..64).map(|_| numbers.normal()).collect();
            let error = |effort| {
                let quantizer = Quantizer { bits, zero_point: ZeroPoint::Any, effort };
                squared_error(&restored(quantizer, &values), &values)
            };
            searched += error(Effort::Search);
            plain += error(Effort::Plain);
        }
        let gain = 1.0 - searched / plain;
        assert!(gain > least_gain, "{bits:?}: {gain}");
    }
}

/// A scale is rounded to half precision and a zero point to a code, so the outermost values may
/// be cut by a little more than half a scale; nothing is off by more.
#[test]
fn plain_rounding_is_off_by_about_a_scale_at_most() {
    for quantizer in each_quantizer(Effort::Plain) {
        for values in groups() {
            let (meaning, _) = quantized(quantizer, &values);
            let most = 1.2 * f64::from(meaning.scale.to_f32().abs());
            for (one, two) in restored(quantizer, &values).iter().zip(&values) {
                assert!((one - f64::from(*two)).abs() <= most, "{quantizer:?} {one} {two}");
            }
        }
    }
}

#[test]
fn groups_of_zeros_and_of_one_value_are_exact() {
    for effort in [Effort::Plain, Effort::Search] {
        for quantizer in each_quantizer(effort) {
            for value in [0.0f32, 1.0, -1.0, 0.375, -3.0, 65_504.0, 5.960_464_5e-8] {
                for values in [vec![value], vec![value; 32], vec![value, 0.0, value, 0.0]] {
                    let restored = restored(quantizer, &values);
                    assert_eq!(squared_error(&restored, &values), 0.0, "{quantizer:?} {values:?}");
                }
            }
        }
    }
}

/// One value needs no exact scale of its own: some multiple of a scale is near enough.
#[test]
fn groups_of_one_value_are_nearly_exact_in_eight_bits_where_its_scale_is_not() {
    for zero_point in ZERO_POINTS {
        let quantizer = Quantizer { bits: Bits::Eight, zero_point, effort: Effort::Plain };
        for value in [0.1f32, -0.3, 1.234_567_8, 1e-3, 77_777.0] {
            let restored = restored(quantizer, &[value; 4])[0];
            let error = (restored / f64::from(value) - 1.0).abs();
            assert!(error < 2e-5, "{value}: {error}");
        }
    }
}

#[test]
fn an_outlier_is_kept_and_its_neighbours_stay_within_a_scale() {
    for quantizer in each_quantizer(Effort::Search) {
        let mut values = vec![0.01f32; 63];
        values.push(-1000.0);
        let restored = restored(quantizer, &values);
        assert!((restored[63] + 1000.0).abs() < 1.0 + 1000.0 / 15.0, "{}", restored[63]);
        let scale = 1000.0 / 7.0;
        assert!(restored[..63].iter().all(|value| value.abs() < scale));
    }
}

#[test]
fn values_beyond_any_scale_are_refused_and_the_largest_possible_are_not() {
    for quantizer in each_quantizer(Effort::Search) {
        for values in [[f32::MAX, -f32::MAX], [1e9, 0.5], [0.0, -1e9]] {
            assert_eq!(quantizer.quantize(&values, &mut [0; 2]), None, "{quantizer:?}");
        }
        let values = [450_000.0, -1.0];
        let restored = restored(quantizer, &values)[0];
        assert!((restored - 450_000.0).abs() < 40_000.0, "{quantizer:?} {restored}");
    }
}

/// Values too small for a scale in half precision become multiples of the least one.
#[test]
fn values_below_any_scale_are_off_by_half_of_the_least_one() {
    let least = f16::MIN_POSITIVE_SUBNORMAL.to_f64();
    for quantizer in each_quantizer(Effort::Search) {
        let values = [1e-8f32, -3e-8, 1e-30, 5e-45, 2e-7];
        for (one, two) in restored(quantizer, &values).iter().zip(values) {
            assert!((one - f64::from(two)).abs() <= least * 0.5001, "{quantizer:?} {one} {two}");
        }
    }
}

#[test]
fn four_bits_use_four_bits() {
    for zero_point in ZERO_POINTS {
        let quantizer = Quantizer { bits: Bits::Four, zero_point, effort: Effort::Search };
        for values in groups() {
            let (meaning, codes) = quantized(quantizer, &values);
            assert!(codes.iter().all(|code| *code < 16) && meaning.zero_point < 16);
        }
    }
}
