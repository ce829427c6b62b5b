//! The ConfigMap: the server reads from it what the model asks for.

use std::path::Path;

use model_repository::Pooling;
use model_repository::config::Config;
use model_repository::graph::Graph;
use model_repository::settings::Settings;
use operator::kind::Kind;

use crate::{cases, object};

#[test]
fn every_config_map_of_settings_is_what_the_server_reads() {
    let mut read = 0;
    for case in cases::all() {
        let maps = case.objects.iter().filter(|it| it.kind == Kind::ConfigMap);
        for map in maps.filter(|it| it.body["data"]["config.json"].is_string()) {
            let text = |file: &str| map.body["data"][file].as_str();
            let config = text("config.json").expect("it is there");
            let config = Config::parse_with(config, Path::new("/config"), &|_| true)
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
            let [model] = config.servables.as_slice() else { panic!("{}: one model", case.name) };
            assert_eq!(model.name, "small", "{}", case.name);
            let pods = case.objects.iter().filter(|it| it.kind == Kind::Deployment);
            for pod in pods.map(|it| &it.body["spec"]["template"]["spec"]) {
                let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
                for path in [&model.base_path, &model.graph_path] {
                    let is_mounted = mounts
                        .iter()
                        .any(|it| path.starts_with(it["mountPath"].as_str().expect("a path")));
                    assert!(is_mounted, "{}: {}", case.name, path.display());
                }
            }
            let graph = Graph::parse(text("graph.pbtxt").expect("it is there"))
                .unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!(graph.options.pooling, Some(Pooling::Mean), "{}", case.name);
            assert!(graph.options.target_device.is_some(), "{}: always explicit", case.name);
            if let Some(settings) = text("embedserve.json") {
                Settings::parse(settings).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            }
            read += 1;
        }
    }
    assert!(read > 10, "there are many: {read}");
}

/// The key is part of the path, so that a folder is never served that another release pulled.
#[test]
fn pods_serve_the_folder_that_the_job_fills() {
    let job = object("pulling", Kind::Job, "emb-");
    let args = job.body["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let args: Vec<String> = serde_json::from_value(args).expect("texts");
    let folder = args.iter().position(|it| it == "--output_dir").expect("it is said") + 1;
    let map = object("cpu-minimal", Kind::ConfigMap, "small-");
    let config = map.body["data"]["config.json"].as_str().expect("a text");
    assert!(config.contains(&format!("\"{}\"", args[folder])), "{config}");
}
