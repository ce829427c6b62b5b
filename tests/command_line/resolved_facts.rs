//! What `resolve` finds out without pulling: of a repository on the hub, and of a folder that is
//! served where it is.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use integration_tests::hub::{Action, Behaviour, Fault, TestHub, sha256};
use serde_json::{Value, json};

use crate::support::{NAME, command, end, fixture, hub, repository, run_in};

fn resolved(hub: &TestHub, folder: &Path, arguments: &[&str]) -> Value {
    let ended = end(command(hub, folder, ["resolve"]).args(arguments));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[test]
fn the_facts_of_a_repository_are_known_before_its_weights_are_fetched() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let answer = resolved(&hub, folder.path(), &[NAME, "--weight-format", "fp32"]);
    assert_eq!(answer["facts"]["pooling"], "MEAN");
    assert_eq!(answer["facts"]["hiddenSize"], 36);
    assert_eq!(answer["facts"]["tokenizer"], "BertTokenizer");
    assert_eq!(answer["weight_format"], "fp32");
    assert_eq!(answer["digest"].as_str().expect("a text").len(), 64);
    let fetched: Vec<String> = hub.downloads().into_iter().map(|request| request.path).collect();
    assert!(
        !fetched.is_empty() && fetched.iter().all(|path| path.ends_with(".json")),
        "{fetched:?}"
    );
    assert!(!fetched.iter().any(|path| path.ends_with("/tokenizer.json")), "{fetched:?}");
}

#[test]
fn what_a_mirror_does_not_state_is_left_out_of_nothing() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let by_hub = resolved(&hub, folder.path(), &[NAME]);
    hub.behave(|behaviour| *behaviour = Behaviour { blobs: false, ..Behaviour::default() });
    assert_eq!(resolved(&hub, folder.path(), &[NAME])["digest"], by_hub["digest"]);
}

#[test]
fn a_small_file_that_arrives_changed_is_refused() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    hub.fault(Fault::new("/1_Pooling/config.json", Action::WrongBytes));
    let ended = end(&mut command(&hub, folder.path(), ["resolve", NAME]));
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("1_Pooling/config.json has the wrong content"),
        "{}",
        ended.stderr
    );
}

