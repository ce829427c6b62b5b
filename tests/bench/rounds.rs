//! The rounds in which all ways of embedding take turns.

use std::path::Path;

use anyhow::Result;

use crate::direct::Direct;
use crate::http::HttpServer;
use crate::in_process::InProcess;
use crate::limit::{self, Tried};
use crate::peers;
use crate::plan::Plan;
use crate::preparation::Preparation;
use crate::progress;
use crate::system::System;
use crate::throughput::Throughput;
use crate::workload::{Load, Workload};

/// The servers that the rounds compare.
pub(crate) struct Servers {
    /// With its own settings.
    pub(crate) own: HttpServer,
    ovms_way: HttpServer,
    /// With its own settings and weights in other formats.
    formats: Vec<(System, HttpServer)>,
    /// Of other projects.
    peers: Vec<(System, HttpServer)>,
}

impl Servers {
    /// Starts those of one model and one format, with further arguments.
    pub(crate) fn of_model(model: &Path, more: &[&str]) -> Result<Self> {
        let own = HttpServer::with(model, more)?;
        let ovms_way = HttpServer::in_ovms_way(model, more)?;
        Ok(Self { own, ovms_way, formats: Vec::new(), peers: Vec::new() })
    }

    /// Starts all and checks what they answer.
    pub(crate) fn start(
        preparation: &Preparation,
        plan: &Plan,
        workloads: &[Workload],
        engine: &InProcess,
    ) -> Result<Self> {
        let mut servers = Self::of_model(&preparation.model, &[])?;
        servers.own.check_answers(workloads, engine, 0.9999)?;
        servers.ovms_way.check_answers(workloads, engine, 0.9999)?;
        for format in &plan.formats {
            let server = HttpServer::with_own_settings(&preparation.model_in(*format)?)?;
            server.check_answers(workloads, engine, 0.9)?;
            servers.formats.push((System::of_format(*format), server));
        }
        if plan.has_peers {
            progress::say("starting other projects' servers");
            servers.peers = peers::start()?;
        }
        Ok(servers)
    }
}

/// Everything that takes turns.
pub(crate) struct Contestants<'a> {
    pub(crate) direct: &'a Direct,
    pub(crate) tried: &'a [Tried],
    pub(crate) engine: Option<&'a InProcess>,
    pub(crate) servers: Option<&'a Servers>,
}

impl Contestants<'_> {
    /// All rounds.
    pub(crate) fn compete(&self, plan: &Plan, workloads: &[Workload]) -> Result<Throughput> {
        let mut throughput = Throughput::default();
        for round in 1..=plan.rounds {
            for workload in workloads.iter().filter(|workload| plan.includes(round, workload)) {
                progress::say(&format!("round {round} of {}: {}", plan.rounds, workload.name));
                self.call_directly(plan, workload, &mut throughput)?;
                let load = Load { workload, clients: plan.clients };
                if let Some(engine) = self.engine.filter(|_| round <= plan.engine_rounds) {
                    let ending = plan.ending(workload, plan.clients, System::Engine);
                    throughput.note(load, System::Engine, engine.measure(load, ending)?);
                }
                for clients in plan.few_clients.iter().copied().chain([plan.clients]) {
                    self.ask_servers(plan, Load { workload, clients }, &mut throughput)?;
                }
            }
        }
        Ok(throughput)
    }

    fn call_directly(
        &self,
        plan: &Plan,
        workload: &Workload,
        throughput: &mut Throughput,
    ) -> Result<()> {
        let load = Load { workload, clients: plan.clients };
        let measured = limit::measure(self.direct, workload, self.tried, plan.window)?;
        throughput.note(load, System::Limit, measured);
        // Only these two tell whether the limit is one.
        if ["W1", "W3"].contains(&workload.name) {
            let measured = self.direct.measure_padded(workload, plan.window)?;
            throughput.note(load, System::Padded, measured);
        }
        Ok(())
    }

    fn ask_servers(&self, plan: &Plan, load: Load<'_>, throughput: &mut Throughput) -> Result<()> {
        let Some(servers) = self.servers else { return Ok(()) };
        let mut all = vec![(System::Http, &servers.own), (System::OvmsWay, &servers.ovms_way)];
        if load.workload.name == "W2" && load.clients == plan.clients {
            all.extend(servers.formats.iter().map(|(system, server)| (*system, server)));
        }
        // 64 requests of 32 documents would take them minutes.
        if load.workload.name != "W3" && load.clients == plan.clients {
            all.extend(servers.peers.iter().map(|(system, server)| (*system, server)));
        }
        for (system, server) in all {
            let ending = plan.ending(load.workload, load.clients, system);
            throughput.note(load, system, server.measure(load, ending)?);
        }
        Ok(())
    }
}
