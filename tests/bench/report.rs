//! Medians, ratios round by round, the table and `report.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::direct::Settings;
use crate::window::Measured;
use crate::workload::Workload;

/// A way of embedding texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Limit,
    Padded,
    PaddedOneStream,
    Engine,
    Http,
    OvmsWay,
}

impl System {
    /// Those that the table shows.
    const SHOWN: [Self; 5] = [Self::Limit, Self::Padded, Self::Engine, Self::Http, Self::OvmsWay];

    fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Padded => "padded",
            Self::PaddedOneStream => "padded_one_stream",
            Self::Engine => "engine",
            Self::Http => "http",
            Self::OvmsWay => "ovms_way",
        }
    }
}

/// The middle and the ends of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Statistics {
    median: f64,
    min: f64,
    max: f64,
    n: usize,
}

impl Statistics {
    /// `None` of no figures.
    fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            *sorted.get(middle)?
        } else {
            (sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0
        };
        Some(Self { median, min: *sorted.first()?, max: *sorted.last()?, n: sorted.len() })
    }
}

/// Everything measured so far.
pub(crate) struct Report {
    machine: Value,
    searches: Vec<Settings>,
    /// Workload keys with their descriptions, in order.
    workloads: Vec<(String, &'static str)>,
    figures: BTreeMap<(String, System), Vec<Measured>>,
    peak_memory: BTreeMap<&'static str, u64>,
}

impl Report {
    pub(crate) fn new(machine: Value, searches: &[Settings]) -> Self {
        Self {
            machine,
            searches: searches.to_vec(),
            workloads: Vec::new(),
            figures: BTreeMap::new(),
            peak_memory: BTreeMap::new(),
        }
    }

    /// Adds one measurement of one round.
    pub(crate) fn note(&mut self, workload: &Workload, system: System, measured: Measured) {
        let key = workload.key();
        if !self.workloads.iter().any(|(known, _)| *known == key) {
            self.workloads.push((key.clone(), workload.description));
        }
        self.figures.entry((key, system)).or_default().push(measured);
    }

    /// Adds the most memory that a server held.
    pub(crate) fn note_memory(&mut self, server: &'static str, bytes: Option<u64>) {
        self.peak_memory.extend(bytes.map(|bytes| (server, bytes)));
    }

    fn tokens_per_second(&self, workload: &str, system: System) -> Vec<f64> {
        let figures = self.figures.get(&(workload.to_owned(), system));
        figures.into_iter().flatten().map(|measured| measured.tokens_per_second).collect()
    }

    /// `above / below`, round by round.
    fn ratio(&self, workload: &str, above: System, below: System) -> Option<Statistics> {
        let above = self.tokens_per_second(workload, above);
        let below = self.tokens_per_second(workload, below);
        let ratios: Vec<f64> = above.iter().zip(&below).map(|(a, b)| a / b).collect();
        Statistics::of(&ratios)
    }

    /// Keys like `limit.W2.c64`: the server over HTTP by the way that the key names.
    fn ratios(&self) -> BTreeMap<String, Statistics> {
        let mut ratios = BTreeMap::new();
        for (workload, _) in &self.workloads {
            for below in [System::Limit, System::OvmsWay, System::Engine] {
                if let Some(ratio) = self.ratio(workload, System::Http, below) {
                    ratios.insert(format!("{}.{workload}", below.name()), ratio);
                }
            }
            if let Some(ratio) = self.ratio(workload, System::Limit, System::Padded) {
                ratios.insert(format!("limit_by_padded.{workload}"), ratio);
            }
            if let Some(ratio) = self.ratio(workload, System::Engine, System::Limit) {
                ratios.insert(format!("engine_by_limit.{workload}"), ratio);
            }
        }
        ratios
    }

    /// What must hold and does not; what could not be measured is not judged.
    pub(crate) fn missed(&self, required: Required) -> Vec<String> {
        let ratios = self.ratios();
        let median = |key: &str| Some(ratios.get(key)?.median);
        let mut missed = Vec::new();
        if let (Some(of_padded), Some(of_best)) =
            (median("limit_by_padded.W1.c64"), self.short_queries_of_best())
            && of_padded < required.of_padded
            && of_best < required.of_best
        {
            missed.push(format!(
                "limit_by_padded.W1.c64 is {of_padded:.3} and must be at least {}, or the limit of W1 \
                 {} of the greatest limit instead of {of_best:.3}",
                required.of_padded, required.of_best
            ));
        }
        if let Some(of_limit) = median("limit.W2.c64")
            && of_limit < required.of_limit
        {
            let least = required.of_limit;
            missed.push(format!("limit.W2.c64 is {of_limit:.3} and must be at least {least}"));
        }
        missed
    }

    /// The limit of short queries beside the greatest limit of any texts.
    fn short_queries_of_best(&self) -> Option<f64> {
        let limit =
            |key: &str| Some(Statistics::of(&self.tokens_per_second(key, System::Limit))?.median);
        let best = self.workloads.iter().filter_map(|(key, _)| limit(key)).reduce(f64::max)?;
        Some(limit("W1.c64")? / best)
    }

