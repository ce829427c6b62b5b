//! The server as a child process on loopback, and clients of it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use integration_tests::process::cpu_seconds;
use integration_tests::program::{self, Server};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::connection::{Connection, Prepared, prepare, request_bytes};
use crate::counting::{Count, Ending};
use crate::in_process::InProcess;
use crate::machine;
use crate::preparation::plugin_config;
use crate::statistics::milliseconds;
use crate::window::{Measured, Worker};
use crate::workload::{Load, Workload};

/// The name under which the model is served.
pub(crate) const MODEL: &str = "minilm";

/// 64 clients with 32 texts each must not be told that there is too much to do.
pub(crate) const QUEUE: [&str; 2] = ["--max_queued_tokens", "8000000"];

/// A server that has used no CPU for so long works on nothing.
const STILL: Duration = Duration::from_millis(200);
/// What nobody waits for any more is done by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `embedserve`, ended when dropped.
pub(crate) struct HttpServer {
    server: Server,
    address: String,
    clients: Runtime,
}

impl HttpServer {
    /// The server with its own settings.
    pub(crate) fn with_own_settings(model: &Path) -> Result<Self> {
        Self::with(model, &[])
    }

    /// The server with further arguments.
    pub(crate) fn with(model: &Path, more: &[&str]) -> Result<Self> {
        let mut command = program::embedserve(arguments(model)?);
        command.args(more);
        Self::spawn(command)
    }

    /// The server told to do as OpenVINO Model Server does.
    pub(crate) fn in_ovms_way(model: &Path, more: &[&str]) -> Result<Self> {
        let mut two_streams = plugin_config();
        two_streams.insert("NUM_STREAMS".to_owned(), "2".to_owned());
        let two_streams = serde_json::to_string(&two_streams)?;
        let ovms_way = ["--batching", "one_request", "--plugin_config", &two_streams];
        Self::with(model, &[&ovms_way, more].concat())
    }

