//! Helm, as somebody who installs the chart would call it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

use crate::control_plane::{ControlPlane, User};
use crate::operator::NAMESPACE;
use crate::program::{cache, clean};

/// The chart, from this package.
const CHART: &str = "../charts/embedserve";

/// The folder of the chart.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(CHART)
}

/// A file of the chart.
///
/// # Panics
/// If there is none.
pub fn chart_file(path: &str) -> String {
    std::fs::read_to_string(chart().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Helm that `make kubernetes` built, in the version of its go.mod.
#[derive(Debug)]
pub struct Helm(PathBuf);

impl Helm {
    /// Finds it. `None` without it, which is said aloud; the test then returns.
    ///
    /// # Panics
    /// If go.mod names no version.
    pub fn find() -> Option<Self> {
        let module = include_str!("../cluster/helm/go.mod");
        let version = module.lines().find_map(|line| line.split_once("helm.sh/helm/v3 v"));
        let version = version.and_then(|(_, rest)| rest.split_whitespace().next());
        let folder = format!("helm-{}", version.expect("go.mod requires Helm"));
        let program = cache().join(folder).join("helm");
        if program.exists() {
            return Some(Self(program));
        }
        // Not by a macro, whose text cargo shows only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a test with Helm: {} is missing: run `make kubernetes`",
            program.display()
        );
        None
    }

    /// Runs it without a cluster.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        self.run_with(None, arguments)
    }

    /// Runs it as the administrator of a control plane.
    pub fn run_in<I: AsRef<OsStr>>(
        &self,
        plane: &ControlPlane,
        arguments: impl IntoIterator<Item = I>,
    ) -> Output {
        self.run_with(Some(&plane.kubeconfig(User::Admin)), arguments)
    }

    /// Runs it in the cluster of a kubeconfig.
    pub fn run_at<I: AsRef<OsStr>>(
        &self,
        kubeconfig: &Path,
        arguments: impl IntoIterator<Item = I>,
    ) -> Output {
        self.run_with(Some(kubeconfig), arguments)
    }

    fn run_with<I: AsRef<OsStr>>(
        &self,
        kubeconfig: Option<&Path>,
        arguments: impl IntoIterator<Item = I>,
    ) -> Output {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(&self.0);
        clean(&mut command);
        // Neither repositories nor plug-ins nor the cluster of whoever runs the tests.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["HELM_", "XDG_", "KUBE"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.env("HOME", home.path()).args(arguments);
        if let Some(kubeconfig) = kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command.output().expect("Helm starts")
    }

    /// The text of all objects of the chart, installed as `embedserve` into the operator's namespace with further
    /// arguments such as `--set`.
    ///
    /// # Panics
    /// With Helm's words, if it refuses.
    pub fn template(&self, arguments: &[&str]) -> String {
        let output = self.try_template(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("output is UTF-8")
    }

    /// The same, which may fail.
    pub fn try_template(&self, arguments: &[&str]) -> Output {
        let chart = chart();
        let fixed = ["template".as_ref(), "embedserve".as_ref(), chart.as_os_str()];
        let fixed = fixed.into_iter().chain(["--namespace", NAMESPACE].map(OsStr::new));
        self.run(fixed.chain(arguments.iter().map(OsStr::new)))
    }

    /// All objects.
    pub fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        objects(&self.template(arguments))
    }
}

/// The objects of a text with several.
///
/// # Panics
/// If it is no YAML.
pub fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let objects = documents.map(|document| Value::deserialize(document).expect("it is YAML"));
    objects.filter(|object| !object.is_null()).collect()
}

/// The object of a kind with a name.
///
/// # Panics
/// If there is not exactly one.
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |it: &&Value| it["kind"] == kind && it["metadata"]["name"] == name;
    let found: Vec<&Value> = objects.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found[0]
}
