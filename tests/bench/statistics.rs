//! Medians, spreads and percentiles.

use std::time::Duration;

use serde::Serialize;

/// The middle and the ends of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Statistics {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) n: usize,
}

impl Statistics {
    /// `None` of no figures.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let sorted = sorted(figures);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, min, max, n: sorted.len() })
    }

    /// `above / below`, round by round.
    pub(crate) fn of_ratios(above: &[f64], below: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> =
            above.iter().zip(below).map(|(above, below)| above / below).collect();
        Self::of(&ratios)
    }
}

/// The smallest figure that at least this fraction of all figures does not exceed; 0 of none.
pub(crate) fn percentile(figures: &[f64], fraction: f64) -> f64 {
    let sorted = sorted(figures);
    let rank = (fraction * sorted.len() as f64).ceil() as usize;
    let index = rank.saturating_sub(1).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// Milliseconds, to compute with.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        let median = |figures: &[f64]| Statistics::of(figures).map(|figures| figures.median);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratio = Statistics::of_ratios(&[90.0, 190.0, 320.0], &[100.0, 200.0, 400.0]);
        assert_eq!(ratio, Some(Statistics { median: 0.9, min: 0.8, max: 0.95, n: 3 }));
    }

    #[test]
    fn percentiles_are_figures_that_were_seen() {
        let figures: Vec<f64> = (1..=1_000).rev().map(f64::from).collect();
        let seen = [0.5, 0.99, 1.0, 0.0].map(|fraction| percentile(&figures, fraction));
        assert_eq!(seen, [500.0, 990.0, 1_000.0, 1.0]);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
