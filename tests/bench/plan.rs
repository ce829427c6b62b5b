//! How long everything takes, and what is left out when there is little time.

use std::time::Duration;

use model_export::WeightFormat;

use crate::counting::Ending;
use crate::latency;
use crate::system::System;
use crate::window::Window;
use crate::workload::Workload;

/// The clients of the standard run.
pub(crate) const CLIENTS: usize = 64;

/// The extent of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Rounds that measure the engine without HTTP as well.
    pub(crate) engine_rounds: usize,
    /// Rounds that measure W3 and W4 as well, whose requests take long.
    long_rounds: usize,
    pub(crate) window: Window,
    pub(crate) search: Window,
    /// Answers after the first one where requests are answered in turn and take long.
    answers: usize,
    pub(crate) clients: usize,
    /// Other numbers of clients that ask besides.
    pub(crate) few_clients: Vec<usize>,
    /// Formats that are compared with fp32.
    pub(crate) formats: Vec<WeightFormat>,
    pub(crate) latency: latency::Plan,
    pub(crate) tail_runs: u64,
    pub(crate) tail_requests: usize,
    pub(crate) starts: usize,
    /// Rounds of two models, and of the CPU quota.
    pub(crate) side_rounds: usize,
    /// Whether models of more than a hundred million parameters are measured as well.
    pub(crate) has_larger_models: bool,
    /// Whether other projects' servers take part.
    pub(crate) has_peers: bool,
}

impl Plan {
    /// `BENCH_QUICK=1`, `FULL=1` and `PEERS=1` decide.
    pub(crate) fn from_environment() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| value == "1");
        let mut plan = if is_set("BENCH_QUICK") { Self::quick() } else { Self::standard() };
        plan.has_peers = is_set("PEERS");
        if is_set("FULL") {
            plan.engine_rounds = plan.rounds;
            plan.few_clients = vec![1, 8];
            plan.has_larger_models = true;
            plan.formats.extend([WeightFormat::Fp16, WeightFormat::Int4]);
        }
        plan
    }

    fn standard() -> Self {
        Self {
            rounds: 5,
            engine_rounds: 2,
            long_rounds: 5,
            window: window(500, 3_500),
            search: window(400, 1_100),
            answers: 6,
            clients: CLIENTS,
            few_clients: Vec::new(),
            formats: vec![WeightFormat::Int8],
            latency: latency::Plan { rounds: 5, requests: 128 },
            tail_runs: 2,
            tail_requests: 1_000,
            starts: 3,
            side_rounds: 3,
            has_larger_models: false,
            has_peers: false,
        }
    }

    /// The throughput of models whose requests take seconds, as far as this one goes.
    pub(crate) fn of_larger_models(&self) -> Self {
        let is_quick = self.rounds < Self::standard().rounds;
        let measure = if is_quick { 3_000 } else { 15_000 };
        Self {
            rounds: if is_quick { 1 } else { 3 },
            engine_rounds: 0,
            window: window(500, measure),
            search: window(100, measure / 5),
            clients: 8,
            few_clients: Vec::new(),
            formats: Vec::new(),
            ..self.clone()
        }
    }

    fn quick() -> Self {
        Self {
            rounds: 3,
            engine_rounds: 1,
            long_rounds: 1,
            window: window(200, 1_200),
            search: window(100, 300),
            answers: 3,
            latency: latency::Plan { rounds: 2, requests: 32 },
            tail_runs: 1,
            tail_requests: 200,
            starts: 1,
            side_rounds: 1,
            ..Self::standard()
        }
    }

    /// Whether a round, counted from 1, measures a workload.
    pub(crate) fn includes(&self, round: usize, workload: &Workload) -> bool {
        round <= self.long_rounds || ["W1", "W2"].contains(&workload.name)
    }

    /// How a server's throughput is counted. 64 requests of 32 documents are 160,000 tokens under
    /// way: a stretch between two of a client's would take minutes.
    pub(crate) fn ending(&self, workload: &Workload, clients: usize, system: System) -> Ending {
        match (workload.name, system) {
            ("W3", System::OvmsWay) => Ending::AnswersAfterFirst(self.answers),
            ("W3", _) if clients == CLIENTS => Ending::EachOnce,
            _ => Ending::Window(self.window),
        }
    }
}

fn window(warm_up: u64, measure: u64) -> Window {
    Window { warm_up: Duration::from_millis(warm_up), measure: Duration::from_millis(measure) }
}
