//! Command lines: all are understood, without a warning, and name only what the container has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use embedserve::cli::{Environment, Invocation, ServedModels, parse};
use serde_json::Value;

use crate::{Container, containers};

/// Where Kubernetes reads the last words of a container.
const TERMINATION: &str = "/dev/termination-log";

fn parsed(container: &Container) -> Invocation {
    let words = std::iter::once("embedserve".to_owned()).chain(container.args());
    let parsed = parse(words.map(OsString::from), &Environment::default());
    let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", container.of));
    assert!(parsed.warnings.is_empty(), "{}: {:?}", container.of, parsed.warnings);
    parsed.invocation
}

/// A mount that holds `path`, and whether it may be written.
fn mount<'a>(container: &'a Container, path: &Path) -> Option<&'a Value> {
    let mounts = container.container["volumeMounts"].as_array()?;
    mounts.iter().find(|it| path.starts_with(it["mountPath"].as_str().expect("a path")))
}

fn reads(container: &Container, path: &Path) {
    let found = mount(container, path);
    assert!(found.is_some(), "{}: {} is not mounted", container.of, path.display());
}

fn writes(container: &Container, path: &Path) {
    reads(container, path);
    let mount = mount(container, path).expect("it is there");
    assert_ne!(mount["readOnly"], true, "{}: {}", container.of, path.display());
}

fn port(container: &Container, name: &str) -> u64 {
    let ports = container.container["ports"].as_array().into_iter().flatten();
    let found = ports.clone().find(|it| it["name"] == name);
    let port = found.and_then(|it| it["containerPort"].as_u64());
    port.unwrap_or_else(|| panic!("{} has no port {name}", container.of))
}

fn reports(container: &Container, path: Option<PathBuf>) {
    assert_eq!(path.as_deref(), Some(Path::new(TERMINATION)), "{}", container.of);
    // Another path would have to be said to Kubernetes too.
    assert_eq!(container.container["terminationMessagePath"], Value::Null, "{}", container.of);
}

#[test]
fn every_command_line_is_understood_and_fits_its_container() {
    let mut seen = std::collections::BTreeSet::new();
    for container in containers() {
        let name = container.container["name"].as_str().expect("a name").to_owned();
        match (name.as_str(), parsed(&container)) {
            ("server", Invocation::Serve(options)) => {
                let ServedModels::ConfigFile { path, poll, .. } = options.models else {
                    panic!("{}: settings are in a file", container.of);
                };
                reads(&container, &path);
                assert_eq!(poll, None, "{}: the settings of a pod never change", container.of);
                let server = options.server;
                assert_eq!(u64::from(server.rest_port), port(&container, "http"));
                let management = server.management.expect("a port of its own");
                assert_eq!(u64::from(management.port), port(&container, "management"));
                writes(&container, &server.cache_dir.expect("compiled models are kept"));
            }
            ("pull", Invocation::Pull(job)) => {
                writes(&container, &job.pull.output_dir.expect("an exact folder"));
                let management = job.management.expect("it can be watched");
                assert_eq!(u64::from(management.port), port(&container, "management"));
                if let Some(bundle) = job.pull.hub.ca_bundle {
                    reads(&container, &bundle);
                }
                reports(&container, job.termination_message_path);
            }
            ("resolve", Invocation::Resolve(options)) => {
                if let model_hub::Source::Folder(folder) = &options.pull.source {
                    reads(&container, folder);
                }
                reports(&container, options.termination_message_path);
            }
            ("remove", Invocation::Remove(options)) => {
                writes(&container, &options.folder);
                reports(&container, options.termination_message_path);
            }
            ("render-group", Invocation::RenderGroup { termination_message_path }) => {
                reports(&container, termination_message_path);
            }
            (name, other) => panic!("{}: {name} is {other:?}", container.of),
        }
        seen.insert(name);
    }
    let all = ["pull", "remove", "render-group", "resolve", "server"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all, "no command is left out");
}

/// What a manifest says about files reaches the pull as it was said.
#[test]
fn wishes_about_files_arrive() {
    let mirror = containers()
        .into_iter()
        .find(|it| it.of.starts_with("mirror-pulling: Job"))
        .expect("it is pulled");
    let Invocation::Pull(job) = parsed(&mirror) else { panic!("it is a pull") };
    assert_eq!(job.pull.wishes.include, ["onnx/*"]);
    assert_eq!(job.pull.wishes.exclude, ["*.msgpack", "*.h5"]);
    assert_eq!(job.pull.wishes.sha256["model.safetensors"], "0".repeat(64));
    assert_eq!(job.pull.conversion, embedserve::cli::Conversion::Never);
    assert_eq!(job.pull.hub.endpoint.as_deref(), Some("https://hub.example.com:8443/mirror"));
    // The token is a variable, so that no process list shows it.
    let environment = mirror.container["env"].as_array().expect("variables");
    assert!(environment.iter().any(|it| it["name"] == "HF_TOKEN" && it["value"].is_null()));
}

#[test]
fn the_key_of_clients_is_read_from_its_mount() {
    let server = containers()
        .into_iter()
        .find(|it| it.of.starts_with("api-key: Deployment"))
        .expect("it serves");
    let Invocation::Serve(options) = parsed(&server) else { panic!("it serves") };
    let embedserve::cli::ApiKey::File(path) = options.server.api_key else {
        panic!("a file: {:?}", options.server.api_key);
    };
    reads(&server, &path);
}
