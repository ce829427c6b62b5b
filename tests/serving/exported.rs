//! Small models of every kind with a tokenizer: pulled from a hub, exported, served, asked.

use std::path::{Path, PathBuf};

use integration_tests::client::{embed, get};
use integration_tests::expected::difference;
use integration_tests::hub::{Repository, TestHub};
use integration_tests::program::embedserve;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::site::Site;

/// A text with what sentence-transformers makes of it.
#[derive(Deserialize)]
struct Sentence {
    text: String,
    token_ids: Vec<u32>,
    vector: Vec<f32>,
}

fn fixtures() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures");
    let entries = std::fs::read_dir(folder).expect("fixtures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let served = paths.filter(|path| path.join("expected/sentences.json").exists());
    let name = |path: &Path| path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
    served.map(|path| (name(&path), path)).collect()
}

fn pull(hub: &TestHub, site: &Site, arguments: &[&str]) {
    let output = embedserve(arguments)
        .current_dir(site.path(""))
        .env("HF_ENDPOINT", hub.endpoint())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn of_length_one(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / length).collect()
}

fn model_info(base: &str, name: &str) -> Value {
    let info = get(&format!("{base}/info")).json();
    let models = info["models"].as_array().expect("models").clone();
    models.into_iter().find(|model| model["name"] == name).expect("the model")
}

#[test]
fn every_architecture_answers_what_sentence_transformers_computes() {
    let (hub, site) = (TestHub::start(), Site::new());
    let fixtures = fixtures();
    assert!(fixtures.len() >= 10, "{}", fixtures.len());
    for (name, folder) in &fixtures {
        hub.add(Repository::from_folder(name, folder).expect("a repository"));
        let line = ["pull", name, "--weight-format", "fp32", "--model_repository_path", "."];
        pull(&hub, &site, &line);
    }
    let names: Vec<&str> = fixtures.iter().map(|(name, _)| name.as_str()).collect();
    site.configure(&names);
    let server = site.serve(&[]);
    for (name, folder) in &fixtures {
        let bytes = std::fs::read(folder.join("expected/sentences.json")).expect("sentences");
        let sentences: Vec<Sentence> = serde_json::from_slice(&bytes).expect("sentences");
        let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
        let answer = embed(&server.base, name, json!(texts));
        let tokens: usize = sentences.iter().map(|sentence| sentence.token_ids.len()).sum();
        assert_eq!(answer.json()["usage"]["prompt_tokens"], tokens, "{name}");
        for (sentence, vector) in sentences.iter().zip(answer.vectors()) {
            let worst = difference(&vector, &of_length_one(&sentence.vector));
            assert!(worst < 1e-5, "{name} {:?}: {worst}", sentence.text);
        }
    }
    let info = model_info(&server.base, "gemma3-embedding");
    assert_eq!((&info["pooling"], &info["dimensions"]), (&json!("MEAN"), &json!(24)));
}

/// A model with `Dense` modules pools by itself, so another pooling is another export.
#[test]
fn another_pooling_of_a_model_with_dense_modules_is_exported_again() {
    let (hub, site) = (TestHub::start(), Site::new());
    let name = "bert-dense-cls";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/architectures").join(name);
    hub.add(Repository::from_folder(name, &folder).expect("a repository"));
    let vectors = |arguments: &[&str]| {
        let line = ["pull", name, "--weight-format", "fp32", "--model_repository_path", "."];
        pull(&hub, &site, &[&line, arguments].concat());
        site.configure(&[name]);
        let server = site.serve(&[]);
        let pooling = model_info(&server.base, name)["pooling"].clone();
        (pooling, embed(&server.base, name, "The quick red fox runs over the river.").vectors())
    };
    let (own, first) = vectors(&[]);
    let (other, second) = vectors(&["--pooling", "LAST"]);
    assert_eq!((own, other), (json!("CLS"), json!("LAST")));
    assert!(difference(&first[0], &second[0]) > 0.01);
    let (again, third) = vectors(&[]);
    assert_eq!(again, json!("CLS"));
    assert!(difference(&first[0], &third[0]) < 1e-6);
}
