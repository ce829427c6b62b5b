//! Values to small integers: one group of values that share a scale and a zero point.
//!
//! A value is restored as `(code - zero point) · scale`. Rounding to the nearest code with the
//! scale that just spans the group ("round to nearest", what NNCF does without data) leaves an
//! error that varies from scale to scale, so a few scales near that one are tried and the one
//! with the least squared error is kept: for eight bits slightly wider ones, because the errors
//! of a small group are a matter of luck, for four bits also narrower ones, which cut off the
//! outermost values for the sake of all others.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Scales that are tried for a group.
const CANDIDATES: usize = 12;

/// Bits of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    /// Codes from 0 to 255.
    Eight,
    /// Codes from 0 to 15.
    Four,
}

/// Where the zero point of a group may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZeroPoint {
    /// At any code.
    Any,
    /// In the middle of the codes, so that it need not be stored.
    Middle,
}

/// How much is done for a small error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Round to nearest.
    Plain,
    /// Try scales.
    Search,
}

/// How groups are quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantizer {
    pub(super) bits: Bits,
    pub(super) zero_point: ZeroPoint,
    pub(super) effort: Effort,
}

/// What the codes of a group mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Meaning {
    pub(super) scale: f16,
    pub(super) zero_point: u8,
}

impl Quantizer {
    /// Quantises one group of finite values; nothing when they are too large for a scale.
    pub(super) fn quantize(self, values: &[f32], codes: &mut [u8]) -> Option<Meaning> {
        let (least, most) = range(values);
        let meaning = match single_value(values, least, most) {
            Some(value) => self.meaning_of_one(value),
            None => self.best(values, least, most),
        }?;
        let limits = self.limits(f32::from(meaning.zero_point));
        let inverse = 1.0 / meaning.scale.to_f32();
        for (code, value) in codes.iter_mut().zip(values) {
            *code =
                (rounded(*value, inverse, limits).to_bits() as u8).wrapping_add(meaning.zero_point);
        }
        Some(meaning)
    }

    fn greatest_code(self) -> f32 {
        match self.bits {
            Bits::Eight => 255.0,
            Bits::Four => 15.0,
        }
    }

    fn middle(self) -> f32 {
        (self.greatest_code() + 1.0) / 2.0
    }

    /// The least and greatest distance of a code from the zero point.
    fn limits(self, zero_point: f32) -> (f32, f32) {
        (-zero_point, self.greatest_code() - zero_point)
    }

    /// The scale that spans the range; without a free zero point it may be negative, because
    /// there is one code more below the middle than above it.
    fn spanning(self, least: f32, most: f32) -> f32 {
        match self.zero_point {
            ZeroPoint::Any => (most / self.greatest_code()) - (least / self.greatest_code()),
            ZeroPoint::Middle if most > -least => -most / self.middle(),
            ZeroPoint::Middle => -least / self.middle(),
        }
    }

    fn zero_point_for(self, scale: f32, least: f32, most: f32) -> f32 {
        match self.zero_point {
            ZeroPoint::Any => {
                let unused = self.greatest_code() - (most / scale + least / scale);
                (unused / 2.0).round_ties_even().clamp(0.0, self.greatest_code())
            }
            ZeroPoint::Middle => self.middle(),
        }
    }

    fn best(self, values: &[f32], least: f32, most: f32) -> Option<Meaning> {
        let spanning = self.spanning(least, most);
        let meaning = |scale: f16| Meaning {
            scale,
            zero_point: self.zero_point_for(scale.to_f32(), least, most) as u8,
        };
        if self.effort == Effort::Plain {
            return representable(f16::from_f32(spanning)).map(meaning);
        }
        let (mut scales, mut candidates) = ([0f32; CANDIDATES], [f16::ZERO; CANDIDATES]);
        for (index, scale) in scales.iter_mut().enumerate() {
            // One factor of each list is 1: the result is never worse than round to nearest.
            let factor = match self.bits {
                Bits::Eight => 1.0 + index as f32 / 200.0,
                Bits::Four => (index as f32 + 40.0) / 50.0,
            };
            *scale = spanning * factor;
        }
        candidates.convert_from_f32_slice(&scales);
        let tried = candidates.into_iter().filter_map(representable).map(|scale| {
            let meaning = meaning(scale);
            let limits = self.limits(f32::from(meaning.zero_point));
            (squared_error(values, scale.to_f32(), limits), meaning)
        });
        let best = tried.reduce(|best, next| if next.0 < best.0 { next } else { best });
        best.map(|(_, meaning)| meaning)
    }

