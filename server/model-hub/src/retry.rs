//! When to try again: exponential pauses with jitter, or what the server asks for.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, SystemTime};

use crate::error::HubError;
use crate::options::Retries;
use crate::progress::Progress;

/// The failed attempts of one piece of work.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: Retries,
    failures: u32,
}

impl Attempts {
    pub(crate) fn new(policy: Retries) -> Self {
        Self { policy, failures: 0 }
    }

    /// New bytes have arrived: the count starts over, so that a slow line that breaks often still gets there.
    pub(crate) fn progressed(&mut self) {
        self.failures = 0;
    }

    /// The pause before the next attempt, or `None` to give up with `error`.
    pub(crate) fn pause_after(&mut self, error: &HubError) -> Option<Duration> {
        self.failures += 1;
        if !error.is_transient() || self.failures >= self.policy.attempts {
            return None;
        }
        match error.retry_after() {
            Some(asked) if asked > self.policy.longest_retry_after => None,
            Some(asked) => Some(asked),
            None => Some(pause(&self.policy, self.failures, random_fraction())),
        }
    }

    /// Waits before the next attempt, or gives `error` back when there should be none.
    pub(crate) async fn wait_after(
        &mut self,
        error: HubError,
        what: &str,
        progress: &dyn Progress,
    ) -> Result<(), HubError> {
        let Some(pause) = self.pause_after(&error) else { return Err(error) };
        tracing::debug!(what, error = %error, pause = ?pause, "retrying");
        if pause >= Duration::from_secs(1) {
            progress.message(&format!("{error}; trying again in {} s", pause.as_secs()));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// `base * 2^(failures - 1)`, at most the longest, of which `fraction` (0 to 1) takes away up to half: many clients
/// that failed together must not come back together.
fn pause(policy: &Retries, failures: u32, fraction: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let full = policy.base_delay.saturating_mul(1 << doublings).min(policy.longest_delay);
    full.mul_f64(1.0 - fraction.clamp(0.0, 1.0) / 2.0)
}

/// A number from 0 to 1 from the randomness that the standard library seeds its hash maps with.
fn random_fraction() -> f64 {
    let bits = std::hash::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A `Retry-After` header: seconds, or the date until which to wait.
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Retries = Retries {
        attempts: 4,
        base_delay: Duration::from_millis(100),
        longest_delay: Duration::from_millis(350),
        longest_retry_after: Duration::from_secs(60),
    };

    fn limited(seconds: Option<u64>) -> HubError {
        HubError::RateLimited {
            endpoint: "e".into(),
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_jitter_only_shortens_them() {
        let full: Vec<u128> =
            (1..=5).map(|failures| pause(&POLICY, failures, 0.0).as_millis()).collect();
        assert_eq!(full, [100, 200, 350, 350, 350]);
        let least: Vec<u128> =
            (1..=3).map(|failures| pause(&POLICY, failures, 1.0).as_millis()).collect();
        assert_eq!(least, [50, 100, 175]);
        assert_eq!(pause(&POLICY, u32::MAX, 0.0), POLICY.longest_delay);
    }

    #[test]
    fn what_the_server_asks_for_is_obeyed_up_to_a_limit() {
        assert_eq!(
            Attempts::new(POLICY).pause_after(&limited(Some(7))),
            Some(Duration::from_secs(7))
        );
        assert_eq!(Attempts::new(POLICY).pause_after(&limited(Some(61))), None);
    }

    #[test]
    fn attempts_end_unless_bytes_arrive_in_between() {
        let mut attempts = Attempts::new(POLICY);
        let pauses: Vec<bool> =
            (0..4).map(|_| attempts.pause_after(&limited(None)).is_some()).collect();
        assert_eq!(pauses, [true, true, true, false]);
        attempts.progressed();
        assert!(attempts.pause_after(&limited(None)).is_some());
    }

    #[test]
    fn errors_that_a_person_must_mend_are_not_repeated() {
        let gated = HubError::Gated { repo: "r".into(), endpoint: "e".into(), status: 401 };
        assert_eq!(Attempts::new(POLICY).pause_after(&gated), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").expect("a date");
        assert_eq!(parse_retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            parse_retry_after(" Wed, 21 Oct 2015 07:28:30 GMT", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("-1", now), None);
    }
}
