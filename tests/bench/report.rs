//! Everything that a run has found, and `report.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::bulk::Bulk;
use crate::direct::Refused;
use crate::larger::Larger;
use crate::limit::Tried;
use crate::others::Others;
use crate::statistics::Statistics;
use crate::throughput::Throughput;

/// What a run has found.
pub(crate) struct Report {
    machine: Value,
    tried: Vec<Tried>,
    refused: Vec<Refused>,
    throughput: Throughput,
    others: Others,
    larger: Larger,
}

impl Report {
    pub(crate) fn new(machine: Value, throughput: Throughput, others: Others) -> Self {
        let (tried, refused, larger) = Default::default();
        Self { machine, tried, refused, throughput, others, larger }
    }

    /// With what the limit was searched over.
    pub(crate) fn with_search(self, tried: Vec<Tried>, refused: &[Refused]) -> Self {
        Self { tried, refused: refused.to_vec(), ..self }
    }

    /// With models of more than a hundred million parameters.
    pub(crate) fn with_larger(self, larger: Larger) -> Self {
        Self { larger, ..self }
    }

    pub(crate) fn throughput(&self) -> &Throughput {
        &self.throughput
    }

    pub(crate) fn others(&self) -> &Others {
        &self.others
    }

    pub(crate) fn larger(&self) -> &Larger {
        &self.larger
    }

    /// By their keys, like `limit.W2.c64` and `quota1`.
    pub(crate) fn ratios(&self) -> BTreeMap<String, Statistics> {
        let others = &self.others;
        let mut ratios = self.throughput.ratios();
        let mut add = |key: String, ratio: Option<Statistics>| {
            ratios.extend(ratio.map(|ratio| (key, ratio)));
        };
        for latency in &others.latencies {
            add(format!("latency.{}", latency.cell()), latency.ratio());
        }
        let tails: Vec<f64> = others.tails.iter().map(|tail| tail.p99 / tail.p50).collect();
        add("tail.p99_over_p50".to_owned(), Statistics::of(&tails));
        add("two_models".to_owned(), others.two_models.as_ref().and_then(|both| both.ratio()));
        add("quota1".to_owned(), others.quota.as_ref().and_then(|quota| quota.ratio()));
        add("own_ir.W4".to_owned(), others.own_ir.as_ref().and_then(|own_ir| own_ir.ratio()));
        let bulk = self.larger.bulk.as_ref();
        add("bge_large.single_by_bulk".to_owned(), bulk.and_then(|bulk| bulk.ratio()));
        for (model, throughput) in &self.larger.models {
            let of_model = throughput.ratios().into_iter();
            ratios.extend(of_model.map(|(key, ratio)| (format!("{model}.{key}"), ratio)));
        }
        ratios
    }

    /// Writes `report.json`.
    pub(crate) fn write(&self, path: &Path, took: Duration) -> Result<()> {
        let workloads: BTreeMap<_, _> = self.throughput.cells().iter().cloned().collect();
        let report = json!({
            "machine": self.machine,
            "workloads": workloads,
            "ratios": self.ratios(),
            "absolute": self.absolute(),
            "limit_settings": self.tried,
            "limit_settings_refused": self.refused,
            "took_seconds": took.as_secs(),
        });
        let text = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
    }

    fn absolute(&self) -> Value {
        let others = &self.others;
        let mut absolute = Map::new();
        let mut add = |key: &str, value: Value| {
            if !value.is_null() {
                absolute.insert(key.to_owned(), value);
            }
        };
        let latencies: BTreeMap<_, _> =
            others.latencies.iter().map(|latency| (latency.cell(), latency.summary())).collect();
        let outside: BTreeMap<_, _> =
            others.cpu.iter().map(|(workload, shares)| (workload, shares.outside())).collect();
        let quota = others.quota.as_ref().map(|quota| Statistics::of(&quota.limited));
        add("tokens_per_second", json!(self.throughput.absolute()));
        add("client_cpu_cores", json!(self.throughput.client_cores()));
        add("latency_ms", json!(latencies));
        add("tail_ms", json!(others.tails));
        add("start_seconds", json!(others.start));
        add("rss_mb", json!(others.memory));
        add("cpu_outside_openvino", json!(outside));
        add("cpu_shares", json!(others.cpu));
        add("two_models", json!(others.two_models.as_ref().map(|both| both.summary())));
        add("quota1_tokens_per_second", json!(quota));
        let models = self.larger.models.iter();
        let larger: BTreeMap<_, _> =
            models.map(|(model, throughput)| (model, throughput.absolute())).collect();
        let larger = (!larger.is_empty()).then_some(larger);
        add("larger_models_tokens_per_second", json!(larger));
        add("bge_large_tokens_per_second", json!(self.larger.bulk.as_ref().map(Bulk::summary)));
        Value::Object(absolute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::others::Quota;
    use crate::tail::Tail;

    #[test]
    fn side_measurements_have_their_keys_among_the_ratios() {
        let tail = Tail {
            requests: 9,
            requests_per_second: 1.0,
            p50: 10.0,
            p90: 15.0,
            p99: 25.0,
            max: 30.0,
        };
        let quota = Quota { limited: vec![45.0], whole: vec![100.0], cores: 2 };
        let others = Others { tails: vec![tail], quota: Some(quota), ..Others::default() };
        let report = Report::new(Value::Null, Throughput::default(), others);
        let medians: Vec<_> =
            report.ratios().into_iter().map(|(key, ratio)| (key, ratio.median)).collect();
        let expected = [("quota1", 0.9), ("tail.p99_over_p50", 2.5)];
        assert_eq!(medians, expected.map(|(key, ratio)| (key.to_owned(), ratio)));
    }
}
