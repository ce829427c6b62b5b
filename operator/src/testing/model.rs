//! A model and what its Jobs report. Also part of the tests beside this crate.

use crds::EmbeddingModel;
use model_repository::job_report::{ModelFacts, SourceReport};

/// The commit of most tests.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A model in the namespace `search`, as the API server would hand it out: with defaults, a UID and a
/// generation. The specification is YAML, possibly one that the API server would refuse.
pub(crate) fn model(name: &str, spec: &str) -> EmbeddingModel {
    let text = format!(
        "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {{name: {name}, namespace: search, \
         uid: 11111111-2222-3333-4444-555555555555, generation: 3, creationTimestamp: \"2026-01-01T00:00:00Z\"}}\n\
         spec: {spec}\n"
    );
    serde_yaml::from_str(&text).expect("a manifest of the right shape")
}

/// What Jobs report of a model of MiniLM's size.
pub(crate) fn report(commit: &str) -> SourceReport {
    SourceReport {
        commit: commit.to_owned(),
        digest: "ab".repeat(32),
        files: 9,
        download_bytes: 91_000_000,
        disk_bytes: 120_000_000,
        weights_bytes: 23_000_000,
        weight_format: Some("int8".to_owned()),
        facts: ModelFacts {
            architecture: Some("BertModel".to_owned()),
            hidden_size: Some(384),
            intermediate_size: Some(1536),
            attention_heads: Some(12),
            usable_tokens: Some(512),
            pooling: Some("MEAN".to_owned()),
            ..ModelFacts::default()
        },
    }
}
