//! `bench`: sends texts to a running server and says how fast it answers.
//!
//! Everything is made before the clock starts: [`dataset`] the texts, [`schedule`] the moments of the
//! requests, [`question`] their bodies. [`sending`] is the part that waits for a server,
//! [`answer`] decides what each answer is worth, [`result`] counts, [`report`] says it.

mod answer;
mod dataset;
mod question;
mod random;
mod report;
mod result;
mod schedule;
mod sending;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::api_client::{ApiClient, unreachable};
use super::serve::block_on_workers;
use super::signals::Signals;
use super::{complain, say};
use crate::cli::{BenchOptions, Exit};
use crate::metrics::cpu_seconds_of_this_process;
use report::{Report, Run};
use result::Tally;
use schedule::Pace;

/// A server that takes longer to say which models it has is not asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures and prints; a failure if a request failed.
pub(super) fn bench(options: &BenchOptions) -> anyhow::Result<Exit> {
    let documents = dataset::documents(&options.dataset, options.limit, options.seed)?;
    let report = block_on_workers(None, measure(options, documents)).flatten()?;
    match options.json {
        true => say(&serde_json::to_string(&report)?)?,
        false => report.lines().iter().try_fold(Exit::Ok, |_, line| say(line))?,
    };
    if let Some(cores) = report.busy_cores() {
        complain(&format!(
            "warning: this client used {cores:.2} cores, so it may have measured itself; \
             larger requests, or several clients on other machines, cost it less"
        ));
    }
    report.complaints().iter().for_each(|line| complain(line));
    Ok(if report.is_good() { Exit::Ok } else { Exit::Failure })
}

async fn measure(options: &BenchOptions, documents: Vec<String>) -> anyhow::Result<Report> {
    let mut signals = Signals::listen()?;
    let client = ApiClient::new(&options.access, options.timeout)?;
    let model = signals.unless_asked_to_end(model(options, &client)).await;
    let model = model.context("interrupted")??;
    let (documents, questions) = {
        let questions =
            question::questions(&model, &documents, options.batch_size, options.encoding_format);
        (documents.len(), Arc::<[_]>::from(questions))
    };
    if !options.json {
        say(&format!("Number of documents: {documents}"))?;
    }
    let pace = Pace::new(options.load, questions.len(), options.seed);
    let mut run = Run::new(options, model, documents, questions.len());
    let mut tally = Tally::new();

    let bar = bar(questions.len());
    let (cpu_before, started) = (cpu_seconds_of_this_process(), Instant::now());
    let mut outcomes = sending::start(&client, questions, pace, started);
    let collecting = async {
        while let Some(outcome) = outcomes.recv().await {
            tally.add(outcome);
            bar.inc(1);
        }
    };
    run.interrupted = signals.unless_asked_to_end(collecting).await.is_none();
    run.duration = started.elapsed();
    run.client_cpu_seconds =
        cpu_seconds_of_this_process().zip(cpu_before).map(|(after, before)| after - before);
    bar.abandon();
    Ok(Report::new(run, &tally))
}

/// The model to ask for; fails if nobody is there to answer.
async fn model(options: &BenchOptions, client: &ApiClient) -> anyhow::Result<String> {
    match &options.model {
        None => client.the_only_model("--model").await.map_err(|refusal| refusal.error),
        // Not every server lists its models, but each that is there answers.
        Some(model) => match client.get("models").timeout(PATIENCE).send().await {
            Err(error) if error.is_connect() => Err(unreachable(error).error),
            _ => Ok(model.clone()),
        },
    }
}

fn bar(requests: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template(
        "{percent:>3}% |{bar:40}| {pos}/{len} [{elapsed}<{eta}, {per_sec}]",
    )
    .expect("the template is valid")
    .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(requests as u64), target).with_style(style)
}