    /// A prepared command, waited for until it is ready.
    pub(crate) fn spawn(command: Command) -> Result<Self> {
        let server = Server::spawn(command);
        server.wait_until("/v2/health/ready", 200);
        let address = server.base.trim_start_matches("http://").to_owned();
        let clients = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { server, address, clients })
    }

    /// One request of each workload, in full: the number of vectors and tokens, and one vector.
    pub(crate) fn check_answers(
        &self,
        workloads: &[Workload],
        engine: &InProcess,
        least_cosine: f64,
    ) -> Result<()> {
        for workload in workloads {
            let request = &workload.requests[0];
            let body = self.clients.block_on(async {
                let mut connection = Connection::open(&self.address).await?;
                connection.exchange(&request_bytes(MODEL, request, "float")).await?;
                Ok::<_, anyhow::Error>(connection.body().to_vec())
            })?;
            let answer: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
            let vectors = answer["data"].as_array().map_or(0, Vec::len);
            let tokens = answer["usage"]["prompt_tokens"].as_u64();
            ensure!(vectors == request.texts.len(), "{}: {vectors} vectors", workload.name);
            ensure!(
                tokens == Some(request.tokens() as u64),
                "{}: {tokens:?} tokens where there are {}",
                workload.name,
                request.tokens()
            );
            let served: Vec<f64> = answer["data"][0]["embedding"]
                .as_array()
                .map(|values| values.iter().filter_map(Value::as_f64).collect())
                .unwrap_or_default();
            let expected = engine.embed(&request.texts[0])?;
            ensure!(served.len() == expected.len(), "{}: {} numbers", workload.name, served.len());
            let cosine: f64 = served.iter().zip(&expected).map(|(a, b)| a * f64::from(*b)).sum();
            ensure!(cosine > least_cosine, "{}: the cosine is {cosine}", workload.name);
        }
        Ok(())
    }

    /// Clients of the one model.
    pub(crate) fn measure(&self, load: Load<'_>, ending: Ending) -> Result<Measured> {
        let (count, client_cores) = self.run(&[(MODEL, load)], ending)?;
        let tokens_per_second = count.tokens_per_second();
        Ok(Measured { tokens_per_second, client_cores: Some(client_cores) })
    }

    /// Clients of several models at the same time; tokens per second of each.
    pub(crate) fn measure_models(
        &self,
        loads: &[(&str, Load<'_>)],
        ending: Ending,
    ) -> Result<Vec<f64>> {
        let (count, _) = self.run(loads, ending)?;
        (0..loads.len())
            .map(|group| count.tokens_per_second_of(group).context("models are not kept apart"))
            .collect()
    }

    /// Clients on connections of their own that stay open; requests are made beforehand. The count,
    /// and the CPU seconds per second that the clients needed.
    fn run(&self, loads: &[(&str, Load<'_>)], ending: Ending) -> Result<(Arc<Count>, f64)> {
        let prepared: Vec<Arc<Vec<Prepared>>> =
            loads.iter().map(|(model, load)| Arc::new(prepare(model, load.workload))).collect();
        let all_clients = loads.iter().map(|(_, load)| load.clients).sum();
        let cpu_before = cpu_seconds(std::process::id())?;
        let started = Instant::now();
        let count = Arc::new(Count::start(ending, all_clients));
        self.clients.block_on(async {
            let mut clients = JoinSet::new();
            for (group, ((_, load), requests)) in loads.iter().zip(&prepared).enumerate() {
                for client in 0..load.clients {
                    let (requests, count) = (Arc::clone(requests), Arc::clone(&count));
                    let mut connection = Connection::open(&self.address).await?;
                    let first = client * requests.len() / load.clients;
                    clients.spawn(async move {
                        let mut worker = Worker::of_group(group);
                        for request in requests.iter().cycle().skip(first) {
                            let start = Instant::now();
                            connection.exchange(&request.bytes).await?;
                            if !count.note(&mut worker, start, request.tokens) {
                                break;
                            }
                        }
                        Ok::<_, anyhow::Error>(())
                    });
                }
            }
            while let Some(ended) = clients.join_next().await {
                ended.map_err(|error| anyhow!("a client ended: {error}"))??;
                if count.cuts_off() {
                    // To drop them is not enough: connections are closed when the runtime goes on, and until
                    // then the server works for nobody beside what is measured next.
                    clients.shutdown().await;
                    break;
                }
            }
            Ok::<_, anyhow::Error>(())
        })?;
        let cpu = cpu_seconds(std::process::id())? - cpu_before;
        let client_cores = cpu / started.elapsed().as_secs_f64();
        if count.cuts_off() {
            self.wait_until_idle()?;
        }
        Ok((count, client_cores))
    }

    /// Waits until the batches that were under way are done: nobody waits for them, but they would slow down what is
    /// measured next.
    fn wait_until_idle(&self) -> Result<()> {
        let start = Instant::now();
        let mut used = cpu_seconds(self.id())?;
        while start.elapsed() < PATIENCE {
            thread::sleep(STILL);
            let before = std::mem::replace(&mut used, cpu_seconds(self.id())?);
            if used <= before {
                return Ok(());
            }
        }
        bail!("the server still works {PATIENCE:?} after its clients have gone")
    }

    /// Milliseconds of each of the first requests, sent one after another by one client.
    pub(crate) fn latencies(&self, workload: &Workload, requests: usize) -> Result<Vec<f64>> {
        let prepared = prepare(MODEL, workload);
        self.clients.block_on(async {
            let mut connection = Connection::open(&self.address).await?;
            let mut latencies = Vec::new();
            for request in prepared.iter().take(requests) {
                let start = Instant::now();
                connection.exchange(&request.bytes).await?;
                latencies.push(milliseconds(start.elapsed()));
            }
            Ok(latencies)
        })
    }

    /// `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the clients run on.
    pub(crate) fn clients(&self) -> &Runtime {
        &self.clients
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// The most memory the server has held, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        machine::peak_memory_of(self.id())
    }
}

/// Arguments that serve one model.
pub(crate) fn arguments(model: &Path) -> Result<Vec<String>> {
    let model = model.to_str().context("the target folder's path is not UTF-8")?;
    let arguments = ["--model_name", MODEL, "--model_path", model, QUEUE[0], QUEUE[1]];
    Ok(arguments.map(str::to_owned).to_vec())
}
