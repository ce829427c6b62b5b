//! Throughput of the engine and of the server beside OpenVINO called directly: same model, same
//! texts, same cores, same run.
//!
//! Five ways of embedding the same texts take turns, round after round:
//! - `limit`: OpenVINO called directly on token ids that are ready, grouped by length with at most
//!   10 % padding, with the best of a list of settings; no tokenizer, no pooling, no server;
//! - `padded`: OpenVINO called directly, each request one padded batch, two streams (W1 only, see
//!   below; the report has one stream as well);
//! - `engine`: the engine without HTTP;
//! - `http`: `embedserve` on loopback, its own settings;
//! - `ovms_way`: the same server told to make each request one batch, with two streams.
//!
//! The limit counts only if it is one: on short queries it must reach 2.5 times `padded`, or be as
//! high as for long texts. The ratios divide what the server reached over HTTP by each of the others, round by round.
//!
//! Exit code 1 says that a requirement was missed and which. `BENCH_QUICK=1` shortens everything
//! and does three rounds instead of five; `--without-server` leaves out what needs `embedserve`.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

mod direct;
mod http;
mod in_process;
mod machine;
mod preparation;
mod report;
mod window;
mod workload;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use direct::Direct;
use http::HttpServer;
use in_process::InProcess;
use preparation::Preparation;
use report::{Report, Required, System};
use window::{Measured, Window};
use workload::Workload;

/// What makes a run count.
const REQUIRED: Required = Required { of_limit: 0.85, of_padded: 2.5, of_best: 0.9 };

/// How long everything takes.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rounds: usize,
    /// Rounds that measure W3 and W4 as well, whose requests take long.
    full_rounds: usize,
    measured: Window,
    searched: Window,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let window = |warm_up: u64, measure: u64| Window {
            warm_up: Duration::from_millis(warm_up),
            measure: Duration::from_millis(measure),
        };
        if quick {
            let (measured, searched) = (window(300, 1_200), window(200, 500));
            Self { rounds: 3, full_rounds: 1, measured, searched }
        } else {
            let (measured, searched) = (window(1_000, 4_500), window(1_000, 2_500));
            Self { rounds: 5, full_rounds: 5, measured, searched }
        }
    }

    fn includes(&self, round: usize, workload: &Workload) -> bool {
        round <= self.full_rounds || ["W1", "W2"].contains(&workload.name)
    }
}

fn main() -> Result<ExitCode> {
    let quick = std::env::var_os("BENCH_QUICK").is_some_and(|value| value == "1");
    let with_server = !std::env::args().any(|argument| argument == "--without-server");
    let plan = Plan::new(quick);
    let started = Instant::now();

    let preparation = Preparation::make()?;
    let workloads = Workload::all(&preparation.tokenizer)?;
    println!("{}", machine::describe(&preparation));
    println!("searching the limit's settings");
    let mut direct = Direct::new(&preparation)?;
    let mut searched = Vec::new();
    for workload in &workloads {
        searched.push(direct.search(workload, plan.searched)?);
    }
    let engine = InProcess::start(&preparation)?;
    let servers = with_server.then(|| HttpServer::start_both(&preparation)).transpose()?;
    if let Some((server, ovms_way)) = &servers {
        server.check_answers(&workloads, &engine)?;
        ovms_way.check_answers(&workloads, &engine)?;
    }

    let mut report = Report::new(machine::facts(&preparation), direct.searches());
    for round in 1..=plan.rounds {
        println!("round {round} of {}", plan.rounds);
        for (workload, settings) in workloads.iter().zip(&searched) {
            if !plan.includes(round, workload) {
                continue;
            }
            let mut note = |system: System, measured: Measured| {
                report.note(workload, system, measured);
            };
            note(System::Limit, direct.measure_limit(workload, settings, plan.measured)?);
            if workload.name == "W1" {
                note(System::Padded, direct.measure_padded(workload, 2, plan.measured)?);
                let one_stream = direct.measure_padded(workload, 1, plan.measured)?;
                note(System::PaddedOneStream, one_stream);
            }
            note(System::Engine, engine.measure(workload, plan.measured)?);
            if let Some((server, ovms_way)) = &servers {
                note(System::Http, server.measure(workload, plan.measured)?);
                note(System::OvmsWay, ovms_way.measure(workload, plan.measured)?);
            }
        }
    }
    if let Some((server, ovms_way)) = &servers {
        report.note_memory("http", server.peak_memory());
        report.note_memory("ovms_way", ovms_way.peak_memory());
    }

    let path = preparation.folder.join("report.json");
    report.write(&path, started.elapsed())?;
    println!("\n{}", report.table());
    println!("written: {}, after {} s", path.display(), started.elapsed().as_secs());
    let missed = report.missed(REQUIRED);
    for requirement in &missed {
        println!("missed: {requirement}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
