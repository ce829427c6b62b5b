//! Whether a server that a reader has started serves what that reader has made, and refuses what
//! needs a device that is not there.

use model_repository::Pooling;
use openvino_runtime::{OpenVino, find_libraries};
use serde_json::{Value, json};

use crate::reader::Reader;
use crate::table::{Form, SmallModel, Table};
use crate::vectors::{assert_close, cosine, expected, length};

/// Checks every model of the reader's `config.json`.
pub(crate) fn check(table: &Table, reader: &Reader) {
    let configured = reader.configured();
    let has_gpu = machine_has_gpu();
    let info = reader.get("/info").1;
    let mut serving = Vec::new();
    for (name, _) in &configured {
        let options = reader.graph(name).options;
        let device = options.target_device.expect("a pull writes it");
        let held = table.hub.iter().find(|held| held.repo == *name).expect("the hub holds it");
        if device == "GPU" && !has_gpu {
            assert_refused(reader, &info, name);
        } else {
            let pooling = options.pooling.expect("a pull writes it");
            let shown = member(&info["models"], name);
            assert_eq!(shown["pooling"], pooling.to_string());
            assert!(shown["device"].as_str().is_some_and(|really| really.starts_with(&device)));
            assert_eq!(shown["normalize"], options.normalize_embeddings);
            let least = match (held.form, shown["weight_format"].as_str()) {
                (Form::Weights, Some("int4")) => 0.9,
                (Form::IR, _) | (Form::Weights, Some("int8")) => 0.999,
                (Form::Weights, Some("fp16")) => 0.9999,
                (Form::Weights, _) => 0.99999,
            };
            let normalize = options.normalize_embeddings;
            assert_vectors(reader, name, &held.holds, pooling, normalize, least);
            serving.push(name.clone());
        }
    }
    serving.sort();
    let models = reader.get("/v3/models").1;
    let listed = models["data"].as_array().expect("a list").iter();
    let listed: Vec<&str> = listed.map(|one| one["id"].as_str().expect("an id")).collect();
    assert_eq!(listed, serving, "those that serve, and only those");
    assert!(!serving.is_empty(), "every reader has a model that serves");
}

/// A model of a device that is not there: said in the status, in `/info`, in the log, and to who
/// asks for embeddings.
fn assert_refused(reader: &Reader, info: &Value, name: &str) {
    let refusal = "device GPU is not available on this machine; OpenVINO sees: CPU";
    let status = &reader.get("/v1/config").1[name]["model_version_status"][0];
    assert_eq!((&status["version"], &status["state"]), (&json!("1"), &json!("LOADING")));
    assert_eq!(status["status"]["error_code"], "FAILED_PRECONDITION");
    let told = status["status"]["error_message"].as_str().expect("a message");
    assert!(told.contains(refusal), "{told}");
    let shown = member(&info["not_serving"], name);
    assert_eq!((&shown["state"], &shown["error"]), (&json!("failed"), &json!(told)));
    let log = reader.server().log();
    let line = log.lines().find(|line| line.contains("model not loaded") && line.contains(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in the log:\n{log}"));
    assert!(line.contains(refusal), "{line}");
    let (code, body) = reader.embed(name, json!("hello world"));
    let text = body["error"]["message"].as_str().unwrap_or_default();
    assert!(code == 503 && text.contains("device GPU is not available"), "{code}: {body}");
    let ready = format!("/v2/models/{}/ready", name.replace('/', "%2F"));
    let url = format!("{}{ready}", reader.server().base);
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let code = client.get(url).send().expect("the server answers").status().as_u16();
    assert_ne!(code, 200, "{name} is not ready");
}

fn assert_vectors(
    reader: &Reader,
    name: &str,
    model: &SmallModel,
    pooling: Pooling,
    normalize: bool,
    least: f64,
) {
    let expected = expected(model, pooling, normalize);
    let documents: Vec<&Vec<u32>> = expected.iter().map(|one| &one.tokens).collect();
    if documents.is_empty() {
        let vector = reader.vectors(name, json!("hello world")).remove(0);
        assert_eq!(vector.len(), 384, "{name}");
        assert_eq!((length(&vector) - 1.0).abs() < 1e-5, normalize, "{name}: {}", length(&vector));
        return;
    }
    let found = reader.vectors(name, json!(documents));
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_close(found, &expected.vector, least, &format!("{name}, document {index}"));
    }
}

/// `--skip_normalize`: the same direction as with normalisation, and another length.
pub(crate) fn assert_unnormalized(without: &Reader, with: &Reader) {
    let vector =
        |reader: &Reader| reader.vectors("BAAI/bge-large-en-v1.5", json!("hello world")).remove(0);
    let (without, with) = (vector(without), vector(with));
    assert!(cosine(&without, &with) > 0.99999);
    assert!((length(&with) - 1.0).abs() < 1e-5);
    assert!(length(&without) > 1.5, "{}", length(&without));
}

fn member<'a>(models: &'a Value, name: &str) -> &'a Value {
    let models = models.as_array().expect("a list of models");
    models.iter().find(|model| model["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn machine_has_gpu() -> bool {
    let libraries = find_libraries(None).expect("no OpenVINO: run `make deps` first");
    let openvino = OpenVino::load(&libraries).expect("OpenVINO loads");
    openvino.devices().iter().any(|device| device.name.starts_with("GPU"))
}
