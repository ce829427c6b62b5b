//! Tokens per second of every way, round by round, and what must hold for the run to count.

use std::collections::BTreeMap;

use crate::statistics::Statistics;
use crate::system::System;
use crate::window::Measured;
use crate::workload::Load;

/// Everything that the rounds have measured.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    /// Cells like `W2.c64` with what they stand for, in order.
    cells: Vec<(String, String)>,
    figures: BTreeMap<(String, System), Vec<Measured>>,
}

/// What a run must show to count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Required {
    /// The server of the limit, on mixed documents.
    pub(crate) of_limit: f64,
    /// The limit of one padded batch a request.
    pub(crate) of_padded: [(&'static str, f64); 2],
    /// Instead of that, the workload's limit of the greatest limit: where even one padded batch
    /// uses the cores well, as with AVX-512 and weights that fit the cache, no grouping gains
    /// much, and a limit that is as high as any is one.
    pub(crate) of_best: f64,
}

impl Throughput {
    /// Adds one measurement of one round.
    pub(crate) fn note(&mut self, load: Load<'_>, system: System, measured: Measured) {
        let cell = load.cell();
        if !self.cells.iter().any(|(known, _)| *known == cell) {
            let clients = match load.clients {
                1 => "1 client".to_owned(),
                clients => format!("{clients} clients"),
            };
            let description = format!("{}, {clients}", load.workload.description);
            self.cells.push((cell.clone(), description));
        }
        self.figures.entry((cell, system)).or_default().push(measured);
    }

    /// Cells with what they stand for, in the order of their first measurement.
    pub(crate) fn cells(&self) -> &[(String, String)] {
        &self.cells
    }

    /// Tokens per second.
    pub(crate) fn of(&self, cell: &str, system: System) -> Option<Statistics> {
        Statistics::of(&self.rounds(cell, system))
    }

    /// Keys like `limit.W2.c64`: the server over HTTP by the way that the key names.
    pub(crate) fn ratios(&self) -> BTreeMap<String, Statistics> {
        let mut ratios = BTreeMap::new();
        for (cell, _) in &self.cells {
            let mut add = |key: String, above: System, below: System| {
                ratios.extend(self.ratio(cell, above, below).map(|ratio| (key, ratio)));
            };
            for below in [System::Limit, System::OvmsWay, System::Engine] {
                add(format!("{}.{cell}", below.name()), System::Http, below);
            }
            add(format!("limit_by_padded.{cell}"), System::Limit, System::Padded);
            add(format!("engine_by_limit.{cell}"), System::Engine, System::Limit);
            for peer in System::PEERS {
                add(format!("peer.{}.{cell}", peer.name()), System::Http, peer);
            }
            for format in System::FORMATS {
                add(format!("format.{}", format.name()), format, System::Http);
            }
        }
        ratios
    }

    /// Keys like `http.W2.c64`: tokens per second.
    pub(crate) fn absolute(&self) -> BTreeMap<String, Statistics> {
        let figures = self.figures.keys().filter_map(|(cell, system)| {
            Some((format!("{}.{cell}", system.name()), self.of(cell, *system)?))
        });
        figures.collect()
    }

    /// CPU seconds per second of the HTTP clients of each cell.
    pub(crate) fn client_cores(&self) -> BTreeMap<String, Statistics> {
        let cores = |cell: &str| {
            let figures = self.figures.get(&(cell.to_owned(), System::Http))?;
            let cores: Vec<f64> =
                figures.iter().filter_map(|measured| measured.client_cores).collect();
            Statistics::of(&cores)
        };
        self.cells.iter().filter_map(|(cell, _)| Some((cell.clone(), cores(cell)?))).collect()
    }

    /// `above / below`, round by round.
    pub(crate) fn ratio(&self, cell: &str, above: System, below: System) -> Option<Statistics> {
        Statistics::of_ratios(&self.rounds(cell, above), &self.rounds(cell, below))
    }

    /// What must hold and does not; what could not be measured is not judged.
    pub(crate) fn missed(&self, required: Required) -> Vec<String> {
        let mut missed = Vec::new();
        for (cell, least) in required.of_padded {
            if let (Some(ratio), Some(of_best)) =
                (self.ratio(cell, System::Limit, System::Padded), self.limit_of_best(cell))
                && ratio.median < least
                && of_best < required.of_best
            {
                missed.push(format!(
                    "limit_by_padded.{cell} is {:.3} and must be at least {least}, or the limit {} \
                     of the greatest limit instead of {of_best:.3}",
                    ratio.median, required.of_best
                ));
            }
        }
        if let Some(ratio) = self.ratio("W2.c64", System::Http, System::Limit)
            && ratio.median < required.of_limit
        {
            let least = required.of_limit;
            missed
                .push(format!("limit.W2.c64 is {:.3} and must be at least {least}", ratio.median));
        }
        missed
    }

    /// The limit of a cell beside the greatest limit of any.
    fn limit_of_best(&self, cell: &str) -> Option<f64> {
        let limit = |cell: &str| Some(self.of(cell, System::Limit)?.median);
        let best = self.cells.iter().filter_map(|(cell, _)| limit(cell)).reduce(f64::max)?;
        Some(limit(cell)? / best)
    }

    fn rounds(&self, cell: &str, system: System) -> Vec<f64> {
        let figures = self.figures.get(&(cell.to_owned(), system));
        figures.into_iter().flatten().map(|measured| measured.tokens_per_second).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    const REQUIRED: Required =
        Required { of_limit: 0.85, of_padded: [("W1.c64", 2.5), ("W3.c64", 3.0)], of_best: 0.9 };

    /// Figures of one round each.
    fn throughput(figures: &[(&'static str, System, f64)]) -> Throughput {
        let mut throughput = Throughput::default();
        for &(name, system, tokens_per_second) in figures {
            let workload = Workload { name, description: "texts", requests: Vec::new() };
            let load = Load { workload: &workload, clients: 64 };
            throughput.note(load, system, Measured { tokens_per_second, client_cores: None });
        }
        throughput
    }

    #[test]
    fn keys_name_what_the_server_is_divided_by() {
        let measured = throughput(&[
            ("W2", System::Limit, 100.0),
            ("W2", System::Http, 90.0),
            ("W2", System::Int8, 99.0),
        ]);
        let medians: Vec<_> =
            measured.ratios().into_iter().map(|(key, ratio)| (key, ratio.median)).collect();
        let expected = [("format.int8", 1.1), ("limit.W2.c64", 0.9)];
        assert_eq!(medians, expected.map(|(key, ratio)| (key.to_owned(), ratio)));
        assert_eq!(measured.cells(), [("W2.c64".to_owned(), "texts, 64 clients".to_owned())]);
    }

    #[test]
    fn a_limit_that_is_none_is_named_unless_it_is_as_high_as_any() {
        let missed = |short: f64, padded: f64, http: f64| {
            throughput(&[
                ("W1", System::Limit, short),
                ("W1", System::Padded, padded),
                ("W2", System::Limit, 100.0),
                ("W2", System::Http, http),
            ])
            .missed(REQUIRED)
        };
        assert!(missed(100.0, 40.0, 85.0).is_empty());
        assert!(missed(95.0, 80.0, 85.0).is_empty());
        assert_eq!(
            missed(80.0, 40.0, 80.0),
            [
                "limit_by_padded.W1.c64 is 2.000 and must be at least 2.5, or the limit 0.9 of the \
                 greatest limit instead of 0.800",
                "limit.W2.c64 is 0.800 and must be at least 0.85"
            ]
        );
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        assert!(throughput(&[("W3", System::Limit, 1.0)]).missed(REQUIRED).is_empty());
    }
}
