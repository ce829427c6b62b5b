//! Our export beside optimum-intel's of the same weights, both called directly.

use std::path::PathBuf;

use anyhow::Result;
use integration_tests::program;

use crate::direct::Direct;
use crate::limit::{self, Tried};
use crate::plan::Plan;
use crate::preparation::Preparation;
use crate::progress;
use crate::statistics::Statistics;
use crate::workload::Workload;

/// Tokens per second, round by round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OwnIr {
    pub(crate) own: Vec<f64>,
    pub(crate) optimum: Vec<f64>,
}

impl OwnIr {
    /// Ours by optimum-intel's.
    pub(crate) fn ratio(&self) -> Option<Statistics> {
        Statistics::of_ratios(&self.own, &self.optimum)
    }
}

/// With the settings that were best for our own; `None` where optimum-intel's export was not made.
pub(crate) fn measure(
    preparation: &Preparation,
    plan: &Plan,
    workload: &Workload,
    own: &Direct,
    tried: &[Tried],
) -> Result<Option<OwnIr>> {
    let folder = exported();
    if !folder.join(".complete").is_file() {
        progress::say(
            "skipped, `make optimum` exports the model with optimum-intel first (12 GB for a while)",
        );
        return Ok(None);
    }
    let setting = limit::best(tried, workload.name).map(|best| best.setting());
    let optimum = Direct::new(preparation, &folder, setting.into_iter().collect());
    let mut measured = OwnIr::default();
    for _ in 0..plan.rounds {
        let [own, optimum] =
            [own, &optimum].map(|direct| limit::measure(direct, workload, tried, plan.window));
        measured.own.push(own?.tokens_per_second);
        measured.optimum.push(optimum?.tokens_per_second);
    }
    Ok(Some(measured))
}

/// Where the Makefile puts it.
fn exported() -> PathBuf {
    program::cache().join("all-MiniLM-L6-v2-optimum-intel-2.2.0")
}
