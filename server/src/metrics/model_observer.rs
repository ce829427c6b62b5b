//! What the engine reports about its work, as figures by model.

use engine::{BatchReport, Observer, RequestReport};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry as Families;

use super::histograms::{HistogramFamily, counts, ratios, seconds, tokens};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    pub(crate) model: String,
}

/// The figures of all models.
pub(crate) struct EngineFamilies {
    tokenize_seconds: HistogramFamily<ModelLabels>,
    queue_seconds: HistogramFamily<ModelLabels>,
    inference_seconds: HistogramFamily<ModelLabels>,
    batch_seconds: HistogramFamily<ModelLabels>,
    request_documents: HistogramFamily<ModelLabels>,
    batch_rows: HistogramFamily<ModelLabels>,
    batch_tokens: HistogramFamily<ModelLabels>,
    batch_padding: HistogramFamily<ModelLabels>,
    failed_batches: Family<ModelLabels, Counter>,
    tokens: Family<ModelLabels, Counter>,
    padding_tokens: Family<ModelLabels, Counter>,
}

impl EngineFamilies {
    pub(crate) fn register(f: &mut Families) -> Self {
        let counter = |f: &mut Families, name: &str, help: &str| {
            let family = Family::<ModelLabels, Counter>::default();
            f.register(name, help, family.clone());
            family
        };
        Self {
            tokenize_seconds: seconds(f, "tokenize_duration", "Time to tokenize a request's texts"),
            queue_seconds: seconds(f, "queue_duration", "Time that a request waited for inference"),
            inference_seconds: seconds(f, "inference_duration", "Time of a request's inference"),
            batch_seconds: seconds(f, "batch_inference_duration", "Time of a batch's inference"),
            request_documents: counts(f, "request_documents", "Documents in a request"),
            batch_rows: counts(f, "batch_rows", "Documents in a batch"),
            batch_tokens: tokens(f, "batch_tokens", "Tokens in a batch, without padding"),
            batch_padding: ratios(f, "batch_padding", "Share of a batch that is padding"),
            failed_batches: counter(f, "failed_batches", "Batches whose inference failed"),
            tokens: counter(f, "tokens", "Tokens embedded, special tokens included"),
            padding_tokens: counter(f, "padding_tokens", "Tokens that only filled batches up"),
        }
    }
}

/// The figures of one model, looked up once.
pub(crate) struct ModelObserver {
    tokenize_seconds: Histogram,
    queue_seconds: Histogram,
    inference_seconds: Histogram,
    batch_seconds: Histogram,
    request_documents: Histogram,
    batch_rows: Histogram,
    batch_tokens: Histogram,
    batch_padding: Histogram,
    failed_batches: Counter,
    tokens: Counter,
    padding_tokens: Counter,
}

impl ModelObserver {
    pub(crate) fn new(families: &EngineFamilies, model: &str) -> Self {
        let labels = ModelLabels { model: model.to_owned() };
        let histogram = |family: &HistogramFamily<ModelLabels>| family.get_or_create_owned(&labels);
        let counter = |family: &Family<ModelLabels, Counter>| family.get_or_create_owned(&labels);
        Self {
            tokenize_seconds: histogram(&families.tokenize_seconds),
            queue_seconds: histogram(&families.queue_seconds),
            inference_seconds: histogram(&families.inference_seconds),
            batch_seconds: histogram(&families.batch_seconds),
            request_documents: histogram(&families.request_documents),
            batch_rows: histogram(&families.batch_rows),
            batch_tokens: histogram(&families.batch_tokens),
            batch_padding: histogram(&families.batch_padding),
            failed_batches: counter(&families.failed_batches),
            tokens: counter(&families.tokens),
            padding_tokens: counter(&families.padding_tokens),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
impl Observer for ModelObserver {
    fn batch_done(&self, report: &BatchReport) {
        let BatchReport { texts, tokens, padding, inference, failed } = report;
        self.batch_seconds.observe(inference.as_secs_f64());
        self.batch_rows.observe(*texts as f64);
        self.batch_tokens.observe(*tokens as f64);
        self.batch_padding.observe(*padding as f64 / (tokens + padding).max(1) as f64);
        self.padding_tokens.inc_by(*padding as u64);
        if *failed {
            self.failed_batches.inc();
        }
    }

    fn request_done(&self, report: &RequestReport) {
        let RequestReport { inputs, tokens, tokenize, queue, inference } = report;
        self.request_documents.observe(*inputs as f64);
        self.tokens.inc_by(*tokens as u64);
        self.tokenize_seconds.observe(tokenize.as_secs_f64());
        self.queue_seconds.observe(queue.as_secs_f64());
        self.inference_seconds.observe(inference.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text::encode;
    use std::time::Duration;

    #[test]
    fn reports_become_figures_of_their_model() {
        let mut registry = Families::with_prefix("embedserve");
        let families = EngineFamilies::register(&mut registry);
        let observer = ModelObserver::new(&families, "org/m");
        let inference = Duration::from_millis(4);
        observer.batch_done(&BatchReport {
            texts: 3,
            tokens: 90,
            padding: 10,
            inference,
            failed: true,
        });
        let queue = Duration::from_secs(2);
        observer.request_done(&RequestReport {
            inputs: 2,
            tokens: 90,
            tokenize: Duration::from_micros(700),
            queue,
            inference,
        });
        let mut text = String::new();
        encode(&mut text, &registry).expect("written");
        for line in [
            r#"embedserve_batch_padding_ratio_sum{model="org/m"} 0.1"#,
            r#"embedserve_batch_tokens_bucket{le="128.0",model="org/m"} 1"#,
            r#"embedserve_batch_rows_sum{model="org/m"} 3.0"#,
            r#"embedserve_failed_batches_total{model="org/m"} 1"#,
            r#"embedserve_padding_tokens_total{model="org/m"} 10"#,
            r#"embedserve_tokens_total{model="org/m"} 90"#,
            r#"embedserve_queue_duration_seconds_sum{model="org/m"} 2.0"#,
            r#"embedserve_tokenize_duration_seconds_bucket{le="0.001",model="org/m"} 1"#,
            r#"embedserve_inference_duration_seconds_count{model="org/m"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
