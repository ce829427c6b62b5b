//! `resolve`, `pull` and `export`: what they write, fetch and say.

use std::collections::BTreeMap;
use std::path::Path;

use model_repository::Pooling;
use model_repository::graph::Graph;
use serde_json::{Value, json};

use integration_tests::program::embedserve;

use crate::support::{Ended, NAME, command, end, fixture, hub, repository, run_in, tree};

/// Files of [`repository`] that a pull needs.
const SERVED: [&str; 8] = [
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

fn graph(folder: &Path) -> Graph {
    let text = std::fs::read_to_string(folder.join("graph.pbtxt")).expect("a graph");
    Graph::parse(&text).expect("the program writes what it reads")
}

fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// Content of every file below `folder`.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = tree(folder).into_iter().filter(|name| !name.ends_with('/'));
    names.map(|name| (name.clone(), std::fs::read(folder.join(name)).expect("a file"))).collect()
}

#[test]
fn resolve_says_as_json_what_pull_would_do_and_writes_nothing_and_fetches_no_weights() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let ended = end(&mut command(&hub, folder.path(), ["resolve", NAME]));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON and nothing else");
    assert_eq!(answer["repo"], NAME);
    assert_eq!(answer["endpoint"], hub.endpoint());
    assert_eq!(answer["requested_revision"], Value::Null);
    assert_eq!(answer["commit"], repository().commit());
    assert_eq!(answer["export"], "int8");
    assert_eq!(answer["target"], "models/org/tiny-model");
    let files = answer["files"].as_array().expect("files");
    let size = |file: &Value| file["size"].as_u64().expect("a size");
    let mut names: Vec<&str> =
        files.iter().map(|file| file["path"].as_str().expect("a path")).collect();
    names.sort_unstable();
    let mut expected = SERVED.to_vec();
    expected.extend(["model.safetensors", "vocab.txt"]);
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(answer["bytes"], files.iter().map(size).sum::<u64>());
    for file in files {
        let path = fixture().join(file["path"].as_str().expect("a path"));
        assert_eq!(size(file), path.metadata().expect("a file").len(), "{}", path.display());
    }
    let small = |path: &str| path.ends_with(".json") && !path.ends_with("/tokenizer.json");
    assert!(hub.downloads().iter().all(|request| small(&request.path)), "{:?}", hub.downloads());
    assert_eq!(tree(folder.path()), Vec::<String>::new(), "nothing was written");
}

#[test]
fn resolve_names_the_revision_that_was_asked_for() {
    let hub = hub();
    hub.add(repository().tag("v1").file("README.md", "a later commit"));
    let folder = tempfile::tempdir().expect("a folder");
    let resolve = |arguments: &[&str]| -> Value {
        let ended = end(&mut command(&hub, folder.path(), arguments));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        serde_json::from_str(&ended.stdout).expect("JSON")
    };
    let old = repository();
    for words in [&["resolve", "org/tiny-model@v1"][..], &["resolve", NAME, "--revision", "v1"]] {
        let answer = resolve(words);
        assert_eq!(answer["requested_revision"], "v1", "{words:?}");
        assert_eq!(answer["commit"], old.commit(), "{words:?}");
    }
    assert_ne!(resolve(&["resolve", NAME])["commit"], old.commit());
}

#[test]
fn a_pull_writes_a_whole_model_and_the_second_one_fetches_nothing() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let line = "--pull --model_repository_path models --source_model org/tiny-model --pooling LAST --task embeddings";
    let pull = || end(&mut command(&hub, folder.path(), line.split(' ')));
    let first = pull();
    let model = folder.path().canonicalize().expect("there").join("models").join(NAME);
    let place = model.display();
    let graph_line = format!("Graph: graph.pbtxt created in: {place}\n");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert_eq!(first.stdout, format!("Model: {NAME} downloaded to: {place}\n{graph_line}"));
    assert!(first.stderr.starts_with("downloading: 10 file(s), "), "{}", first.stderr);
    let mut expected: Vec<String> = SERVED.map(str::to_owned).to_vec();
    let written = ["1_Pooling/", "embedserve-manifest.json", "graph.pbtxt", "openvino_model.bin"];
    expected.extend(written.map(str::to_owned));
    expected.extend(["openvino_model.xml", "vocab.txt"].map(str::to_owned));
    expected.sort();
    assert_eq!(tree(&model), expected);
    assert_eq!(graph(&model).options.pooling, Some(Pooling::Last));
    let manifest = json_file(&model.join("embedserve-manifest.json"));
    assert_eq!(manifest["repo"], NAME);
    assert_eq!(manifest["commit"], repository().commit());
    assert_eq!(manifest["weight_format"], "int8");
    assert_eq!(tree(&folder.path().join("models"))[0], "org/", "nothing of the download is left");

    let before = contents(&model);
    assert!(!hub.downloads().is_empty());
    hub.forget_requests();
    let second = pull();
    let verified = format!("Path already exists on local filesystem, verified: {place}\n");
    let stdout = format!("{verified}{graph_line}");
    assert_eq!(second, Ended { code: 0, stdout, stderr: String::new() });
    assert_eq!(hub.downloads(), [], "nothing was fetched again");
    assert!(!hub.requests().is_empty(), "the commit was asked for");
    assert_eq!(contents(&model), before);
}

