//! The limit: the best that OpenVINO does when it is called directly, over a listed search.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::direct::{Direct, Setting};
use crate::grouping::grouped;
use crate::window::{Measured, Window};
use crate::workload::Workload;

/// Batch sizes that are tried, in tokens with padding.
const BATCH_TOKENS: [usize; 3] = [512, 1_024, 2_048];

/// What was tried, and what it gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Tried {
    workload: &'static str,
    #[serde(flatten)]
    setting: Setting,
    batch_tokens: usize,
    tokens_per_second: f64,
}

impl Tried {
    /// How the model was compiled.
    pub(crate) fn setting(&self) -> Setting {
        self.setting
    }
}

/// Tries every combination of streams, threads and batch size.
pub(crate) fn search(direct: &Direct, workload: &Workload, window: Window) -> Result<Vec<Tried>> {
    let mut tried = Vec::new();
    for setting in direct.wide() {
        for batch_tokens in BATCH_TOKENS {
            let measured = direct.measure(setting, &grouped(workload, batch_tokens), window)?;
            let tokens_per_second = measured.tokens_per_second;
            tried.push(Tried { workload: workload.name, setting, batch_tokens, tokens_per_second });
        }
    }
    Ok(tried)
}

/// The limit of a workload with the settings that were best for it.
pub(crate) fn measure(
    direct: &Direct,
    workload: &Workload,
    tried: &[Tried],
    window: Window,
) -> Result<Measured> {
    let best = best(tried, workload.name).context("the limit was not searched for")?;
    direct.measure(best.setting, &grouped(workload, best.batch_tokens), window)
}

/// The best setting that was tried for a workload.
pub(crate) fn best<'a>(tried: &'a [Tried], workload: &str) -> Option<&'a Tried> {
    tried
        .iter()
        .filter(|tried| tried.workload == workload)
        .max_by(|one, other| one.tokens_per_second.total_cmp(&other.tokens_per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_a_workload_is_found_among_all_that_was_tried() {
        let tried = |workload, batch_tokens, tokens_per_second| {
            let setting = Setting { streams: 2, threads: 2 };
            Tried { workload, setting, batch_tokens, tokens_per_second }
        };
        let all = [tried("W1", 512, 5.0), tried("W1", 1_024, 7.0), tried("W2", 512, 9.0)];
        assert_eq!(best(&all, "W1"), Some(&all[1]));
        assert_eq!(best(&all, "W4"), None);
    }
}
