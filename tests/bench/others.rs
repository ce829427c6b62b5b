//! What is measured besides throughput: waiting, starting, memory, CPU time, company and quotas.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::counting::Ending;
use crate::cpu::{self, CpuShares};
use crate::direct::Direct;
use crate::http::HttpServer;
use crate::latency::{self, Latency};
use crate::own_ir::OwnIr;
use crate::plan::{CLIENTS, Plan};
use crate::preparation::Preparation;
use crate::progress;
use crate::quota::LimitedServer;
use crate::start::{self, StartSeconds};
use crate::statistics::Statistics;
use crate::tail::{self, Tail};
use crate::two_models::{TwoModelServer, TwoModels};
use crate::workload::{Load, Workload};

/// All of it; what could not be measured is absent.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) memory: Option<Memory>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) tails: Vec<Tail>,
    pub(crate) start: Option<StartSeconds>,
    pub(crate) cpu: BTreeMap<&'static str, CpuShares>,
    pub(crate) two_models: Option<TwoModels>,
    pub(crate) quota: Option<Quota>,
    pub(crate) own_ir: Option<OwnIr>,
}

/// Of the server with its own settings, in MB of a million bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Memory {
    pub(crate) peak: f64,
    pub(crate) weights: f64,
}

/// Tokens per second with one core's CPU time and with all cores, round by round.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Quota {
    pub(crate) limited: Vec<f64>,
    pub(crate) whole: Vec<f64>,
    pub(crate) cores: usize,
}

impl Quota {
    /// One core by a core's part of all.
    pub(crate) fn ratio(&self) -> Option<Statistics> {
        let part: Vec<f64> = self.whole.iter().map(|all| all / self.cores as f64).collect();
        Statistics::of_ratios(&self.limited, &part)
    }
}

/// Memory must have been read by whoever ran W1 to W4, before this asks for more.
pub(crate) fn measure(
    preparation: &Preparation,
    plan: &Plan,
    workloads: &[Workload],
    direct: &Direct,
    server: &HttpServer,
) -> Result<Others> {
    let ending = Ending::Window(plan.window);
    let find = |name| {
        let found = workloads.iter().find(|workload| workload.name == name);
        found.with_context(|| format!("there is no workload {name}"))
    };
    let (short, mixed) = (find("W1")?, find("W2")?);
    let mixed_load = Load { workload: mixed, clients: CLIENTS };
    let mut others = Others { memory: memory(preparation, server)?, ..Others::default() };

    progress::say("latency of one client");
    for workload in [short, mixed] {
        others.latencies.push(latency::measure(direct, server, workload, plan.latency)?);
    }

    progress::say("CPU time outside of OpenVINO");
    let mut throughput = 0.0;
    for workload in [short, mixed] {
        let load = Load { workload, clients: CLIENTS };
        let shares = cpu::shares_during(server.id(), || {
            throughput = server.measure(load, ending)?.tokens_per_second;
            Ok(())
        })?;
        others.cpu.insert(workload.name, shares);
    }

    for run in 0..plan.tail_runs {
        progress::say("latency at 70 % load");
        others.tails.push(tail::measure(server, mixed, throughput, plan.tail_requests, run)?);
    }

    progress::say("starts");
    let request = &short.requests[0];
    others.start = Some(start::measure(&preparation.model, request, plan.starts)?);

    progress::say("two models");
    let both = TwoModelServer::start(preparation)?;
    others.two_models = Some(both.measure(server, mixed, plan.side_rounds, ending)?);
    drop(both);

    progress::say("a quota of one core");
    match LimitedServer::start(&preparation.model)? {
        Ok(limited) => {
            let mut quota = Quota { cores: preparation.cores, ..Quota::default() };
            for _ in 0..plan.side_rounds {
                let measured = limited.server.measure(mixed_load, ending)?;
                quota.limited.push(measured.tokens_per_second);
                quota.whole.push(server.measure(mixed_load, ending)?.tokens_per_second);
            }
            others.quota = Some(quota);
        }
        Err(reason) => progress::say(&format!("skipped, no quota can be set here: {reason}")),
    }
    Ok(others)
}

fn memory(preparation: &Preparation, server: &HttpServer) -> Result<Option<Memory>> {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let weights = megabytes(preparation.weights_bytes()?);
    Ok(server.peak_memory().map(|peak| Memory { peak: megabytes(peak), weights }))
}