#[test]
fn a_file_that_was_damaged_after_the_pull_is_pulled_again() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let pull = || end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!(pull().code, 0);
    let model = folder.path().join("models").join(NAME);
    let before = contents(&model);
    std::fs::write(model.join("tokenizer.json"), "{}").expect("written");
    let again = pull();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("pulling again"), "{}", again.stderr);
    assert_eq!(contents(&model)["tokenizer.json"], before["tokenizer.json"]);
}

#[test]
fn overwrite_models_starts_afresh() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let pull = |further: &[&str]| {
        let arguments = ["pull", NAME].iter().chain(further);
        let ended = end(&mut command(&hub, folder.path(), arguments));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        hub.downloads().len()
    };
    let model = folder.path().join("models").join(NAME);
    let all = pull(&["--matryoshka", "8,16"]);
    assert!(all >= 10);
    assert_eq!(json_file(&model.join("embedserve.json"))["matryoshka"], json!([8, 16]));
    hub.forget_requests();
    assert_eq!(pull(&[]), 0);
    assert!(model.join("embedserve.json").exists(), "settings stay");
    assert_eq!(pull(&["--overwrite_models"]), all, "everything is fetched again");
    assert!(!model.join("embedserve.json").exists(), "settings are forgotten");
}

/// What somebody else has put there is not overwritten unasked.
#[test]
fn a_folder_that_no_pull_has_made_is_kept_unless_told_otherwise() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let model = folder.path().join("models").join(NAME);
    std::fs::create_dir_all(&model).expect("made");
    std::fs::write(model.join("mine.txt"), "precious").expect("written");
    let refused = end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("was not made by `embedserve pull`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--overwrite_models"), "{}", refused.stderr);
    assert_eq!(tree(&model), ["mine.txt"]);
    let told = end(&mut command(&hub, folder.path(), ["pull", NAME, "--overwrite_models"]));
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(!model.join("mine.txt").exists() && model.join("openvino_model.xml").exists());
}

#[test]
fn pull_adds_to_a_configuration_and_export_embeddings_ov_does_so_unasked() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let pull = "pull org/tiny-model --add_to_config";
    let export = "export embeddings_ov --source_model org/tiny-model --model_name second --weight-format fp16 --num_streams 2 --truncate --skip_normalize --config_file_path models/config.json";
    for line in [pull, export, export] {
        let ended = end(&mut command(&hub, folder.path(), line.split(' ')));
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        assert!(ended.stdout.ends_with("Config updated: models/config.json\n"), "{}", ended.stdout);
    }
    let entry = |name: &str| json!({ "config": { "name": name, "base_path": name } });
    let config = json_file(&folder.path().join("models/config.json"));
    assert_eq!(config, json!({ "model_config_list": [entry(NAME), entry("second")] }));
    let options = graph(&folder.path().join("models/second")).options;
    assert_eq!((options.normalize_embeddings, options.truncate), (false, true));
    assert_eq!(options.plugin_config.get("NUM_STREAMS").map(String::as_str), Some("2"));
    let manifest = json_file(&folder.path().join("models/second/embedserve-manifest.json"));
    assert_eq!(manifest["weight_format"], "fp16");
}

#[test]
fn a_folder_is_exported_beside_itself_or_elsewhere_and_never_overwritten_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = fixture();
    let source = source.to_str().expect("UTF-8");
    let ended = run_in(folder.path(), &format!("export {source} --output_dir out"));
    let stdout = format!("Model: {source} exported to: out\nGraph: graph.pbtxt created in: out\n");
    assert_eq!((ended.code, ended.stdout), (0, stdout), "{}", ended.stderr);
    let out = folder.path().join("out");
    assert_eq!(graph(&out).options.pooling, Some(Pooling::Mean), "as the model's own files say");
    for name in ["openvino_model.xml", "openvino_model.bin", "tokenizer.json", "config.json"] {
        assert!(out.join(name).exists(), "{name}");
    }
    assert!(!out.join("model.safetensors").exists());
    let before = contents(&out);
    let again = run_in(folder.path(), &format!("export {source} --output_dir out"));
    let error = "error: out/openvino_model.xml exists: add --overwrite_models to replace it\n";
    assert_eq!(again, Ended { code: 1, stdout: String::new(), stderr: error.to_owned() });
    assert_eq!(contents(&out), before);
    let size = |words: &str| {
        let line = format!("export {source} --output_dir out --overwrite_models {words}");
        let ended = run_in(folder.path(), &line);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        contents(&out)["openvino_model.bin"].len()
    };
    let [fp32, fp16, int8, int4] =
        ["fp32", "fp16", "int8", "int4"].map(|format| size(&format!("--weight-format {format}")));
    assert!(fp16 < fp32 * 6 / 10, "{fp16} of {fp32} bytes");
    assert!(int4 < int8 && int8 < fp16, "{int4}, {int8} and {fp16} bytes");
    assert_eq!(size(""), int8, "the default");
    let all = ["--weight-format", "int4", "--extra_quantization_params", "--ratio 0 --sym"];
    let line = ["export", source, "--output_dir", "out", "--overwrite_models"];
    let ended = end(embedserve(line.into_iter().chain(all)).current_dir(folder.path()));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(contents(&out)["openvino_model.bin"].len() > int4, "nothing is in int4");
}

