//! A real Kubernetes of one node, with the chart installed: containers, volumes, DNS and Services are the real
//! ones. Everything that talks to pods is a pod itself.
//!
//! `make cluster` starts the same by hand. Where one runs already, it is used and left as it was.

mod turns;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::helm::{Helm, chart};
use crate::kubectl;
use crate::process;
use crate::program::{built, cache, clean};
use crate::wait;
use turns::{Company, Turn, Turns};

/// The namespace of the operator.
pub const SYSTEM: &str = "embedserve-system";
/// The namespace of the hub's stand-in.
pub const TOOLS: &str = "tools";
/// The address of the hub's stand-in for pods.
pub const HUB: &str = "http://hub.tools.svc:8080";

/// The scripts of the cluster and of images, from this package.
const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

/// A running cluster in which the operator works.
pub struct Cluster {
    kubeconfig: PathBuf,
    namespaces: AtomicUsize,
    turns: Turns,
}

/// The cluster of all tests; `None` where it cannot be had, which is said aloud.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| match Cluster::start() {
            Ok(cluster) => Some(cluster),
            Err(reason) => {
                // Not by a macro, whose text cargo shows only for tests that fail.
                let _ = writeln!(std::io::stderr(), "skipped: a test in a cluster: {reason}");
                None
            }
        })
        .as_ref()
}

impl Cluster {
    fn start() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("starting one takes root on Linux: sudo -E make cluster-test".to_owned());
        }
        let helm = Helm::find().ok_or("Helm is missing: run `make kubernetes`")?;
        let was_there = cache().join("cluster/admin.kubeconfig").exists();
        let told = script("cluster/up.sh", &[cache().as_os_str()])?;
        let line = told.lines().find_map(|line| line.strip_prefix("export KUBECONFIG="));
        let kubeconfig = PathBuf::from(line.ok_or("no cluster was started")?);
        if !was_there {
            end_with_this_program();
        }
        let cluster = Self { kubeconfig, namespaces: AtomicUsize::new(1), turns: Turns::default() };
        let images = ["operator", "cpu", "tools"].map(OsStr::new);
        script("images/build.sh", &[&[cache().as_os_str()], &images[..]].concat())?;
        cluster.install(&helm);
        if was_there {
            cluster.restart();
        }
        Ok(cluster)
    }

    /// The hub's stand-in and the operator.
    fn install(&self, helm: &Helm) {
        self.apply(include_str!("../end_to_end/tools.yaml"));
        let status =
            ["rollout", "status", "deployment/hub", "--namespace", TOOLS, "--timeout=120s"];
        self.kubectl_ok(status);
        self.upgrade(helm, &[]);
    }

    /// Has pods of earlier images, whose names are the same, replaced.
    fn restart(&self) {
        for (deployment, namespace) in [("hub", TOOLS), ("embedserve-operator", SYSTEM)] {
            let name = format!("deployment/{deployment}");
            let place = ["--namespace", namespace, &name];
            self.kubectl_ok(["rollout", "restart"].iter().chain(&place));
            self.kubectl_ok(["rollout", "status", "--timeout=120s"].iter().chain(&place));
        }
    }

    /// Installs or upgrades the operator, as a user would, with further arguments.
    ///
    /// # Panics
    /// With Helm's words, if it fails.
    pub fn upgrade(&self, helm: &Helm, more: &[&str]) {
        let (chart, hub) = (chart(), format!("hub.endpoint={HUB}"));
        let values = chart.join("examples/local-values.yaml");
        let mut arguments: Vec<&OsStr> =
            ["upgrade", "--install", "embedserve"].map(OsStr::new).into();
        arguments.extend([chart.as_os_str(), "--values".as_ref(), values.as_os_str()]);
        arguments.extend(["--namespace", SYSTEM, "--create-namespace"].map(OsStr::new));
        arguments.extend(["--wait", "--timeout", "120s", "--set", &hub].map(OsStr::new));
        arguments.extend(more.iter().map(OsStr::new));
        let output = helm.run_at(&self.kubeconfig, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The file with the administrator's way to the API server.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Whether the tests' own scripts started it, and not somebody else.
    pub fn is_ours(&self) -> bool {
        self.kubeconfig == cache().join("cluster/admin.kubeconfig")
    }

    /// Ends a process of the control plane, starts it again after some seconds, and waits until the API server
    /// answers. Only in a cluster that [is ours](Self::is_ours).
    ///
    /// # Panics
    /// If it cannot be done.
    pub fn restart_process(&self, name: &str, seconds_away: u64) {
        let seconds = seconds_away.to_string();
        let cache = cache();
        let arguments = [cache.as_os_str(), name.as_ref(), seconds.as_ref()];
        script("cluster/restart.sh", &arguments).expect("the process is restarted");
    }

    /// Kills all processes of a container, which is named as a pod's status does it. Only in a cluster that
    /// [is ours](Self::is_ours), whose node is this machine.
    ///
    /// # Panics
    /// If it has none.
    pub fn kill_container(&self, id: &str) {
        let id = id.rsplit('/').next().unwrap_or(id);
        let processes = process::in_cgroup(id);
        assert!(!processes.is_empty(), "container {id} has no process");
        for process in processes {
            // One that the one before took with it is gone already.
            let _ = kill_process(process, Signal::KILL);
        }
    }

    /// Makes a namespace in which only pods may run that Pod Security calls restricted. It goes when the value is
    /// dropped.
    pub fn namespace(&self, purpose: &str) -> Namespace<'_> {
        self.namespace_in(Company::Others, purpose)
    }

    /// The same, for a test that needs the cluster's cores for itself: waits until no other has a namespace.
    pub fn namespace_alone(&self, purpose: &str) -> Namespace<'_> {
        self.namespace_in(Company::Nobody, purpose)
    }

    fn namespace_in(&self, company: Company, purpose: &str) -> Namespace<'_> {
        let turn = self.turns.wait(company);
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{purpose}-{}-{number}", std::process::id());
        self.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{pod-security.kubernetes.io/enforce: restricted}}\n"
        ));
        Namespace { cluster: self, name, _turn: turn }
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        self.kubectl_with_input(arguments, "")
    }

    /// Runs kubectl with `input` on standard input.
    pub fn kubectl_with_input<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &str,
    ) -> Output {
        let mut command = kubectl::command(&self.kubeconfig);
        command.args(arguments);
        kubectl::run(command, input)
    }

    /// Runs kubectl, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn kubectl_ok<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> String {
        kubectl::printed(self.kubectl(arguments))
    }

    /// `kubectl apply` of a text.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn apply(&self, text: &str) {
        kubectl::printed(self.kubectl_with_input(["apply", "--filename", "-"], text));
    }
}

