//! A user of OpenVINO Model Server brings the volume with the models that its tools have exported.

use integration_tests::cluster::{Namespace, cluster};
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};
use integration_tests::program::MINILM;

use crate::client::{SMALL, embed, on_volume};

fn apply(namespace: &Namespace<'_>, name: &str, path: &str) {
    let source = format!("source: {{persistentVolumeClaim: {{claimName: models, path: {path}}}}}");
    namespace.apply_model(name, &[&source, SMALL]);
}

#[test]
fn a_folder_of_ovms_is_served_as_it_is_and_one_without_a_tokenizer_says_what_to_add() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("migration");
    namespace.apply(include_str!("ovms.yaml"));
    let files = namespace.output_of("export");
    for name in ["config.json", "graph.pbtxt", "openvino_model.bin", "openvino_tokenizer.xml"] {
        assert!(files.contains(name), "{name}: {files}");
    }

    apply(&namespace, "minilm", MINILM);
    apply(&namespace, "bare", "without-tokenizer");
    namespace.wait_for("minilm", "Ready", "True", "Ready");
    // Short and long texts: limits and pooling are those that OVMS has served with.
    let base = format!("http://minilm.{}.svc:8000/v3", namespace.name);
    let vectors = embed(&namespace, "client", &base, "minilm", &texts()[..24], "unused");
    assert_equal_to_sentence_transformers(&vectors, 0);
    let status = namespace.get("emb", "minilm")["status"].clone();
    assert_eq!(status["model"]["pooling"], "Mean", "{status:#}");
    assert_eq!(status["model"]["normalize"], true, "{status:#}");
    let hashes = ["sh", "-c", "cd /volume && find . -type f -exec sha256sum {} + | sort"];
    assert_eq!(on_volume(&namespace, "hashes", "models", &hashes), files, "nothing has changed");

    let message = namespace.wait_for("bare", "Ready", "False", "UnsupportedModel");
    for part in ["openvino_tokenizer.xml", "tokenizer.json", "download it"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(namespace.condition("bare", "Stalled")[0], "True", "a person has to act");
    let copy = [
        "cp",
        &format!("/volume/{MINILM}/tokenizer.json"),
        "/volume/without-tokenizer/tokenizer.json",
    ];
    on_volume(&namespace, "remedy", "models", &copy);
    namespace.wait_for("bare", "Ready", "True", "Ready");
    let status = namespace.get("emb", "bare")["status"].clone();
    assert_eq!(status["model"]["normalize"], false, "as its graph.pbtxt says: {status:#}");
}
