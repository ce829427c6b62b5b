//! The CPU, memory and disk of pods and volumes, derived from what is known of a model. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use model_repository::facts::SourceFacts;
use model_repository::job_report::SourceReport;
use model_repository::sizing;

use crate::validate::ValidatedModel;

const MIB: u64 = 1 << 20;

/// The CPU and memory of a serving pod: what the specification gives, else derived.
///
/// A pod may use two cores for models of MiniLM's size and four for larger ones, or one core a stream
/// where streams are given, and requests half of it. The memory is the estimate that the server's own
/// sizing makes for so many streams, as request and limit: a pod that were promised less than it may use
/// would be ended when the node runs short.
pub fn serving_resources(valid: &ValidatedModel, report: &SourceReport) -> ResourceRequirements {
    let spec = &valid.model.spec;
    if let Some(given) = &spec.resources {
        return given.clone();
    }
    let cores = cores(valid, report);
    let streams = sizing::streams(cores, spec.device.streams());
    let facts = SourceFacts::from(&report.facts);
    let limit = facts.token_limit();
    let longest = valid.model.request_limits().max_input_tokens.map_or(limit, |it| it.min(limit));
    let budget = sizing::token_budget(spec.device.target.as_str(), report.weights_bytes);
    let size = facts.model_size(report.weights_bytes);
    let memory = sizing::memory(&size, streams, budget, longest);
    let memory = mebibytes(memory.total() + memory.total() / 8);
    let of = |cpu: String| -> BTreeMap<String, Quantity> {
        [("cpu".to_owned(), Quantity(cpu)), ("memory".to_owned(), Quantity(memory.clone()))].into()
    };
    ResourceRequirements {
        requests: Some(of(milli_cores(cores * 500))),
        limits: Some(of(milli_cores(cores * 1000))),
        claims: None,
    }
}

/// The cores that a serving pod may use.
fn cores(valid: &ValidatedModel, report: &SourceReport) -> usize {
    match valid.model.spec.device.streams() {
        Some(streams) if !valid.wants_accelerator() => streams,
        _ if valid.wants_accelerator() || report.weights_bytes < 256 * MIB => 2,
        _ => 4,
    }
}

/// The size of a new volume: what the files need at most at a time, a quarter more, rounded up to
/// a quarter of a gibibyte, which is what most storage classes round to anyway.
pub fn volume_size(disk_bytes: u64) -> String {
    const STEP: u64 = 256 * MIB;
    let wanted = disk_bytes.saturating_add(disk_bytes / 4).max(1);
    mebibytes(wanted.div_ceil(STEP).saturating_mul(STEP))
}

/// The most that compiled models may take in a pod: the device's own form of the weights, and some.
pub fn compiled_cache_size(weights_bytes: u64) -> String {
    mebibytes(weights_bytes.saturating_mul(2).max(128 * MIB))
}

/// A size in mebibytes, rounded up, in the form that the API server itself would write.
pub fn mebibytes(bytes: u64) -> String {
    let mib = bytes.div_ceil(MIB);
    match mib % 1024 {
        0 if mib > 0 => format!("{}Gi", mib / 1024),
        _ => format!("{mib}Mi"),
    }
}

