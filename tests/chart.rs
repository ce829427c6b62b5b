//! The Helm chart: what it renders, whether Kubernetes takes it, and whether the programs understand it.
//!
//! Needs Helm and the API server that `make kubernetes` builds; tests without them say that they are skipped.

#[path = "chart/accepted.rs"]
mod accepted;
#[path = "chart/deployment.rs"]
mod deployment;
#[path = "chart/documentation.rs"]
mod documentation;
#[path = "chart/installed.rs"]
mod installed;
#[path = "chart/metrics.rs"]
mod metrics;
#[path = "chart/permissions.rs"]
mod permissions;
#[path = "chart/values.rs"]
mod values;

/// Sets of values, as arguments of Helm.
const SETS: [(&str, &[&str]); 4] = [
    ("default", &[]),
    ("namespaced", &["--values", NAMESPACED]),
    ("everything", &["--values", EVERYTHING]),
    ("air-gapped", &["--values", AIR_GAPPED]),
];
const NAMESPACED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/embedserve/ci/namespaced-values.yaml");
const EVERYTHING: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/embedserve/ci/everything-values.yaml");
const AIR_GAPPED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/embedserve/examples/air-gapped-values.yaml");
