//! How long requests wait that come when they come, at 70 % of what the server can do.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::{Connection, prepare};
use crate::http::{HttpServer, MODEL};
use crate::random::Random;
use crate::statistics::{milliseconds, percentile};
use crate::workload::Workload;

/// The part of the throughput that is asked for.
pub(crate) const LOAD: f64 = 0.7;
/// Where the gaps' generator starts.
const SEED: u64 = 0x7a11;

/// The latencies of one open loop, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Tail {
    pub(crate) requests: usize,
    pub(crate) requests_per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// Requests at exponential gaps, whatever has become of those before; each one's latency counts
/// from the moment when it was due. `run` chooses the gaps.
pub(crate) fn measure(
    server: &HttpServer,
    workload: &Workload,
    tokens_per_second: f64,
    requests: usize,
    run: u64,
) -> Result<Tail> {
    let rate = LOAD * tokens_per_second / workload.tokens_per_request();
    let schedule = schedule(rate, requests, &mut Random::from_seed(SEED + run));
    let latencies = server.clients().block_on(open_loop(server.address(), workload, &schedule))?;
    let at = |fraction| percentile(&latencies, fraction);
    Ok(Tail {
        requests: latencies.len(),
        requests_per_second: rate,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    })
}

/// When each request is due, from the beginning.
fn schedule(rate: f64, requests: usize, random: &mut Random) -> Vec<Duration> {
    let mut due = 0.0;
    (0..requests)
        .map(|_| {
            due -= random.fraction().ln() / rate;
            Duration::from_secs_f64(due)
        })
        .collect()
}

async fn open_loop(address: &str, workload: &Workload, schedule: &[Duration]) -> Result<Vec<f64>> {
    // Connections that nobody uses just now; one more is opened where there is none.
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let requests = prepare(MODEL, workload);
    let started = Instant::now();
    let mut under_way = JoinSet::new();
    for (due, request) in schedule.iter().zip(requests.iter().cycle()) {
        let due = started + *due;
        tokio::time::sleep_until(due).await;
        let (idle, address) = (Arc::clone(&idle), address.to_owned());
        let bytes = request.bytes.clone();
        under_way.spawn(async move {
            let free = idle.lock().await.pop();
            let mut connection = match free {
                Some(connection) => connection,
                None => Connection::open(&address).await?,
            };
            connection.exchange(&bytes).await?;
            let latency = milliseconds(due.elapsed());
            idle.lock().await.push(connection);
            Ok::<_, anyhow::Error>(latency)
        });
    }
    let mut latencies = Vec::with_capacity(schedule.len());
    while let Some(ended) = under_way.join_next().await {
        latencies.push(ended.map_err(|error| anyhow!("a request ended: {error}"))??);
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_asked_rate_with_uneven_gaps_the_same_every_time() {
        let times = |seed| schedule(50.0, 10_000, &mut Random::from_seed(seed));
        let due = times(3);
        assert_eq!(due, times(3));
        assert_ne!(due, times(4));
        let seconds = due.last().expect("there are some").as_secs_f64();
        assert!((190.0..210.0).contains(&seconds), "{seconds}");
        // Of exponential gaps, 63 % are shorter than their mean.
        let short = due.windows(2).filter(|pair| (pair[1] - pair[0]).as_secs_f64() < 0.02).count();
        assert!((6_100..6_500).contains(&short), "{short}");
    }
}