/// Other weights of the same commit are other vectors: what was asked for must be what is served.
#[test]
fn a_pull_with_other_weight_settings_converts_again_and_the_same_ones_do_not() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let manifest = folder.path().join("models").join(NAME).join("embedserve-manifest.json");
    let pull = |further: &[&str]| {
        hub.forget_requests();
        let arguments = ["pull", NAME].iter().chain(further);
        let ended = end(&mut command(&hub, folder.path(), arguments));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let weights = json_file(&manifest)["weight_format"].as_str().map(str::to_owned);
        (weights.expect("a text"), !hub.downloads().is_empty())
    };
    let params = "--extra_quantization_params";
    let cases: [(&[&str], &str, bool); 9] = [
        (&[], "int8", true),
        (&["--weight-format", "int8"], "int8", false),
        (&["--weight-format", "int4"], "int4", true),
        (&[], "int4", false),
        (
            &["--weight-format", "int4", params, "--group-size 64 --ratio 0.8"],
            "int4 --group-size 64 --ratio 0.8",
            true,
        ),
        (
            &["--weight-format", "int4", params, "--ratio=0.80 --group-size=64"],
            "int4 --group-size 64 --ratio 0.8",
            false,
        ),
        (&[params, "--sym"], "int8 --sym", true),
        (&[params, "--sym --group-size 64"], "int8 --sym", false),
        (&["--weight-format", "int8"], "int8", true),
    ];
    for (words, expected, is_new) in cases {
        assert_eq!(pull(words), (expected.to_owned(), is_new), "{words:?}");
    }
}

#[test]
fn settings_of_compression_that_cannot_be_had_are_refused_before_anything_is_fetched() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    for (format, settings, error) in [
        ("int4", "--dataset wikitext2", "--dataset is not supported: it needs a data set"),
        ("int8", "--awq", "--awq is not supported: it needs a data set"),
        (
            "int8",
            "--ratio 0.8",
            "--ratio has no meaning for int8 weights; leave it out, or choose int4",
        ),
        (
            "fp32",
            "--sym",
            "--sym has no meaning for fp32 weights; leave it out, or choose int8 or int4",
        ),
        ("int4", "--group-size 100", "--group-size \"100\": it must be -1"),
        ("int4", "--blocks 2", "unknown setting \"--blocks\"; there are --group-size"),
    ] {
        for command_words in [["pull", NAME], ["resolve", NAME]] {
            let words = ["--weight-format", format, "--extra_quantization_params", settings];
            let words = command_words.into_iter().chain(words);
            let ended = end(&mut command(&hub, folder.path(), words));
            assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{settings}");
            let error = format!("error: --extra_quantization_params: {error}");
            assert!(ended.stderr.starts_with(&error), "{}", ended.stderr);
        }
    }
    assert_eq!(hub.requests(), []);
    assert_eq!(tree(folder.path()), Vec::<String>::new());
}

#[test]
fn an_export_that_is_refused_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = fixture();
    let source = source.to_str().expect("UTF-8");
    let other = tempfile::tempdir().expect("a folder");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(fixture().join(name), other.path().join(name)).expect("copied");
    }
    let mut config = json_file(&other.path().join("config.json"));
    config["architectures"] = json!(["WhateverModel"]);
    config["model_type"] = json!("whatever");
    std::fs::write(other.path().join("config.json"), config.to_string()).expect("written");
    let other = other.path().to_str().expect("UTF-8");
    let mute = tempfile::tempdir().expect("a folder");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture().join(name), mute.path().join(name)).expect("copied");
    }
    let mute = mute.path().to_str().expect("UTF-8");
    for (line, error) in [
        (format!("export {mute} --output_dir out"), "cannot be used: there is no tokenizer.json"),
        (
            format!(
                "export embeddings_ov --source_model {source} --model_name out --model_repository_path . --config_file_path absent/config.json"
            ),
            "absent of the configuration does not exist",
        ),
        (
            format!("export {source} --output_dir out --extra_quantization_params --gptq"),
            "--extra_quantization_params: --gptq is not supported: it needs a data set",
        ),
        (
            format!("export {other} --output_dir out"),
            "the architecture WhateverModel cannot be exported here",
        ),
        ("export absent --output_dir out".to_owned(), "the folder absent does not exist"),
    ] {
        let ended = run_in(folder.path(), &line);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{line}");
        assert!(ended.stderr.starts_with("error: "), "{line}: {}", ended.stderr);
        assert!(ended.stderr.contains(error), "{line}: {}", ended.stderr);
        assert_eq!(tree(folder.path()), Vec::<String>::new(), "{line}");
    }
}
