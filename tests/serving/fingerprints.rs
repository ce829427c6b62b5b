//! The vectors' fingerprint: the same for the same vectors, whatever serves them, and another one
//! for other vectors.

use integration_tests::client::{embed, get};
use integration_tests::program::{MINILM, Server};
use model_repository::Pooling;
use serde_json::{Value, json};

use crate::site::{Site, reload};

fn info(server: &Server) -> Value {
    get(&format!("{}/info", server.base)).json()["models"].clone()
}

fn of(models: &Value, name: &str) -> String {
    let models = models.as_array().expect("models");
    let model = models.iter().find(|model| model["name"] == name).expect("the model");
    model["fingerprint"].as_str().expect("a text").to_owned()
}

#[test]
fn answers_carry_the_fingerprint_of_their_model() {
    let server = Server::shared();
    let fingerprint = of(&info(server), MINILM);
    assert_eq!(fingerprint.len(), 64);
    let answer = embed(&server.base, MINILM, "hello");
    assert_eq!(answer.header("x-embedserve-fingerprint"), Some(&*fingerprint));
    assert_eq!(embed(&server.base, "absent", "hello").header("x-embedserve-fingerprint"), None);
}

/// If this fails, a rolling update within one set of vectors would look like a change of them, or a
/// change of them would go unnoticed.
#[test]
fn streams_and_names_change_nothing_and_pooling_and_scaling_change_it() {
    let site = Site::new();
    for name in ["one", "two", "cls"] {
        site.add_minilm(name, if name == "cls" { Pooling::Cls } else { Pooling::Mean });
    }
    let graph = std::fs::read_to_string(site.path("two").join("graph.pbtxt")).expect("a graph");
    let mut graph = model_repository::graph::Graph::parse(&graph).expect("a graph");
    graph.options.plugin_config.insert("NUM_STREAMS".to_owned(), "2".to_owned());
    site.write_graph("two", &graph.render());
    site.configure(&["one", "two", "cls"]);
    let server = site.serve(&[]);
    let models = info(&server);
    assert_eq!(of(&models, "one"), of(&models, "two"));
    assert_ne!(of(&models, "one"), of(&models, "cls"));
    assert_eq!(of(&models, "one"), of(&info(Server::shared()), MINILM), "of another process");

    graph.options.normalize_embeddings = false;
    site.write_graph("two", &graph.render());
    assert_eq!(reload(&server).status, 201);
    let models = info(&server);
    assert_ne!(of(&models, "one"), of(&models, "two"));

    let model = models.as_array().expect("models").iter().find(|model| model["name"] == "two");
    let model = model.expect("the model");
    assert_eq!(model["plugin_properties"]["NUM_STREAMS"], "2");
    assert_eq!(model["streams"], 2);
    assert!(model["threads"].as_u64() >= Some(1), "{model}");
    assert_eq!(model["driver"], json!(null), "a processor has none");
}
