//! What the README promises for the first five minutes.

use std::io::Write;

use integration_tests::cluster::cluster;
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};

use crate::client::{embed, minilm_source};

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
    // Not by a macro, whose text cargo shows only for tests that fail.
    let _ = writeln!(std::io::stderr(), "from six lines to embeddings: {}", status["timings"]);
}