    /// For a group that holds nothing but zeros and one other value: the scale of which some
    /// multiple is nearest to it, so exact if half precision can hold the value.
    fn meaning_of_one(self, value: f32) -> Option<Meaning> {
        let steps = match (self.zero_point, self.bits) {
            (ZeroPoint::Any, Bits::Eight) => 255,
            (ZeroPoint::Any, Bits::Four) => 15,
            (ZeroPoint::Middle, Bits::Eight) => 127,
            (ZeroPoint::Middle, Bits::Four) => 7,
        };
        if value == 0.0 {
            let zero_point = self.zero_point_for(1.0, 0.0, 0.0) as u8;
            return Some(Meaning { scale: f16::ONE, zero_point });
        }
        let tried = (1..=steps).filter_map(|steps| {
            let scale = representable(f16::from_f32(value.abs() / steps as f32))?;
            Some(((steps as f32 * scale.to_f32() - value.abs()).abs(), scale))
        });
        let (_, scale) = tried.reduce(|best, next| if next.0 < best.0 { next } else { best })?;
        let zero_point = match self.zero_point {
            ZeroPoint::Any if value > 0.0 => 0.0,
            ZeroPoint::Any => self.greatest_code(),
            ZeroPoint::Middle => self.middle(),
        };
        Some(Meaning { scale, zero_point: zero_point as u8 })
    }
}

/// The value of a group of equal values, zeros aside; zero if there are only zeros.
fn single_value(values: &[f32], least: f32, most: f32) -> Option<f32> {
    let value = if most > 0.0 { most } else { least };
    let is_single = |other: &f32| *other == value || *other == 0.0;
    values.iter().all(is_single).then_some(value)
}

/// A scale that restores values: finite, and the least there is instead of zero.
fn representable(scale: f16) -> Option<f16> {
    let least = if scale.is_sign_negative() {
        -f16::MIN_POSITIVE_SUBNORMAL
    } else {
        f16::MIN_POSITIVE_SUBNORMAL
    };
    scale.is_finite().then_some(if scale == f16::ZERO { least } else { scale })
}

/// Values that are looked at together: sums and extremes of several lanes can be computed with
/// vector instructions, a single one cannot.
const LANES: usize = 8;

/// The least and greatest of the values and zero.
fn range(values: &[f32]) -> (f32, f32) {
    let (mut least, mut most) = ([0f32; LANES], [0f32; LANES]);
    for chunk in values.chunks(LANES) {
        for ((least, most), value) in least.iter_mut().zip(&mut most).zip(chunk) {
            *least = if *value < *least { *value } else { *least };
            *most = if *value > *most { *value } else { *most };
        }
    }
    (least.into_iter().fold(0.0, f32::min), most.into_iter().fold(0.0, f32::max))
}

/// 1.5 · 2²³: added to a number up to 2²², it leaves no room for a fraction, and the whole number
/// nearest to the other one is in the sum's low bits. Unlike a conversion, the compiler can do
/// that to many values at a time.
const ROUNDING: f32 = 12_582_912.0;

/// [`ROUNDING`] and the whole number of scales nearest to a value, within limits.
fn rounded(value: f32, inverse_scale: f32, (least, most): (f32, f32)) -> f32 {
    let exact = value * inverse_scale;
    let exact = if exact < least { least } else { exact };
    let exact = if exact > most { most } else { exact };
    exact + ROUNDING
}

/// The sum of squared differences between values and what their codes restore.
fn squared_error(values: &[f32], scale: f32, limits: (f32, f32)) -> f32 {
    let inverse = 1.0 / scale;
    let square = |value: f32| {
        let error = (rounded(value, inverse, limits) - ROUNDING) * scale - value;
        error * error
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += square(*value);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| square(*value)).sum::<f32>()
}
