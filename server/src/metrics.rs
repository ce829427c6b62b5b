//! Metrics: what happened, counted where it happens, shown by `GET /metrics`.
//!
//! [`Metrics`] is one struct with one method per event. The engine reports through
//! [`Metrics::model_observer`], HTTP per request, and what can be looked up at any time (models by state,
//! queues, the process) is read when somebody asks. Label values come from fixed sets or from
//! the configuration, never from requests.

mod histograms;
mod model_observer;
mod process;
mod prometheus_text;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use engine::Observer;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Families;

use self::histograms::HistogramFamily;
use self::model_observer::{EngineFamilies, ModelObserver};
use crate::serving::{Registry, Reload, ReloadError};

pub(crate) use self::process::cpu_seconds_of_this_process;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    model: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

/// A form of text that metrics are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format, version 0.0.4.
    Prometheus,
}

impl TextFormat {
    /// The media type of the text.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All metrics of this process.
pub struct Metrics {
    families: Families,
    started: SystemTime,
    requests: Family<RequestLabels, Counter>,
    request_seconds: HistogramFamily<RouteLabels>,
    requests_in_flight: Gauge,
    reloads: Family<ReloadLabels, Counter>,
    engine: EngineFamilies,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    pub fn new() -> Self {
        let mut families = Families::with_prefix("embedserve");
        let f = &mut families;
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        f.register("build_info", "The version that runs; the value is always 1", build);
        let requests = Family::default();
        f.register(
            "requests",
            "Requests by route, model and status; 499 is a client that hung up",
            requests.clone(),
        );
        let requests_in_flight = Gauge::default();
        f.register(
            "requests_in_flight",
            "Requests that are being handled",
            requests_in_flight.clone(),
        );
        let reloads = Family::<ReloadLabels, Counter>::default();
        for result in ["reloaded", "unchanged", "failed"] {
            let _zero = reloads.get_or_create_owned(&ReloadLabels { result });
        }
        f.register("config_reloads", "Reloads of the configuration by result", reloads.clone());
        let help = "Time from a request's head to its answer";
        let request_seconds = histograms::seconds(f, "request_duration", help);
        let engine = EngineFamilies::register(f);
        let started = SystemTime::now();
        Self { families, started, requests, request_seconds, requests_in_flight, reloads, engine }
    }

    /// The engine's hook for one model; the figures of a model that is loaded again go on.
    pub fn model_observer(&self, model: &str) -> Arc<dyn Observer> {
        Arc::new(ModelObserver::new(&self.engine, model))
    }

    /// Counts a reload, asked for or by polling. Polls that find nothing new are not worth a
    /// call.
    pub fn count_reload(&self, outcome: &Result<Reload, ReloadError>) {
        let result = match outcome {
            Ok(Reload::Reloaded) => "reloaded",
            Ok(Reload::Unchanged) => "unchanged",
            Err(_) => "failed",
        };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    pub(crate) fn request_started(&self) {
        self.requests_in_flight.inc();
    }

    pub(crate) fn request_finished(
        &self,
        route: &'static str,
        model: &str,
        status: u16,
        duration: Duration,
    ) {
        self.requests_in_flight.dec();
        let model = model.to_owned();
        let labels = RequestLabels { route, model: model.clone(), status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route, model };
        self.request_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Everything as text, with the state of `registry` and of the process at this moment.
    ///
    /// # Errors
    /// Only if formatting fails, which memory does not.
    pub fn encode(&self, registry: &Registry, format: TextFormat) -> Result<String, fmt::Error> {
        let mut momentary = Families::with_prefix("embedserve");
        snapshot::register(&mut momentary, registry);
        process::register(&mut momentary, self.started);
        let mut text = String::new();
        encode(&mut text, &self.families)?;
        let end = text.len() - "# EOF\n".len();
        text.truncate(end);
        encode(&mut text, &momentary)?;
        Ok(match format {
            TextFormat::OpenMetrics => text,
            TextFormat::Prometheus => prometheus_text::from_open_metrics(&text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics, format: TextFormat) -> String {
        metrics.encode(&Registry::with_models(Vec::new()), format).expect("written")
    }

    #[test]
    fn every_metric_starts_with_the_programs_name_and_has_help() {
        let metrics = Metrics::new();
        metrics.request_started();
        metrics.request_finished("embeddings", "m", 200, Duration::ZERO);
        let _observer = metrics.model_observer("m");
        let text = text(&metrics, TextFormat::Prometheus);
        let names = |kind: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
            lines.map(|l| l.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let typed = names("# TYPE ");
        assert!(typed.len() > 20, "{text}");
        assert_eq!(typed, names("# HELP "));
        for name in &typed {
            assert!(name.starts_with("embedserve_"), "{name}");
            assert_eq!(typed.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn requests_are_counted_by_route_model_and_status() {
        let metrics = Metrics::new();
        metrics.request_started();
        metrics.request_started();
        metrics.request_finished("embeddings", "m", 200, Duration::from_millis(3));
        let text = text(&metrics, TextFormat::Prometheus);
        for line in [
            r#"embedserve_requests_total{route="embeddings",model="m",status="200"} 1"#,
            "embedserve_requests_in_flight 1",
            r#"embedserve_request_duration_seconds_bucket{le="0.005",route="embeddings",model="m"} 1"#,
            r#"embedserve_request_duration_seconds_bucket{le="0.0025",route="embeddings",model="m"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_model_name_with_quotes_and_line_ends_stays_one_label() {
        let metrics = Metrics::new();
        metrics.request_started();
        metrics.request_finished("embeddings", "a\"b\\c\nd", 200, Duration::ZERO);
        let text = text(&metrics, TextFormat::Prometheus);
        let line =
            r#"embedserve_requests_total{route="embeddings",model="a\"b\\c\nd",status="200"} 1"#;
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn reloads_are_counted_by_result() {
        let metrics = Metrics::new();
        metrics.count_reload(&Ok(Reload::Reloaded));
        let failed = ReloadError::Models { failed: Vec::new(), total: 1 };
        metrics.count_reload(&Err(failed));
        let text = text(&metrics, TextFormat::Prometheus);
        assert!(text.contains(r#"embedserve_config_reloads_total{result="reloaded"} 1"#), "{text}");
        assert!(text.contains(r#"embedserve_config_reloads_total{result="failed"} 1"#), "{text}");
    }

    #[test]
    fn open_metrics_text_ends_as_its_standard_says() {
        let text = text(&Metrics::new(), TextFormat::OpenMetrics);
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
    }
}
