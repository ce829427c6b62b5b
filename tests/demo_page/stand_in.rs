//! The hub that the readers pull from: small models under the names of the page.

use std::path::{Path, PathBuf};

use integration_tests::hub::{Repository, TestHub};
use integration_tests::program::{minilm_source, run_ok};

use crate::table::{Form, Held, SmallModel};

/// How sentence-transformers writes that a model is pooled by its first token.
const FIRST_TOKEN: &str = r#"{"word_embedding_dimension":384,"pooling_mode_cls_token":true}"#;

impl SmallModel {
    /// Whether it is the real one, which has no hidden states in the fixtures.
    pub(crate) fn is_minilm(&self) -> bool {
        self.0 == "MiniLM"
    }

    /// The folder with its original files.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.is_minilm() {
            true => minilm_source(),
            false => Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(&self.0),
        }
    }
}

/// Starts a hub that holds all of them.
pub(crate) fn hub(held: &[Held]) -> TestHub {
    let hub = TestHub::start();
    for held in held {
        hub.add(match held.form {
            Form::Weights => original(&held.repo, &held.holds),
            Form::IR => intermediate_representation(&held.repo, &held.holds),
        });
    }
    hub
}

/// A repository with a small model's original files.
fn original(name: &str, model: &SmallModel) -> Repository {
    let files = Repository::from_folder(name, &model.folder());
    let repository = files.expect("the model's folder can be read");
    match model.is_minilm() {
        // The page's models in its place are pooled by their first token.
        true => repository.file("1_Pooling/config.json", FIRST_TOKEN),
        false => repository,
    }
}

/// As `OpenVINO/*-ov`: the IR, the tokenizer's files, and the tokenizer as IR, which only OVMS reads.
fn intermediate_representation(name: &str, model: &SmallModel) -> Repository {
    let folder = tempfile::tempdir().expect("a folder");
    let source = model.folder();
    run_ok(["export".as_ref(), source.as_path(), "--output_dir".as_ref(), folder.path()]);
    std::fs::remove_file(folder.path().join("graph.pbtxt")).expect("an export writes it");
    Repository::from_folder(name, folder.path())
        .expect("the folder can be read")
        .file("openvino_config.json", "{\"dtype\": \"int8\"}")
        .file("openvino_tokenizer.xml", "")
        .file("openvino_detokenizer.xml", "")
        .lfs_file("openvino_tokenizer.bin", "")
        .lfs_file("openvino_detokenizer.bin", "")
}
