//! The shape that an operator serves in: configuration, key and model on mounts of their own, which
//! are read-only and change by symbolic links, as Kubernetes mounts ConfigMaps and Secrets.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use integration_tests::client::{client, embed, get, send};
use integration_tests::expected::{cosine, texts, vectors};
use integration_tests::program::{Server, free_port, minilm_repository};
use integration_tests::wait::until;
use model_repository::Pooling;
use model_repository::graph::Graph;
use serde_json::json;

use crate::site::copy_minilm;

const NAME: &str = "org/served";

/// A folder as kubelet mounts a ConfigMap or a Secret: each name is a link into `..data`, itself a
/// link to a folder with a time in its name, which is exchanged as a whole.
struct Mount {
    folder: PathBuf,
    versions: usize,
}

impl Mount {
    fn new(folder: PathBuf, files: &[(&str, &str)]) -> Self {
        fs::create_dir(&folder).expect("a folder");
        let mut mount = Self { folder, versions: 0 };
        mount.change(files);
        for (name, _) in files {
            symlink(format!("..data/{name}"), mount.folder.join(name)).expect("a link");
        }
        mount
    }

    fn change(&mut self, files: &[(&str, &str)]) {
        self.versions += 1;
        let version = format!("..2026_01_01_00_00_00.{}", self.versions);
        fs::create_dir(self.folder.join(&version)).expect("a folder");
        for (name, text) in files {
            fs::write(self.folder.join(&version).join(name), text).expect("written");
        }
        symlink(&version, self.folder.join("..data_tmp")).expect("a link");
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).expect("swapped");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// `config.json`, `graph.pbtxt` and `embedserve.json` of one model.
fn configuration(folder: &Path, model: &Path, pooling: Pooling, most_tokens: usize) -> [String; 3] {
    let entry = json!({
        "name": NAME,
        "base_path": model,
        "graph_path": folder.join("graph.pbtxt"),
    });
    let mut graph = Graph::default();
    graph.options.pooling = Some(pooling);
    [
        json!({"model_config_list": [], "mediapipe_config_list": [entry]}).to_string(),
        graph.render(),
        json!({"max_input_tokens": most_tokens}).to_string(),
    ]
}

fn named(texts: &[String; 3]) -> [(&str, &str); 3] {
    [("config.json", &texts[0]), ("graph.pbtxt", &texts[1]), ("embedserve.json", &texts[2])]
}

/// Nobody may write below `folder` any more, root excepted.
fn read_only(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_only(&path);
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o555)).expect("changed");
}

fn names_below(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    names.sort();
    names
}

#[test]
fn a_model_is_served_from_read_only_mounts_and_follows_their_changes() {
    let site = tempfile::tempdir_in(minilm_repository()).expect("a folder");
    let model = site.path().join("models-abc");
    copy_minilm(&model);
    // What a pull wrote is not what counts.
    let mut other = Graph::default();
    other.options.pooling = Some(Pooling::Last);
    fs::write(model.join("graph.pbtxt"), other.render()).expect("written");
    read_only(&model);
    let before = names_below(&model);
    let cache = site.path().join("cache");
    fs::create_dir(&cache).expect("a folder");

    let folder = site.path().join("config");
    let first = configuration(&folder, &model, Pooling::Mean, 128);
    let mut config = Mount::new(folder.clone(), &named(&first));
    let mut secret = Mount::new(site.path().join("secret"), &[("key", "first\n")]);
    let management = free_port().to_string();
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let server = Server::start([
        "serve",
        "--config_path",
        &text(config.path("config.json")),
        "--management_port",
        &management,
        "--cache_dir",
        &text(cache.clone()),
        "--api_key_file",
        &text(secret.path("key")),
    ]);
    let ask = |key: &str| {
        let body = json!({"model": NAME, "input": texts()[30]});
        send(client().post(format!("{}/v3/embeddings", server.base)).bearer_auth(key).json(&body))
    };
    let is_mean = |key: &str| cosine(&ask(key).vectors()[0], &vectors()[30]) > 0.99999;
    let info = || get(&format!("http://127.0.0.1:{management}/info")).json()["models"][0].clone();
    assert!(is_mean("first"));
    assert_eq!(info()["max_tokens"], 128);
    assert!(!names_below(&cache).is_empty(), "compiled models are kept");

    secret.change(&[("key", "second\n")]);
    until("the new key counts", || ask("second").status == 200);
    assert_eq!(ask("first").status, 401);

    config.change(&named(&configuration(&folder, &model, Pooling::Cls, 64)));
    until("the new settings serve", || info()["max_tokens"] == 64);
    assert_eq!(info()["pooling"], "CLS");
    assert!(!is_mean("second"));

    // A mistake in a ConfigMap: what serves goes on.
    let broken = configuration(&folder, &model, Pooling::Mean, 100_000);
    config.change(&named(&broken));
    until("the mistake is told", || info()["error"].is_string());
    assert!(info()["error"].as_str().expect("a text").contains("max_input_tokens"), "{}", info());
    assert_eq!(ask("second").status, 200);

    config.change(&named(&first));
    until("the first settings serve again", || info()["max_tokens"] == 128);
    assert!(is_mean("second") && info()["error"].is_null());
    assert_eq!(names_below(&model), before, "nothing is written beside the model");
    assert_eq!(embed(&server.base, NAME, "a").status, 401);
}
