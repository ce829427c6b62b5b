//! Manifests as users apply them: the examples, and typing mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use crds::read_manifests;
use integration_tests::control_plane::{ControlPlane, User};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{models_of, plane};

/// The six lines that the first page promises to be enough.
const SIX_LINES: &str = "\
apiVersion: embedserve.dev/v1alpha1
kind: EmbeddingModel
metadata: {name: bge-base}
spec:
  source:
    huggingFace: {repo: BAAI/bge-base-en-v1.5}
";

/// The files of examples.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/examples");
    let entries = fs::read_dir(folder).expect("the folder of examples can be listed");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    files.sort();
    assert!(files.len() >= 8, "only {} examples were found", files.len());
    files
}

/// An example's text with every namespace replaced, and the names of its models.
fn example_in(namespace: &str, file: &Path) -> (String, Vec<String>) {
    let text = fs::read_to_string(file).expect("an example can be read");
    let replaced: Vec<String> = text
        .lines()
        .map(|line| match line.strip_prefix("  namespace: ") {
            Some(_) => format!("  namespace: {namespace}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let models = read_manifests(&text).expect("an example is good").models;
    let names = models.into_iter().filter_map(|model| model.metadata.name).collect();
    (replaced.concat(), names)
}

/// Applies a text, which must succeed without warnings, and returns what kubectl printed.
fn apply(plane: &ControlPlane, namespace: &str, further: &[&str], text: &str) -> String {
    let fixed = ["apply", "--filename=-", "--namespace", namespace];
    let output = plane.kubectl_with_input(fixed.iter().chain(further), text);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
    assert!(output.status.success(), "{text}");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

#[test]
fn every_example_can_be_applied_in_either_way_again_and_again() {
    let Some(plane) = plane() else { return };
    for (way, first, second) in [
        (&["--server-side"][..], "serverside-applied", "serverside-applied"),
        (&[], "created", "unchanged"),
    ] {
        let namespace = plane.namespace("applied");
        for file in examples() {
            let (text, names) = example_in(&namespace, &file);
            let dry: Vec<&str> = way.iter().copied().chain(["--dry-run=server"]).collect();
            let said = |how: &str| {
                let line = |name| format!("embeddingmodel.embedserve.dev/{name} {how}\n");
                names.iter().map(line).collect::<String>()
            };
            let answer = apply(plane, &namespace, &dry, &text);
            assert_eq!(answer, said(&format!("{first} (server dry run)")));
            assert_eq!(apply(plane, &namespace, way, &text), said(first));
            let versions = || {
                let path = |name| format!("{}/{name}", models_of(&namespace));
                let version =
                    |name| plane.get(&path(name))?.pointer("/metadata/resourceVersion").cloned();
                names.iter().map(version).collect::<Option<Vec<Value>>>().expect("all are there")
            };
            let before = versions();
            assert_eq!(apply(plane, &namespace, way, &text), said(second));
            assert_eq!(versions(), before, "{}: applying it again changes nothing", file.display());
        }
    }
}

/// The operator reads what the API server stores, `embedserve run` reads the file: both must see the same.
#[test]
fn what_is_stored_of_an_example_is_what_is_read_without_a_server() {
    let Some(plane) = plane() else { return };
    let namespace = plane.namespace("stored");
    for file in examples() {
        let (text, _) = example_in(&namespace, &file);
        apply(plane, &namespace, &[], &text);
        for model in read_manifests(&text).expect("an example is good").models {
            let name = model.metadata.name.as_deref().expect("an example has a name");
            let stored = plane.get(&format!("{}/{name}", models_of(&namespace)));
            let stored = stored.expect("what was applied is there");
            let read = serde_json::to_value(&model.spec).expect("plain JSON");
            assert_eq!(stored["spec"], read, "{}", file.display());
        }
    }
}

#[test]
fn six_lines_are_stored_with_every_default_in_sight() {
    let Some(plane) = plane() else { return };
    let namespace = plane.namespace("defaults");
    apply(plane, &namespace, &[], SIX_LINES);
    let stored = plane.get(&format!("{}/bge-base", models_of(&namespace)));
    let expected = json!({
        "source": {"huggingFace": {"repo": "BAAI/bge-base-en-v1.5", "revision": "main"}},
        "conversion": {"mode": "IfNeeded", "weightFormat": "int8"},
        "pooling": "Auto",
        "limits": {},
        "device": {"target": "CPU", "fallback": "Never", "performanceHint": "Latency"},
        "cache": {
            "mode": "PersistentVolumeClaim",
            "scope": "Namespace",
            "retention": {"policy": "Delete"},
            "compiled": {"enabled": true}
        },
        "rollout": {
            "maxSurge": 1,
            "maxUnavailable": 0,
            "progressDeadline": "10m",
            "autoRollback": true,
            "historyLimit": 2,
            "paused": false
        },
        "disruption": {"enabled": true},
        "auth": {},
        "expose": {"service": {"type": "ClusterIP", "port": 8000}},
        "networkPolicy": {"mode": "Managed"},
        "monitoring": {"podMonitor": "Auto", "prometheusRule": "Auto"},
        "scheduling": {},
        "podTemplate": {},
        "image": {},
        "suspend": false
    });
    assert_eq!(stored.expect("it is there")["spec"], expected);
}

#[test]
fn a_whole_number_that_is_written_as_a_fraction_is_stored_as_what_is_read_without_a_server() {
    let Some(plane) = plane() else { return };
    let namespace = plane.namespace("fraction");
    let text = format!("{SIX_LINES}  replicas: 2.0\n  rollout: {{maxSurge: 3.0}}\n");
    apply(plane, &namespace, &[], &text);
    let stored = plane.get(&format!("{}/bge-base", models_of(&namespace))).expect("it is there");
    assert_eq!(
        (&stored["spec"]["replicas"], &stored["spec"]["rollout"]["maxSurge"]),
        (&2.into(), &3.into())
    );
    let model = read_manifests(&text).expect("good").models.remove(0);
    assert_eq!(stored["spec"], serde_json::to_value(&model.spec).expect("plain JSON"));
}

#[test]
fn a_misspelt_field_is_refused_by_its_name() {
    let Some(plane) = plane() else { return };
    for (right, wrong, field) in [
        (
            "huggingFace: {repo",
            "huggingFace: {revison: main, repo",
            "spec.source.huggingFace.revison",
        ),
        ("spec:\n", "spec:\n  poolings: Mean\n", "spec.poolings"),
        ("spec:\n", "spec:\n  cache: {compiled: {size: 1Gi}}\n", "spec.cache.compiled.size"),
        ("{name: bge-base}", "{name: bge-base, label: {}}", "metadata.label"),
        ("spec:\n", "specs: {}\nspec:\n", "specs"),
    ] {
        let text = SIX_LINES.replace(right, wrong);
        let arguments = ["apply", "--validate=strict", "--dry-run=server", "--filename=-"];
        for way in [&[][..], &["--server-side"]] {
            let output = plane.kubectl_with_input(arguments.iter().chain(way), &text);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success(), "{wrong}");
            assert!(error.contains(field), "{field} is not named in {error}");
        }
        let error = read_manifests(&text).expect_err("unknown fields are refused").to_string();
        assert!(error.contains(field), "{field} is not named in {error}");
    }
}

/// A newer chart's manifest in an older cluster, or one with `--validate=warn`, loses fields silently
/// otherwise.
#[test]
fn an_unknown_field_is_not_stored_and_a_warning_says_so() {
    let Some(plane) = plane() else { return };
    let namespace = plane.namespace("unknown");
    let object = json!({
        "apiVersion": crds::API_VERSION,
        "kind": crds::KIND,
        "metadata": {"name": "small"},
        "spec": {"source": {"huggingFace": {"repo": "a/b"}}, "aliases": ["a"]}
    });
    let path = format!("{}?fieldValidation=Warn", models_of(&namespace));
    let answer = plane.request(User::Admin, Method::POST, &path, Some(&object));
    assert!(answer.warnings.iter().any(|text| text.contains("spec.aliases")), "{answer:?}");
    assert!(answer.object()["spec"].get("aliases").is_none());
}