    /// A line a workload: tokens per second of each way, and the server's ratios.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("{:<8}", "tok/s");
        for system in System::SHOWN {
            let _ = write!(table, "{:>10}", system.name());
        }
        let _ = writeln!(table, "{:>12}{:>15}{:>13}", "http/limit", "http/ovms_way", "client CPU");
        let ratio = |statistics: Option<Statistics>| {
            statistics.map_or("-".to_owned(), |statistics| format!("{:.2}", statistics.median))
        };
        for (key, _) in &self.workloads {
            let _ = write!(table, "{key:<8}");
            for system in System::SHOWN {
                let median = Statistics::of(&self.tokens_per_second(key, system));
                let text =
                    median.map_or("-".to_owned(), |figures| format!("{:.0}", figures.median));
                let _ = write!(table, "{text:>10}");
            }
            let of_limit = ratio(self.ratio(key, System::Http, System::Limit));
            let of_ovms_way = ratio(self.ratio(key, System::Http, System::OvmsWay));
            let client = ratio(self.client_cores(key));
            let _ = writeln!(table, "{of_limit:>12}{of_ovms_way:>15}{client:>13}");
        }
        for (key, description) in &self.workloads {
            let _ = writeln!(table, "{key}: {description}");
        }
        table
    }

    fn client_cores(&self, workload: &str) -> Option<Statistics> {
        let figures = self.figures.get(&(workload.to_owned(), System::Http))?;
        let cores: Vec<f64> = figures.iter().filter_map(|measured| measured.client_cores).collect();
        Statistics::of(&cores)
    }

    /// Writes `report.json`.
    pub(crate) fn write(&self, path: &Path, took: Duration) -> Result<()> {
        let mut absolute = BTreeMap::new();
        for (workload, system) in self.figures.keys() {
            let figures = Statistics::of(&self.tokens_per_second(workload, *system));
            absolute.insert(format!("{}.{workload}", system.name()), figures);
        }
        let clients: BTreeMap<_, _> = self
            .workloads
            .iter()
            .filter_map(|(key, _)| Some((key.clone(), self.client_cores(key)?)))
            .collect();
        let workloads: BTreeMap<_, _> = self.workloads.iter().cloned().collect();
        let report = json!({
            "machine": self.machine,
            "workloads": workloads,
            "ratios": self.ratios(),
            "absolute": {
                "tokens_per_second": absolute,
                "client_cpu_cores": clients,
                "peak_memory_bytes": self.peak_memory,
            },
            "limit_settings": self.searches,
            "took_seconds": took.as_secs(),
        });
        let text = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
    }
}

/// What a run must show to count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Required {
    /// The server of the limit, on mixed documents.
    pub(crate) of_limit: f64,
    /// The limit of one padded batch a request, on short queries.
    pub(crate) of_padded: f64,
    /// Instead of that, the limit on short queries of the greatest limit: where even a single short
    /// query uses the cores well, as with AVX-512 and weights that fit the cache, no grouping gains
    /// much, and a limit that is as high as for long texts is one.
    pub(crate) of_best: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(limit: &[f64], padded: &[f64], http: &[f64]) -> Report {
        let mut report = Report::new(Value::Null, &[]);
        for (name, systems) in [
            ("W1", vec![(System::Limit, limit), (System::Padded, padded)]),
            ("W2", vec![(System::Limit, limit), (System::Http, http)]),
        ] {
            let requests = Vec::new();
            let workload = Workload { name, description: "", clients: 64, requests };
            for (system, figures) in systems {
                for &tokens_per_second in figures {
                    let measured = Measured { tokens_per_second, client_cores: None };
                    report.note(&workload, system, measured);
                }
            }
        }
        report
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let report = report(&[100.0, 200.0, 400.0], &[], &[90.0, 190.0, 320.0]);
        let ratio = report.ratios()["limit.W2.c64"];
        assert_eq!((ratio.median, ratio.min, ratio.max, ratio.n), (0.9, 0.8, 0.95, 3));
    }

    #[test]
    fn the_median_of_an_even_number_lies_in_the_middle() {
        let median = |figures: &[f64]| Statistics::of(figures).map(|figures| figures.median);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_missed_requirement_is_named() {
        let required = Required { of_limit: 0.85, of_padded: 2.5, of_best: 0.9 };
        let report_of = |short: f64, padded: &[f64], http: &[f64]| {
            let mut report = report(&[100.0], padded, http);
            report.figures.insert(
                ("W1.c64".to_owned(), System::Limit),
                vec![Measured { tokens_per_second: short, client_cores: None }],
            );
            report.missed(required)
        };
        assert!(report_of(100.0, &[40.0], &[85.0]).is_empty());
        assert!(report_of(100.0, &[], &[]).is_empty());
        // One padded batch a request is nearly as fast as anything: nothing is left to gain.
        assert!(report_of(95.0, &[80.0], &[85.0]).is_empty());
        assert_eq!(
            report_of(80.0, &[40.0], &[80.0]),
            [
                "limit_by_padded.W1.c64 is 2.000 and must be at least 2.5, or the limit of W1 0.9 of the \
                 greatest limit instead of 0.800",
                "limit.W2.c64 is 0.800 and must be at least 0.85"
            ]
        );
    }
}
