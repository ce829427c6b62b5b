//! Whatever goes wrong, the status says what and what to do, models that serve go on serving, and when the cause is
//! mended nobody has to do anything more.

#[path = "faults/control_plane.rs"]
mod control_plane;
#[path = "faults/pods.rs"]
mod pods;
#[path = "faults/source.rs"]
mod source;
#[path = "faults/volume.rs"]
mod volume;

use integration_tests::cluster::Namespace;
use integration_tests::program::MINILM;

use crate::client::Load;

/// The rate at which a model is asked while something goes wrong.
const RATE: u32 = 5;

/// A specification that takes little of the node; `source` are members of `huggingFace`.
fn apply(namespace: &Namespace<'_>, model: &str, source: &str, more: &str) {
    let source = format!("source: {{huggingFace: {{{source}}}}}");
    namespace.apply_model(model, &[&source, "conversion: {weightFormat: fp32}", more]);
}

/// MiniLM's specification with the memory that a serving pod may use.
fn with_memory(limit: &str) -> String {
    format!("resources: {{requests: {{cpu: 100m, memory: 30Mi}}, limits: {{memory: {limit}}}}}")
}

/// The model `minilm`, which serves under load.
fn serve<'a>(namespace: &'a Namespace<'a>, source: &str) -> Load<'a> {
    apply(namespace, "minilm", source, &with_memory("1Gi"));
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    let base = format!("http://minilm.{}.svc:8000", namespace.name);
    Load::start(namespace, &base, "minilm", RATE)
}

/// Checks that the load is still answered, by what served before, and that a message says so.
fn assert_goes_on(load: &Load<'_>, message: &str) {
    load.assert_unharmed();
    let fingerprints = load.seen()["fingerprints"].as_array().map_or(0, Vec::len);
    assert_eq!(fingerprints, 1, "{:#}", load.seen());
    assert!(message.contains("goes on serving"), "{message}");
}

/// Checks that each of the words is in a message for people.
fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

/// The source of MiniLM on the hub's stand-in.
fn minilm() -> String {
    format!("repo: {MINILM}, revision: v1")
}
