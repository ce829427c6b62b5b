//! Whether single documents of many clients are embedded as fast as full batches of long ones.
//!
//! On OVMS's demo page they are not: bge-large in int8 on two Xeon Max 9480 does 29,066 tokens per second with 32 texts
//! of 510 tokens a request, and 4,120 with one text of Wikipedia a request, since nothing is batched across requests.

use anyhow::Result;
use integration_tests::shapes;
use model_export::WeightFormat;
use model_repository::Pooling;
use serde::Serialize;

use crate::counting::Ending;
use crate::http::HttpServer;
use crate::plan::Plan;
use crate::preparation::Preparation;
use crate::progress;
use crate::statistics::Statistics;
use crate::workload::{Load, Workload};

/// Clients of the single documents.
const CLIENTS: usize = 32;

/// Tokens per second of a model of bge-large's shape, round by round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bulk {
    bulk: Vec<f64>,
    single: Vec<f64>,
}

/// The same for the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) bulk: Option<Statistics>,
    pub(crate) single: Option<Statistics>,
}

/// Both loads of one server in turn.
pub(crate) fn measure(preparation: &Preparation, plan: &Plan, single: &Workload) -> Result<Bulk> {
    let shape = shapes::large_bert(30_522, 24);
    let model = preparation.random_model(&shape, WeightFormat::Int8, Pooling::Cls)?;
    let server = HttpServer::with_own_settings(model.path())?;
    let bulk = Workload::bulk(&preparation.tokenizer)?;
    let mut measured = Bulk::default();
    for round in 1..=plan.rounds {
        progress::say(&format!("bge_large: round {round} of {}", plan.rounds));
        let load = Load { workload: &bulk, clients: 1 };
        measured.bulk.push(server.measure(load, Ending::EachOnce)?.tokens_per_second);
        let load = Load { workload: single, clients: CLIENTS };
        measured.single.push(server.measure(load, Ending::Window(plan.window))?.tokens_per_second);
    }
    Ok(measured)
}

impl Bulk {
    /// Single documents by full batches.
    pub(crate) fn ratio(&self) -> Option<Statistics> {
        Statistics::of_ratios(&self.single, &self.bulk)
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary { bulk: Statistics::of(&self.bulk), single: Statistics::of(&self.single) }
    }
}