/// Dense modules make vectors of another length than the tokens'; an export puts them in the graph.
#[test]
fn vectors_of_a_model_with_dense_modules_have_their_length_before_the_export() {
    let hub = TestHub::start();
    let modules = json!([
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]);
    let dense = json!({"in_features": 36, "out_features": 16, "bias": true});
    hub.add(
        repository()
            .file("modules.json", modules.to_string())
            .file("2_Dense/config.json", dense.to_string()),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let answer = resolved(&hub, folder.path(), &[NAME]);
    assert_eq!(answer["facts"]["graphDimensions"], 16);
    assert_eq!(answer["facts"]["graphPooling"], "MEAN");
}

/// A model on a volume of the user's, mounted read-only.
#[test]
fn a_folder_is_described_and_verified_where_it_is() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let ended = end(&mut command(&hub, folder.path(), ["pull", NAME, "--weight-format", "int8"]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let model = folder.path().join("models").join(NAME);
    std::fs::set_permissions(&model, Permissions::from_mode(0o555)).expect("read-only");
    let path = model.to_str().expect("UTF-8");
    let bin = std::fs::read(model.join("openvino_model.bin")).expect("weights");
    let xml = std::fs::read(model.join("openvino_model.xml")).expect("a graph");
    let good = format!("openvino_model.bin={},graph.pbtxt={}", sha256(&bin), {
        sha256(&std::fs::read(model.join("graph.pbtxt")).expect("a graph"))
    });
    let arguments = [path, "--conversion", "never", "--sha256", &good];
    let answer = resolved(&hub, folder.path(), &arguments);
    assert_eq!(answer["weights_bytes"], bin.len());
    assert_eq!(answer["weight_format"], "int8");
    assert_eq!(answer["facts"]["pooling"], "MEAN");
    let wrong = format!("openvino_model.bin={}", sha256(&xml));
    let ended = end(command(&hub, folder.path(), ["resolve", path]).args(["--sha256", &wrong]));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("instead of the demanded"), "{}", ended.stderr);
}

/// OVMS's export leaves out the pooling module's folder, and its graph is all that says how to pool.
#[test]
fn a_folder_made_by_ovms_tools_keeps_the_settings_of_its_graph() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let ended = end(&mut command(&hub, folder.path(), ["pull", NAME]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let model = folder.path().join("models").join(NAME);
    let path = model.to_str().expect("UTF-8");
    let graph = std::fs::read_to_string(model.join("graph.pbtxt")).expect("a graph");
    let facts_with = |graph: &str| {
        std::fs::write(model.join("graph.pbtxt"), graph).expect("written");
        resolved(&hub, folder.path(), &[path])["facts"].clone()
    };
    let pooling_with = |graph: &str| facts_with(graph)["pooling"].clone();
    assert!(graph.contains("pooling: MEAN"), "{graph}");
    assert_eq!(pooling_with(&graph.replace("MEAN", "LAST")), "LAST");
    std::fs::remove_dir_all(model.join("1_Pooling")).expect("removed");
    std::fs::remove_file(model.join("modules.json")).expect("removed");
    assert_eq!(pooling_with(&graph), "MEAN");
    assert_eq!(pooling_with(&graph.replace("pooling: MEAN,", "")), json!(null));
    let vectors_of = |facts: Value| [facts["normalize"].clone(), facts["truncate"].clone()];
    assert_eq!(vectors_of(facts_with(&graph)), [true, false]);
    let other = graph.replace("embeddings: true", "embeddings: false");
    let other = other.replace("truncate: false", "truncate: true");
    assert_eq!(vectors_of(facts_with(&other)), [false, true]);
}

#[test]
fn a_folder_made_for_ovms_alone_is_refused_with_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("model")).expect("a folder");
    let write = |name: &str| std::fs::write(folder.path().join("model").join(name), "x");
    write("openvino_tokenizer.xml").expect("written");
    write("openvino_tokenizer.bin").expect("written");
    let no_model = run_in(folder.path(), "resolve ./model");
    assert_eq!(no_model.code, 1, "{}", no_model.stderr);
    assert!(no_model.stderr.contains("tokenizer.json"), "{}", no_model.stderr);
    std::fs::copy(fixture().join("tokenizer.json"), folder.path().join("model/tokenizer.json"))
        .expect("copied");
    let no_weights = run_in(folder.path(), "resolve ./model");
    assert!(
        no_weights.stderr.contains("has no weights that can be served"),
        "{}",
        no_weights.stderr
    );
}

/// A demand for a file in a folder of the repository that moves to the top of the model's.
#[test]
fn a_demanded_hash_holds_for_the_file_wherever_it_is_placed() {
    let (source, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let ended = end(&mut command(&source, folder.path(), ["pull", NAME]));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let made = folder.path().join("models").join(NAME);
    let read = |name: &str| std::fs::read(made.join(name)).expect("a file");
    let bin = read("openvino_model.bin");
    let hub = TestHub::start();
    hub.add(
        repository()
            .lfs_file("openvino/openvino_model.bin", bin.clone())
            .file("openvino/openvino_model.xml", read("openvino_model.xml")),
    );
    let place = tempfile::tempdir().expect("a folder");
    for path in ["openvino/openvino_model.bin", "openvino_model.bin"] {
        for (content, code) in [(&bin[..], 0), (&b"other"[..], 1)] {
            let demand = format!("{path}={}", sha256(content));
            // The second and later pulls find the model in its place.
            let ended =
                end(command(&hub, place.path(), ["pull", NAME]).args(["--sha256", &demand]));
            assert_eq!(ended.code, code, "{demand}: {}", ended.stderr);
        }
    }
}
