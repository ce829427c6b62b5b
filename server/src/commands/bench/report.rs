//! What a run was and found: lines for people, in the words of OVMS's benchmark where it has them,
//! and JSON for programs. Pure.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::result::Tally;
use crate::cli::{BenchOptions, Load};

/// From here on the client may be what is measured.
const BUSY_CORES: f64 = 0.9;
const LEAST_CPU_SECONDS: f64 = 1.0;

/// What was asked for, and what the clock said.
#[derive(Debug)]
pub(super) struct Run {
    model: String,
    api_url: String,
    load: Load,
    batch_size: usize,
    documents: usize,
    requests: usize,
    /// Whether somebody ended it before the last answer.
    pub(super) interrupted: bool,
    pub(super) duration: Duration,
    /// Unknown where the system does not say.
    pub(super) client_cpu_seconds: Option<f64>,
}

impl Run {
    /// A run that has not begun.
    pub(super) fn new(
        options: &BenchOptions,
        model: String,
        documents: usize,
        requests: usize,
    ) -> Self {
        Self {
            model,
            api_url: format!("{}/embeddings", options.access.base),
            load: options.load,
            batch_size: options.batch_size,
            documents,
            requests,
            interrupted: false,
            duration: Duration::ZERO,
            client_cpu_seconds: None,
        }
    }
}

/// The result. Its members are the API of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    api_url: String,
    model: String,
    load: Value,
    batch_size: usize,
    documents: usize,
    requests: usize,
    interrupted: bool,
    duration_seconds: f64,
    succeeded: usize,
    failed: usize,
    /// Of the requests that were answered; none if there are none.
    success_percent: Option<f64>,
    tokens: u64,
    tokens_per_second: f64,
    requests_per_second: f64,
    average_document_tokens: Option<f64>,
    latency_ms: Option<Latencies>,
    errors: Vec<ErrorCount>,
    client_cpu_seconds: Option<f64>,
    client_cpu_cores: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Latencies {
    mean: f64,
    median: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct ErrorCount {
    kind: String,
    count: usize,
    message: String,
}

impl Report {
    pub(super) fn new(run: Run, tally: &Tally) -> Self {
        let seconds = run.duration.as_secs_f64().max(1e-9);
        let answered = tally.succeeded + tally.failed;
        let ratio = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
        let mut errors: Vec<ErrorCount> = tally
            .errors
            .iter()
            .map(|(kind, failed)| ErrorCount {
                kind: kind.clone(),
                count: failed.count,
                message: failed.message.clone(),
            })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        Self {
            api_url: run.api_url,
            model: run.model,
            load: match run.load {
                Load::AtOnce => json!({"request_rate": "inf"}),
                Load::Rate(rate) => json!({"request_rate": rate}),
                Load::Clients(clients) => json!({"concurrency": clients}),
            },
            batch_size: run.batch_size,
            documents: run.documents,
            requests: run.requests,
            interrupted: run.interrupted,
            duration_seconds: run.duration.as_secs_f64(),
            succeeded: tally.succeeded,
            failed: tally.failed,
            success_percent: ratio(tally.succeeded as f64 * 100.0, answered),
            tokens: tally.tokens,
            tokens_per_second: tally.tokens as f64 / seconds,
            requests_per_second: tally.succeeded as f64 / seconds,
            average_document_tokens: ratio(tally.tokens as f64, tally.texts),
            latency_ms: latencies(tally),
            errors,
            client_cpu_cores: run.client_cpu_seconds.map(|cpu| cpu / seconds),
            client_cpu_seconds: run.client_cpu_seconds,
        }
    }

    /// Whether every request was answered well.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && !self.interrupted
    }

    /// The cores that the client used, if they are so many that it may have measured itself. CPU time is counted in
    /// hundredths of a second, so a short run says nothing.
    pub(super) fn busy_cores(&self) -> Option<f64> {
        let is_counted = self.client_cpu_seconds? >= LEAST_CPU_SECONDS;
        self.client_cpu_cores.filter(|cores| is_counted && *cores > BUSY_CORES)
    }

    /// The lines after the number of documents.
    pub(super) fn lines(&self) -> Vec<String> {
        let answered = self.succeeded + self.failed;
        let mut lines = vec![
            format!("Tokens: {}", self.tokens),
            format!(
                "Success rate: {:.1}%. ({}/{answered})",
                self.success_percent.unwrap_or_default(),
                self.succeeded
            ),
            format!("Throughput - Tokens per second: {}", grouped(self.tokens_per_second)),
        ];
        if let Some(latency) = &self.latency_ms {
            lines.push(format!("Mean latency: {:.2} ms", latency.mean));
            lines.push(format!("Median latency: {:.2} ms", latency.median));
        }
        if let Some(tokens) = self.average_document_tokens {
            // As Python writes it: 5.0 and 83.208.
            let tokens = (tokens * 1000.0).round() / 1000.0;
            lines.push(format!("Average document length: {tokens:?} tokens"));
        }
        if let Some(latency) = &self.latency_ms {
            for (name, value) in [
                ("p90", latency.p90),
                ("p95", latency.p95),
                ("p99", latency.p99),
                ("Maximum", latency.max),
            ] {
                lines.push(format!("{name} latency: {value:.2} ms"));
            }
        }
        lines.push(format!("Requests per second: {}", grouped(self.requests_per_second)));
        if let Some(cores) = self.client_cpu_cores {
            lines.push(format!("Client CPU: {cores:.2} cores"));
        }
        for ErrorCount { kind, count, .. } in &self.errors {
            lines.push(format!("Errors: {count} x {kind}"));
        }
        if self.interrupted {
            lines.push(format!(
                "Interrupted: {answered} of {} requests were answered",
                self.requests
            ));
        }
        lines
    }

    /// What went wrong, for standard error.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.interrupted {
            lines.push("error: interrupted".to_owned());
        }
        if self.failed > 0 {
            let answered = self.succeeded + self.failed;
            lines.push(format!("error: {} of {answered} requests failed", self.failed));
        }
        for ErrorCount { kind, count, message } in &self.errors {
            lines.push(format!("  {count} x {kind}: {message}"));
        }
        lines
    }
}

