//! Models whose repositories have no `tokenizer.json`, or one that other files contradict.

use std::path::Path;

use engine::{SpecialTokens, TextTokenizer};
use integration_tests::hub::{Repository, TestHub, sha256};
use integration_tests::program::embedserve;
use serde_json::{Value, json};

use crate::support::{NAME, command, end, fixture, run_in};

/// The small BERT with this `tokenizer_config.json` in place of its own and without the files left
/// out.
fn source(left_out: &[&str], settings: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "vocab.txt",
        "special_tokens_map.json",
        "sentence_bert_config.json",
    ] {
        if !left_out.contains(&name) {
            std::fs::copy(fixture().join(name), folder.path().join(name)).expect("copied");
        }
    }
    let config = folder.path().join("tokenizer_config.json");
    std::fs::write(config, settings.to_string()).expect("written");
    folder
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn bert(settings: Value) -> Value {
    let mut settings = settings;
    settings["tokenizer_class"] = json!("BertTokenizer");
    settings
}

/// The texts and ids that the fixture's vectors are for.
fn assert_tokenizes_as_expected(model: &Path) {
    let tokenizer = TextTokenizer::from_bytes(&read(&model.join("tokenizer.json")))
        .expect("what the program wrote can be read");
    let sentences: Value =
        serde_json::from_slice(&read(&fixture().join("expected/sentences.json"))).expect("JSON");
    for sentence in sentences.as_array().expect("a list") {
        let text = sentence["text"].as_str().expect("a text");
        let ids = tokenizer.encode(text, SpecialTokens::Add).expect("ids");
        assert_eq!(json!(ids), sentence["token_ids"], "{text}");
    }
}

fn origins(model: &Path) -> Vec<(String, String)> {
    let manifest: Value =
        serde_json::from_slice(&read(&model.join("embedserve-manifest.json"))).expect("JSON");
    let file = |file: &Value| {
        ["path", "origin"].map(|name| file[name].as_str().expect("a text").to_owned()).into()
    };
    manifest["files"].as_array().expect("files").iter().map(file).collect()
}

fn origin(model: &Path, path: &str) -> String {
    let found = origins(model).into_iter().find(|(listed, _)| listed == path);
    found.unwrap_or_else(|| panic!("{path} is not in the manifest")).1
}

#[test]
fn an_export_of_a_folder_with_vocab_txt_alone_writes_tokenizer_json_beside_it() {
    let source = source(&["tokenizer.json"], &bert(json!({"do_lower_case": true})));
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("export {} --output_dir out", source.path().display());
    let ended = run_in(folder.path(), &line);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let out = folder.path().join("out");
    assert_tokenizes_as_expected(&out);
    assert_eq!(read(&out.join("vocab.txt")), read(&fixture().join("vocab.txt")));
    assert!(!source.path().join("tokenizer.json").exists(), "the source stays as it was");

    let beside = run_in(folder.path(), &format!("export {}", source.path().display()));
    assert_eq!(beside.code, 0, "{}", beside.stderr);
    assert_eq!(read(&source.path().join("tokenizer.json")), read(&out.join("tokenizer.json")));
}

#[test]
fn a_pull_of_a_folder_with_vocab_txt_alone_makes_a_model_that_the_second_pull_verifies() {
    let source = source(&["tokenizer.json"], &bert(json!({"do_lower_case": true})));
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("pull {} --model_name small", source.path().display());
    let first = run_in(folder.path(), &line);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let model = folder.path().join("models/small");
    assert_tokenizes_as_expected(&model);
    assert_eq!(origin(&model, "tokenizer.json"), "exported");
    assert_eq!(origin(&model, "vocab.txt"), "downloaded");
    let before = read(&model.join("tokenizer.json"));
    let second = run_in(folder.path(), &line);
    assert!(second.stdout.starts_with("Path already exists"), "{}{}", second.stdout, second.stderr);
    assert_eq!(second.stderr, "");
    assert_eq!(read(&model.join("tokenizer.json")), before);
}

/// The settings win, as in transformers: a cased model must not be given lower case.
#[test]
fn a_tokenizer_json_that_the_settings_contradict_is_replaced_and_the_download_stays_checkable() {
    let source = source(&[], &bert(json!({"do_lower_case": false})));
    let hub = TestHub::start();
    hub.add(Repository::from_folder(NAME, source.path()).expect("readable"));
    let folder = tempfile::tempdir().expect("a folder");
    let downloaded = read(&fixture().join("tokenizer.json"));
    let model = folder.path().join("models").join(NAME);

    let ended = end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let written: Value =
        serde_json::from_slice(&read(&model.join("tokenizer.json"))).expect("JSON");
    assert_eq!(written["normalizer"]["lowercase"], false);
    assert_eq!(origin(&model, "tokenizer.json"), "exported");
    hub.forget_requests();
    let second = end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!((second.code, second.stderr.as_str()), (0, ""));
    assert_eq!(hub.downloads(), [], "what was written counts as whole");

    // A demanded hash is that of the repository's file.
    let sha256 = sha256(&downloaded);
    let manifest = |sha256: &str| {
        json!({
            "apiVersion": "embedserve.dev/v1alpha1",
            "kind": "EmbeddingModel",
            "metadata": {"name": "small"},
            "spec": {"source": {
                "huggingFace": {"repo": NAME, "revision": "main"},
                "verify": {"sha256": {"tokenizer.json": sha256}},
            }},
        })
        .to_string()
    };
    let wrong = sha256.replace('a', "b");
    std::fs::write(folder.path().join("wrong.yaml"), manifest(&wrong)).expect("written");
    let run = ["run", "wrong.yaml", "--model_repository_path", "other", "--rest_port", "0"];
    let ended = end(command(&hub, folder.path(), run).env("HF_ENDPOINT", hub.endpoint()));
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    let expected = format!("tokenizer.json has SHA-256 {sha256} instead of the demanded {wrong}");
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
}

/// What cannot be made is refused before anything is downloaded or written, with the remedy.
#[test]
fn repositories_without_a_tokenizer_are_refused() {
    let hub = TestHub::start();
    hub.add(
        Repository::new(NAME).file("config.json", "{}").lfs_file("model.safetensors", "weights"),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let ended = end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!(ended.code, 1);
    let start = "error: org/tiny-model has no tokenizer.json, and no vocabulary to make one from";
    assert!(ended.stderr.starts_with(start), "{}", ended.stderr);
    assert!(ended.stderr.contains("AutoTokenizer.from_pretrained"), "{}", ended.stderr);
    assert_eq!(hub.downloads(), []);

    let source = source(&["tokenizer.json"], &json!({"tokenizer_class": "BertJapaneseTokenizer"}));
    let path = source.path().display();
    for words in
        [format!("pull {path} --model_name small"), format!("export {path} --output_dir small")]
    {
        let ended = end(embedserve(words.split(' ')).current_dir(folder.path()));
        assert_eq!(ended.code, 1, "{words}");
        assert!(
            ended.stderr.contains("for the tokenizer class BertJapaneseTokenizer"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("AutoTokenizer.from_pretrained"), "{}", ended.stderr);
        assert!(
            !folder.path().join("models/small").exists() && !folder.path().join("small").exists()
        );
    }
}
