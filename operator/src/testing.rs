//! What the unit tests of this crate share.

use crds::EmbeddingModel;
use std::time::Duration;

use crate::settings::Settings;

/// The settings of an operator that was started without any option.
pub(crate) fn settings() -> Settings {
    Settings {
        image: "embedserve:test".to_owned(),
        gpu_image: "embedserve:test-gpu".to_owned(),
        hub_endpoint: None,
        hub_token_secret: None,
        hub_ca_bundle: None,
        hub_environment: Vec::new(),
        hub_cidrs: Vec::new(),
        allow_host_path: false,
        namespace: "embedserve-system".to_owned(),
        monitoring_namespace: None,
        watch_namespaces: Vec::new(),
        concurrency: 10,
        resync: Duration::from_secs(600),
        removal_timeout: Duration::from_secs(300),
    }
}

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