fn latencies(tally: &Tally) -> Option<Latencies> {
    let milliseconds = |microseconds: f64| microseconds / 1000.0;
    let at = |quantile| milliseconds(tally.latencies.value_at_quantile(quantile) as f64);
    (tally.succeeded > 0).then(|| Latencies {
        mean: milliseconds(tally.latencies.mean()),
        median: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        max: milliseconds(tally.latencies.max() as f64),
    })
}

/// One decimal, and commas between thousands.
fn grouped(number: f64) -> String {
    let text = format!("{number:.1}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "0"));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::answer::Failure;
    use crate::commands::bench::sending::Outcome;

    fn run(seconds: f64, interrupted: bool) -> Run {
        Run {
            model: "m".to_owned(),
            api_url: "http://h/v3/embeddings".to_owned(),
            load: Load::Rate(10.0),
            batch_size: 1,
            documents: 1000,
            requests: 1000,
            interrupted,
            duration: Duration::from_secs_f64(seconds),
            client_cpu_seconds: Some(12.0),
        }
    }

    fn outcome(tokens: Result<u64, &str>) -> Outcome {
        let failure = |kind: &str| Failure { kind: kind.to_owned(), message: "why".to_owned() };
        Outcome {
            latency: Duration::from_micros(14_400),
            texts: 1,
            tokens: tokens.map_err(failure),
        }
    }

    #[test]
    fn a_good_run_is_told_in_the_lines_of_the_demo_page_and_then_ours() {
        let mut tally = Tally::new();
        (0..1000).for_each(|_| tally.add(outcome(Ok(5))));
        let report = Report::new(run(100.0, false), &tally);
        assert_eq!(
            report.lines(),
            [
                "Tokens: 5000",
                "Success rate: 100.0%. (1000/1000)",
                "Throughput - Tokens per second: 50.0",
                "Mean latency: 14.40 ms",
                "Median latency: 14.41 ms",
                "Average document length: 5.0 tokens",
                "p90 latency: 14.41 ms",
                "p95 latency: 14.41 ms",
                "p99 latency: 14.41 ms",
                "Maximum latency: 14.41 ms",
                "Requests per second: 10.0",
                "Client CPU: 0.12 cores",
            ]
        );
        assert!(report.is_good() && report.complaints().is_empty());
    }

    #[test]
    fn a_client_that_used_a_core_may_have_measured_itself_unless_the_run_was_short() {
        let busy_cores = |seconds: f64, cpu: f64| {
            let run = Run { client_cpu_seconds: Some(cpu), ..run(seconds, false) };
            Report::new(run, &Tally::new()).busy_cores()
        };
        assert_eq!(busy_cores(10.0, 12.0), Some(1.2));
        assert_eq!(busy_cores(100.0, 12.0), None);
        assert_eq!(busy_cores(0.002, 0.01), None);
    }

    #[test]
    fn failures_are_counted_by_kind_and_an_interrupted_run_says_so() {
        let mut tally = Tally::new();
        tally.add(outcome(Ok(1)));
        for kind in ["time-out", "HTTP 404 model_not_found", "HTTP 404 model_not_found"] {
            tally.add(outcome(Err(kind)));
        }
        let report = Report::new(run(1.0, true), &tally);
        let lines = report.lines();
        assert_eq!(lines[1], "Success rate: 25.0%. (1/4)");
        assert_eq!(
            lines[lines.len() - 3..],
            [
                "Errors: 2 x HTTP 404 model_not_found",
                "Errors: 1 x time-out",
                "Interrupted: 4 of 1000 requests were answered",
            ]
        );
        assert!(!report.is_good());
        assert_eq!(
            report.complaints(),
            [
                "error: interrupted",
                "error: 3 of 4 requests failed",
                "  2 x HTTP 404 model_not_found: why",
                "  1 x time-out: why",
            ]
        );
    }

    #[test]
    fn a_run_without_an_answer_has_no_latencies() {
        let report = Report::new(run(0.0, true), &Tally::new());
        assert_eq!(report.lines()[1], "Success rate: 0.0%. (0/0)");
        assert!(!report.lines().iter().any(|line| line.contains("latency")));
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["latency_ms"], Value::Null);
        assert_eq!(json["load"], json!({"request_rate": 10.0}));
    }

    #[test]
    fn numbers_have_commas_between_thousands_and_one_decimal() {
        for (number, expected) in [
            (0.0, "0.0"),
            (47.84, "47.8"),
            (999.96, "1,000.0"),
            (29_066.2, "29,066.2"),
            (1_234_567.0, "1,234,567.0"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}
