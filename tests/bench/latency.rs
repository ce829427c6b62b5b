//! How long one client waits that has everything for itself, beside OpenVINO called directly.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::direct::{Direct, Setting};
use crate::grouping::request_by_request;
use crate::http::HttpServer;
use crate::statistics::{Statistics, milliseconds, percentile};
use crate::workload::Workload;

/// Medians of the same requests, in milliseconds, round by round.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latency {
    workload: &'static str,
    /// The setting that was the fastest when OpenVINO was called directly.
    setting: Setting,
    direct: Vec<f64>,
    http: Vec<f64>,
}

/// The same for the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) direct: Option<Statistics>,
    pub(crate) http: Option<Statistics>,
    pub(crate) difference: Option<Statistics>,
    pub(crate) direct_setting: Setting,
}

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// The first requests of a workload, which both ways answer.
    pub(crate) requests: usize,
}

/// Finds the fastest setting, and then lets it and the server take turns.
pub(crate) fn measure(
    direct: &Direct,
    server: &HttpServer,
    workload: &Workload,
    plan: Plan,
) -> Result<Latency> {
    let mut searched = Vec::new();
    for setting in direct.single() {
        searched.push((setting, median_directly(direct, setting, workload, plan.requests)?));
    }
    let fastest = searched.iter().min_by(|one, other| one.1.total_cmp(&other.1));
    let setting = fastest.context("no setting has one stream")?.0;
    let mut latency =
        Latency { workload: workload.name, setting, direct: Vec::new(), http: Vec::new() };
    for _ in 0..plan.rounds {
        latency.direct.push(median_directly(direct, setting, workload, plan.requests)?);
        latency.http.push(percentile(&server.latencies(workload, plan.requests)?, 0.5));
    }
    Ok(latency)
}

fn median_directly(
    direct: &Direct,
    setting: Setting,
    workload: &Workload,
    requests: usize,
) -> Result<f64> {
    let mut caller = direct.caller(setting)?;
    let mut latencies = Vec::new();
    for batch in request_by_request(workload).iter().take(requests) {
        let start = Instant::now();
        caller.embed(batch)?;
        latencies.push(milliseconds(start.elapsed()));
    }
    Ok(percentile(&latencies, 0.5))
}

impl Latency {
    /// `W1.c1`.
    pub(crate) fn cell(&self) -> String {
        format!("{}.c1", self.workload)
    }

    /// The server by OpenVINO called directly.
    pub(crate) fn ratio(&self) -> Option<Statistics> {
        Statistics::of_ratios(&self.http, &self.direct)
    }

    /// In milliseconds.
    pub(crate) fn summary(&self) -> Summary {
        let rounds = self.http.iter().zip(&self.direct);
        let differences: Vec<f64> = rounds.map(|(http, direct)| http - direct).collect();
        Summary {
            direct: Statistics::of(&self.direct),
            http: Statistics::of(&self.http),
            difference: Statistics::of(&differences),
            direct_setting: self.setting,
        }
    }

    /// The median of what the server needs beyond so many times what OpenVINO needs.
    pub(crate) fn milliseconds_beyond(&self, ratio: f64) -> Option<f64> {
        let rounds = self.http.iter().zip(&self.direct);
        let beyond: Vec<f64> = rounds.map(|(http, direct)| http - ratio * direct).collect();
        Some(Statistics::of(&beyond)?.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_and_ratios_are_taken_round_by_round() {
        let setting = Setting { streams: 1, threads: 2 };
        let (direct, http) = (vec![5.0, 4.0, 8.0], vec![5.5, 5.0, 8.5]);
        let latency = Latency { workload: "W1", setting, direct, http };
        let median = |statistics: Option<Statistics>| statistics.map(|figures| figures.median);
        assert_eq!(median(latency.ratio()), Some(1.1));
        assert_eq!(median(latency.summary().difference), Some(0.5));
        let beyond = latency.milliseconds_beyond(1.05).expect("three rounds");
        assert!((beyond - 0.25).abs() < 1e-9, "{beyond}");
    }
}
