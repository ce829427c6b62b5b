//! Models of more than a hundred million parameters, with random weights: few texts, few clients.

use anyhow::{Context, Result};
use integration_tests::shapes::{self, Shape};
use model_export::WeightFormat;
use model_repository::Pooling;

use crate::bulk::{self, Bulk};
use crate::direct::{Direct, Setting};
use crate::limit;
use crate::plan::Plan;
use crate::preparation::Preparation;
use crate::progress;
use crate::rounds::{Contestants, Servers};
use crate::throughput::Throughput;
use crate::workload::Workload;

/// The first requests of W2, which are short, and of W4.
const REQUESTS: [(&str, usize); 2] = [("W2", 64), ("W4", 16)];

/// What was measured of them.
#[derive(Debug, Default)]
pub(crate) struct Larger {
    /// By the names that keys begin with.
    pub(crate) models: Vec<(&'static str, Throughput)>,
    pub(crate) bulk: Option<Bulk>,
}

struct Model {
    /// What keys begin with.
    name: &'static str,
    shape: Shape,
    format: WeightFormat,
    pooling: Pooling,
}

/// A base-size BERT as it was trained, and the demo page's decoder as it is pulled.
fn models() -> Result<[Model; 2]> {
    let qwen3 = shapes::all().into_iter().find(|shape| shape.architecture == "Qwen3");
    Ok([
        Model {
            name: "base_bert",
            shape: shapes::base_bert(),
            format: WeightFormat::Fp32,
            pooling: Pooling::Mean,
        },
        Model {
            name: "qwen3",
            shape: qwen3.context("there is no shape of Qwen3")?,
            format: WeightFormat::Int8,
            pooling: Pooling::Last,
        },
    ])
}

/// All of it, one model after another, since each takes gigabytes.
pub(crate) fn measure(preparation: &Preparation, plan: &Plan) -> Result<Larger> {
    let plan = plan.of_larger_models();
    let workloads = REQUESTS
        .into_iter()
        .map(|(name, requests)| Ok(Workload::named(name, &preparation.tokenizer)?.first(requests)))
        .collect::<Result<Vec<_>>>()?;
    let mut larger = Larger::default();
    for model in models()? {
        progress::say(&format!("{}: exporting random weights", model.name));
        let throughput = throughput(preparation, &plan, &workloads, &model)?;
        larger.models.push((model.name, throughput));
    }
    progress::say("bge_large: exporting random weights");
    larger.bulk = Some(bulk::measure(preparation, &plan, &workloads[0])?);
    Ok(larger)
}

fn throughput(
    preparation: &Preparation,
    plan: &Plan,
    workloads: &[Workload],
    model: &Model,
) -> Result<Throughput> {
    let folder = preparation.random_model(&model.shape, model.format, model.pooling)?;
    let direct = Direct::new(preparation, folder.path(), Setting::few(preparation.cores));
    let mut tried = Vec::new();
    for workload in workloads {
        progress::say(&format!(
            "{}: searching the limit's settings: {}",
            model.name, workload.name
        ));
        tried.extend(limit::search(&direct, workload, plan.search)?);
    }
    // As when OpenVINO is called directly: by itself each server would look how much memory is left.
    let servers = Servers::of_model(folder.path(), &["--weight_decompression", "never"])?;
    let contestants =
        Contestants { direct: &direct, tried: &tried, engine: None, servers: Some(&servers) };
    contestants.compete(plan, workloads)
}
