//! Two models in one process that share its cores.

use std::fs;

use anyhow::{Context, Result};
use integration_tests::program;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;

use crate::counting::Ending;
use crate::http::{HttpServer, MODEL, QUEUE};
use crate::plan::CLIENTS;
use crate::preparation::Preparation;
use crate::statistics::Statistics;
use crate::workload::{Load, Workload};

/// The second model: the same files under another name.
const SECOND: &str = "minilm-again";

/// Tokens per second, round by round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TwoModels {
    alone: Vec<f64>,
    both: Vec<[f64; 2]>,
}

/// The same for the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    tokens_per_second_alone: Option<Statistics>,
    tokens_per_second_together: Option<Statistics>,
    /// Of the sum; half is even.
    pub(crate) smaller_share: Option<Statistics>,
}

/// A server of two models, and the folder of its configuration.
pub(crate) struct TwoModelServer {
    server: HttpServer,
    _folder: TempDir,
}

impl TwoModelServer {
    pub(crate) fn start(preparation: &Preparation) -> Result<Self> {
        let folder = tempfile::tempdir().context("failed to make a folder for config.json")?;
        let config = folder.path().join("config.json");
        let model = |name| json!({ "config": { "name": name, "base_path": preparation.model } });
        let models = json!({ "model_config_list": [model(MODEL), model(SECOND)] });
        fs::write(&config, models.to_string()).context("failed to write config.json")?;
        let mut command = program::embedserve(["--config_path"]);
        command.arg(config).args(QUEUE);
        Ok(Self { server: HttpServer::spawn(command)?, _folder: folder })
    }

    /// Both models with half of the clients each, beside a server of one model with all of them.
    pub(crate) fn measure(
        &self,
        alone: &HttpServer,
        workload: &Workload,
        rounds: usize,
        ending: Ending,
    ) -> Result<TwoModels> {
        let mut measured = TwoModels::default();
        let half = Load { workload, clients: CLIENTS / 2 };
        for _ in 0..rounds {
            let load = Load { workload, clients: CLIENTS };
            measured.alone.push(alone.measure(load, ending)?.tokens_per_second);
            let both = self.server.measure_models(&[(MODEL, half), (SECOND, half)], ending)?;
            measured.both.push([both[0], both[1]]);
        }
        Ok(measured)
    }
}

impl TwoModels {
    /// Both together by one alone.
    pub(crate) fn ratio(&self) -> Option<Statistics> {
        Statistics::of_ratios(&self.sums(), &self.alone)
    }

    pub(crate) fn summary(&self) -> Summary {
        let smaller = |both: &[f64; 2]| both[0].min(both[1]) / (both[0] + both[1]);
        let shares: Vec<f64> = self.both.iter().map(smaller).collect();
        Summary {
            tokens_per_second_alone: Statistics::of(&self.alone),
            tokens_per_second_together: Statistics::of(&self.sums()),
            smaller_share: Statistics::of(&shares),
        }
    }

    fn sums(&self) -> Vec<f64> {
        self.both.iter().map(|both| both[0] + both[1]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_counts_and_the_smaller_share() {
        let measured = TwoModels { alone: vec![100.0], both: vec![[60.0, 20.0]] };
        assert_eq!(measured.ratio().map(|ratio| ratio.median), Some(0.8));
        assert_eq!(measured.summary().smaller_share.map(|share| share.median), Some(0.25));
    }
}
