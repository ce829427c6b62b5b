//! The yardstick: the server beside OpenVINO called directly, with the same model, texts and cores,
//! in one run.
//!
//! Ways of embedding the same texts take turns, round after round:
//! - `limit`: OpenVINO called directly by threads that tokenize each batch and infer it, grouped by
//!   length with at most 10 % padding, with the best of a list of settings; no pooling, no server;
//! - `padded`: the same, but each request one padded batch on two streams (W1 and W3);
//! - `engine`: the engine without HTTP, in some rounds;
//! - `http`: `embedserve` on loopback, its own settings;
//! - `ovms_way`: the same server told to make each request one batch, with two streams;
//! - `int8` (with `FULL=1` also `fp16` and `int4`): as `http`, with compressed weights (W2).
//!
//! After the rounds come latency, CPU time, the tail under an open loop, starts, two models, a CPU
//! quota, and, where `make optimum` was run, optimum-intel's export of the same weights. Every figure is shown beside its goal; a missed goal does not fail the run. What does
//! is a limit that is none: it must reach 2.5 times `padded` on W1 and 3 times on W3, or be as high
//! as that of any other texts. Or a server below 0.85 of the limit on W2. Then the exit code is 1.
//!
//! `BENCH_QUICK=1` shortens everything; `FULL=1` adds 1 and 8 clients, the other formats and larger models;
//! `PEERS=1` lets other projects' servers take part, which `make peers` installs;
//! `--without-server` leaves out what needs `embedserve`.

#![expect(clippy::print_stdout, reason = "the tables are this program's output")]

mod bulk;
mod chart;
mod connection;
mod counting;
mod cpu;
mod direct;
mod goals;
mod grouping;
mod http;
mod in_process;
mod larger;
mod latency;
mod limit;
mod machine;
mod others;
mod own_ir;
mod page;
mod peers;
mod plan;
mod preparation;
mod progress;
mod quota;
mod random;
mod report;
mod rounds;
mod start;
mod statistics;
mod system;
mod table;
mod tables;
mod tail;
mod throughput;
mod two_models;
mod window;
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use direct::{Direct, Setting};
use in_process::InProcess;
use larger::Larger;
use others::Others;
use plan::Plan;
use preparation::Preparation;
use report::Report;
use rounds::{Contestants, Servers};
use throughput::Required;
use workload::Workload;

/// What makes a run count.
const REQUIRED: Required =
    Required { of_limit: 0.85, of_padded: [("W1.c64", 2.5), ("W3.c64", 3.0)], of_best: 0.9 };

fn main() -> Result<ExitCode> {
    let with_server = !std::env::args().any(|argument| argument == "--without-server");
    let plan = Plan::from_environment();
    let started = Instant::now();
    let preparation = Preparation::make()?;
    let machine = machine::describe(&preparation);
    progress::say(&machine);

    let report = run(&preparation, &plan, with_server)?;
    let path = preparation.folder.join("report.json");
    report.write(&path, started.elapsed())?;
    page::write(&report, &machine, &preparation.folder)?;
    for table in tables::all(&report) {
        println!("{}", table.plain());
    }
    println!("written: {}, after {} s", path.display(), started.elapsed().as_secs());
    let missed = report.throughput().missed(REQUIRED);
    for requirement in &missed {
        println!("missed: {requirement}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(preparation: &Preparation, plan: &Plan, with_server: bool) -> Result<Report> {
    let workloads = Workload::all(&preparation.tokenizer)?;
    let direct = Direct::new(preparation, &preparation.model, Setting::many(preparation.cores));
    let mut tried = Vec::new();
    for workload in &workloads {
        progress::say(&format!("searching the limit's settings: {}", workload.name));
        tried.extend(limit::search(&direct, workload, plan.search)?);
    }
    let engine = InProcess::start(preparation)?;
    let servers = match with_server {
        true => Some(Servers::start(preparation, plan, &workloads, &engine)?),
        false => None,
    };
    let contestants = Contestants {
        direct: &direct,
        tried: &tried,
        engine: Some(&engine),
        servers: servers.as_ref(),
    };
    let throughput = contestants.compete(plan, &workloads)?;
    let mut others = match &servers {
        Some(servers) => others::measure(preparation, plan, &workloads, &direct, &servers.own)?,
        None => Others::default(),
    };
    progress::say("our export beside optimum-intel's");
    let long = Workload::named("W4", &preparation.tokenizer)?;
    others.own_ir = own_ir::measure(preparation, plan, &long, &direct, &tried)?;
    let report = Report::new(machine::facts(preparation), throughput, others)
        .with_search(tried, direct.refused());
    // Larger models need the memory.
    drop((servers, engine, direct));
    let larger = match with_server && plan.has_larger_models {
        true => larger::measure(preparation, plan)?,
        false => Larger::default(),
    };
    Ok(report.with_larger(larger))
}
