//! When requests are sent. Pure: moments are counted from the start.

use std::time::Duration;

use super::random::Random;
use crate::cli::Load;

/// Who decides when the next request is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pace {
    /// The clock: one moment for each request, in order.
    Due(Vec<Duration>),
    /// The answers: so many clients send one request after the other.
    Clients(usize),
}

impl Pace {
    /// The pace of so many requests. At a rate, the gaps are exponentially distributed, which is how
    /// independent clients arrive.
    pub(super) fn new(load: Load, requests: usize, seed: u64) -> Self {
        match load {
            Load::AtOnce => Self::Due(vec![Duration::ZERO; requests]),
            Load::Rate(rate) => Self::Due(moments(rate, requests, seed)),
            Load::Clients(clients) => Self::Clients(clients.min(requests)),
        }
    }
}

fn moments(rate: f64, requests: usize, seed: u64) -> Vec<Duration> {
    let mut random = Random::new(seed);
    let mut due = 0.0;
    let mut moments = Vec::with_capacity(requests);
    for _ in 0..requests {
        moments.push(Duration::from_secs_f64(due));
        due -= (1.0 - random.fraction()).ln() / rate;
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(load: Load, requests: usize, seed: u64) -> Vec<Duration> {
        match Pace::new(load, requests, seed) {
            Pace::Due(moments) => moments,
            Pace::Clients(_) => panic!("{load:?} has moments"),
        }
    }

    #[test]
    fn a_rate_is_kept_on_average_with_gaps_that_are_exponential() {
        let moments = due(Load::Rate(10.0), 10_001, 42);
        assert_eq!(moments[0], Duration::ZERO);
        let gaps: Vec<f64> =
            moments.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.1).abs() < 0.005, "{mean}");
        // An exponential distribution has 1 - 1/e of its gaps below the mean.
        let below = gaps.iter().filter(|gap| **gap < 0.1).count();
        assert!((6_200..6_450).contains(&below), "{below}");
    }

    #[test]
    fn the_same_seed_makes_the_same_moments_and_another_one_others() {
        let load = Load::Rate(100.0);
        assert_eq!(due(load, 50, 7), due(load, 50, 7));
        assert_ne!(due(load, 50, 7), due(load, 50, 8));
        assert_eq!(due(load, 50, 7)[..20], due(load, 20, 7));
    }

    #[test]
    fn without_a_rate_all_is_due_at_once_and_no_client_is_idle() {
        assert_eq!(due(Load::AtOnce, 3, 1), [Duration::ZERO; 3]);
        assert_eq!(Pace::new(Load::Clients(8), 3, 1), Pace::Clients(3));
        assert_eq!(Pace::new(Load::Clients(2), 3, 1), Pace::Clients(2));
    }
}
