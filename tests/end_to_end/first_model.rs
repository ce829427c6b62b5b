//! What the README promises for the first five minutes.

use std::io::Write;
use std::time::Instant;

use integration_tests::cluster::cluster;
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};
use serde_json::Value;

use crate::client::{PULL, SMALL, embed, minilm_source};

/// Not by a macro, whose text cargo shows only for tests that fail.
fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

#[test]
fn six_lines_lead_to_embeddings_for_the_openai_client() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("first");
    namespace.apply_model("minilm", &[&minilm_source(""), "conversion: {weightFormat: fp32}"]);
    namespace.kubectl(&["wait", "--for=condition=Ready", "emb/minilm", "--timeout=180s"]);
    let base = format!("http://minilm.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "minilm", &texts()[..16], "unused");
    assert_equal_to_sentence_transformers(&vectors, 0);

    let model = namespace.get("emb", "minilm");
    let status = &model["status"];
    assert_eq!(status["device"]["actual"], "CPU");
    assert_eq!(status["model"]["dimensions"], 384);
    let took = |phase: &str| status["timings"][phase].as_str().unwrap_or_default().to_owned();
    for phase in ["resolve", "pull", "schedule", "load", "compile", "firstEmbedding"] {
        assert!(!took(phase).is_empty(), "{phase}: {}", status["timings"]);
    }
    tell(&format!("from six lines to embeddings: {}", status["timings"]));
}

#[test]
fn a_second_model_of_the_same_files_is_not_pulled_again() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("cached");
    let members = [&minilm_source(""), "conversion: {weightFormat: fp32}", SMALL];
    namespace.apply_model("first", &members);
    namespace.wait_for("first", "Ready", "True", "Ready");
    let pulled = namespace.list("pods", PULL);

    let applied = Instant::now();
    namespace.apply_model("second", &members);
    namespace.kubectl(&["wait", "--for=condition=Ready", "emb/second", "--timeout=180s"]);
    let ready = applied.elapsed().as_secs_f64();
    let base = format!("http://second.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "second", &texts()[..16], "unused");
    let answered = applied.elapsed().as_secs_f64();
    assert_equal_to_sentence_transformers(&vectors, 0);
    tell(&format!(
        "from six lines, files cached: Ready {ready:.1} s, a new pod's answer {answered:.1} s"
    ));

    let claim = |model: &str| namespace.get("emb", model)["status"]["cache"]["claimName"].clone();
    assert_eq!(claim("first"), claim("second"));
    let names = |pods: &[Value]| -> Vec<Value> {
        pods.iter().map(|pod| pod["metadata"]["name"].clone()).collect()
    };
    assert_eq!(names(&namespace.list("pods", PULL)), names(&pulled));
}