/// Has the cluster ended when this program ends, however it ends: by a shell that waits for that.
fn end_with_this_program() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"read -r _; exec "$0" "$1""#]);
    command.arg(Path::new(SCRIPTS).join("cluster/down.sh")).arg(cache());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.process_group(0).spawn().expect("a shell starts");
    // The pipe stays open for as long as the program runs.
    std::mem::forget(child);
}

/// Runs a script of this package with the programs that cargo built beside this test; what it printed, or what it
/// complained of.
pub(crate) fn script(path: &str, arguments: &[&OsStr]) -> Result<String, String> {
    let programs = built("embedserve");
    let mut command = Command::new(Path::new(SCRIPTS).join(path));
    clean(&mut command);
    command.args(arguments).env("PROGRAMS", programs.parent().expect("programs are in a folder"));
    let output = command.output().map_err(|error| format!("{path}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{path}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// A namespace of a test's own.
pub struct Namespace<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its name.
    pub name: String,
    _turn: Turn<'a>,
}

impl Namespace<'_> {
    /// Runs kubectl in the namespace, which must succeed.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl_ok(["--namespace", &self.name].iter().chain(arguments))
    }

    /// `kubectl apply` in the namespace.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn apply(&self, text: &str) {
        let arguments = ["--namespace", &self.name, "apply", "--filename", "-"];
        kubectl::printed(self.cluster.kubectl_with_input(arguments, text));
    }

    /// `kubectl apply` of a model with these members of its specification, each a line of YAML.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn apply_model(&self, name: &str, members: &[&str]) {
        let spec: String = members.iter().map(|member| format!("  {member}\n")).collect();
        self.apply(&format!(
            "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {{name: {name}}}\nspec:\n{spec}"
        ));
    }

    /// An object, for example `get("emb", "minilm")`; null if there is none.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        let output =
            self.cluster.kubectl(["--namespace", &self.name, "get", kind, name, "--output=json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The objects of a kind with these labels.
    pub fn list(&self, kind: &str, selector: &str) -> Vec<Value> {
        let text = self.kubectl(&["get", kind, "--selector", selector, "--output=json"]);
        let list: Value = serde_json::from_str(&text).expect("JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// A condition of a model: its status, reason and message; empty texts if it is not there.
    pub fn condition(&self, model: &str, kind: &str) -> [String; 3] {
        condition(&self.get("emb", model), kind)
    }

    /// Waits until a condition of a model has this status and reason, for its newest specification, for at most two
    /// minutes; returns its message.
    ///
    /// # Panics
    /// With the model's status, if it does not.
    pub fn wait_for(&self, model: &str, kind: &str, status: &str, reason: &str) -> String {
        let mut seen = Value::Null;
        wait::for_long(
            &format!("{model}: {kind} is {status} because {reason}"),
            || {
                seen = self.get("emb", model);
                let [found_status, found_reason, _] = condition(&seen, kind);
                seen["status"]["observedGeneration"] == seen["metadata"]["generation"]
                    && (found_status.as_str(), found_reason.as_str()) == (status, reason)
            },
            || {
                format!(
                    "{:#}\n{}",
                    self.get("emb", model)["status"],
                    self.kubectl(&["get", "pods,events"])
                )
            },
        );
        let [_, _, message] = condition(&seen, kind);
        message
    }

    /// What a pod that runs to its end has printed.
    ///
    /// # Panics
    /// With what it printed, if it fails.
    pub fn output_of(&self, pod: &str) -> String {
        let phase =
            || self.get("pod", pod)["status"]["phase"].as_str().unwrap_or_default().to_owned();
        let is_over = || matches!(phase().as_str(), "Succeeded" | "Failed");
        wait::for_long(&format!("pod {pod} ends"), is_over, || {
            self.kubectl(&["describe", "pod", pod])
        });
        let log = self.kubectl(&["logs", pod]);
        assert_eq!(phase(), "Succeeded", "{pod}: {log}");
        log
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // What a failed test leaves is looked at by hand.
        if !std::thread::panicking() {
            let arguments = ["delete", "namespace", &self.name, "--wait=false"];
            self.cluster.kubectl(arguments);
        }
    }
}

fn condition(model: &Value, kind: &str) -> [String; 3] {
    let conditions = model["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|it| it["type"] == kind).unwrap_or_default();
    ["status", "reason", "message"].map(|key| found[key].as_str().unwrap_or_default().to_owned())
}