/// Thousandths of cores in the form that the API server itself would write.
fn milli_cores(milli: usize) -> String {
    match milli % 1000 {
        0 => (milli / 1000).to_string(),
        _ => format!("{milli}m"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model_repository::job_report::ModelFacts;

    use super::*;
    use crate::testing;
    use crate::validate::validate;

    fn minilm() -> SourceReport {
        SourceReport {
            weights_bytes: 23_000_000,
            facts: ModelFacts {
                hidden_size: Some(384),
                intermediate_size: Some(1536),
                attention_heads: Some(12),
                usable_tokens: Some(512),
                ..ModelFacts::default()
            },
            ..SourceReport::default()
        }
    }

    fn resources(spec: &str, report: &SourceReport) -> [String; 4] {
        let spec = format!("{{source: {{huggingFace: {{repo: a/b}}}}{spec}}}");
        let model = Arc::new(testing::model("small", &spec));
        let valid = validate(model, &[], &testing::settings()).expect("it is valid");
        let found = serving_resources(&valid, report);
        let part = |map: &Option<BTreeMap<String, Quantity>>, name: &str| {
            map.as_ref().and_then(|map| map.get(name)).map(|it| it.0.clone()).unwrap_or_default()
        };
        [
            part(&found.requests, "cpu"),
            part(&found.limits, "cpu"),
            part(&found.requests, "memory"),
            part(&found.limits, "memory"),
        ]
    }

    #[test]
    fn a_small_model_gets_two_cores_and_the_memory_of_two_streams() {
        let [request, limit, memory, memory_limit] = resources("", &minilm());
        assert_eq!((request.as_str(), limit.as_str()), ("1", "2"));
        assert_eq!(memory, memory_limit);
        let mib: u64 = memory.trim_end_matches("Mi").parse().expect("mebibytes");
        assert!((250..400).contains(&mib), "{memory}");
    }

    #[test]
    fn larger_models_and_given_streams_get_more() {
        let large = SourceReport { weights_bytes: 1_300_000_000, ..minilm() };
        let [request, limit, memory, _] = resources("", &large);
        assert_eq!((request.as_str(), limit.as_str()), ("2", "4"));
        assert!(memory.ends_with("Mi") || memory.ends_with("Gi"), "{memory}");
        let [request, limit, ..] = resources(", device: {numStreams: 1}", &minilm());
        assert_eq!((request.as_str(), limit.as_str()), ("500m", "1"));
    }

    #[test]
    fn given_resources_are_taken_as_they_are() {
        let [request, limit, memory, _] =
            resources(", resources: {requests: {cpu: 300m, memory: 1Gi}}", &minilm());
        assert_eq!([request.as_str(), limit.as_str(), memory.as_str()], ["300m", "", "1Gi"]);
    }

    #[test]
    fn volumes_have_room_for_a_quarter_more() {
        for (bytes, expected) in [
            (0, "256Mi"),
            (90_000_000, "256Mi"),
            (1 << 30, "1280Mi"),
            (820 * MIB, "1280Mi"),
            (819 * MIB, "1Gi"),
        ] {
            assert_eq!(volume_size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn numbers_beyond_all_reason_are_still_sizes() {
        assert_eq!(volume_size(u64::MAX), mebibytes(u64::MAX));
        assert_eq!(mebibytes(u64::MAX), "17179869184Gi");
        assert_eq!(compiled_cache_size(u64::MAX), "17179869184Gi");
        for (bytes, expected) in [
            (0, "0Mi"),
            (1, "1Mi"),
            (MIB, "1Mi"),
            (MIB + 1, "2Mi"),
            (1024 * MIB, "1Gi"),
            (1536 * MIB, "1536Mi"),
        ] {
            assert_eq!(mebibytes(bytes), expected, "{bytes}");
        }
        assert_eq!(compiled_cache_size(0), "128Mi");
    }

    #[test]
    fn a_model_of_which_nothing_is_known_gets_some_memory() {
        let [request, limit, memory, _] = resources("", &SourceReport::default());
        assert_eq!((request.as_str(), limit.as_str()), ("1", "2"));
        assert!(crds::quantity::bytes(&memory).is_some_and(|it| it > 64 << 20), "{memory}");
    }

    #[test]
    fn an_accelerator_does_the_work_of_cores_and_a_limit_of_tokens_saves_memory() {
        let large = SourceReport { weights_bytes: 1_300_000_000, ..minilm() };
        let [request, limit, ..] = resources(", device: {target: GPU, numStreams: 8}", &large);
        assert_eq!((request.as_str(), limit.as_str()), ("1", "2"));
        let bytes = |spec| crds::quantity::bytes(&resources(spec, &minilm())[2]);
        assert!(bytes(", limits: {maxInputTokens: 64}") <= bytes(""));
        // More than the model has is not counted, should it ever come so far.
        assert_eq!(bytes(", limits: {maxInputTokens: 100000}"), bytes(""));
        assert!(bytes(", device: {numStreams: 8}") > bytes(""));
    }
}
