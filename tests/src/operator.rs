//! The built `embedserve-operator` as a child process, with the rights that the chart gives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, User};
use crate::program::{built, clean, free_port};
use crate::wait;

/// The chart's files with what the operator may do.
const RULES: &str = "../charts/embedserve/files";
/// The operator's namespace.
pub const NAMESPACE: &str = "embedserve-system";

/// A running operator, ended when dropped.
pub struct Operator {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

/// A file of the chart with rules.
pub fn rules(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RULES).join(file);
    fs::read_to_string(path).expect("the chart has its rules")
}

/// Gives the operator's user exactly the rights of the chart, once.
pub fn allow_operator(plane: &ControlPlane) {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let subject = format!(
        "{{kind: User, apiGroup: rbac.authorization.k8s.io, name: \"{}\"}}",
        User::Operator.name()
    );
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: embedserve-operator}}\nrules:\n{}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: embedserve-operator}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: embedserve-operator}}\nsubjects: [{subject}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: embedserve-operator, namespace: {NAMESPACE}}}\nrules:\n{}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: embedserve-operator, namespace: {NAMESPACE}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: embedserve-operator}}\nsubjects: [{subject}]\n",
        indented(&rules("operator-rules.yaml")),
        indented(&rules("lease-rules.yaml")),
    );
    let output = plane.kubectl_with_input(["apply", "--filename", "-"], &text);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Operator {
    /// Starts the operator with further arguments and does not wait. It asks pods directly.
    pub fn start(plane: &ControlPlane, arguments: &[&str]) -> Self {
        let kubeconfig = plane.kubeconfig(User::Operator);
        Self::start_as(&kubeconfig, &[&["--pod-access", "direct"], arguments].concat())
    }

    /// Starts it with exactly these arguments, as the user of a kubeconfig, and does not wait.
    pub fn start_as(kubeconfig: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let file = fs::File::create(&log).expect("the log can be made");
        // It ends with the test program, by a shell that waits for that.
        let mut command = Command::new("sh");
        command.args(["-c", r#""$0" "$@" & child=$!; trap 'kill -TERM $child; wait $child; exit' TERM; read -r _; kill -KILL $child"#]);
        command.arg(built("embedserve-operator")).arg("run");
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(arguments);
        clean(&mut command);
        command.env("KUBECONFIG", kubeconfig).env("HOME", folder.path());
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the operator starts");
        Self { child, base: format!("http://127.0.0.1:{port}"), log, _folder: folder }
    }

    /// Waits until it reconciles.
    pub fn wait_until_leading(&self) {
        wait::until("the operator leads", || {
            self.get("/readyz").is_some_and(|text| text == "leading")
        });
    }

    /// The answer to a GET; `None` without a good one.
    pub fn get(&self, path: &str) -> Option<String> {
        let answer = reqwest::blocking::get(format!("{}{path}", self.base)).ok()?;
        answer.error_for_status().ok()?.text().ok()
    }

    /// The value of a metric, by its whole name with labels; zero if it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
    }

    /// The process id of the operator itself.
    ///
    /// # Panics
    /// If it has ended.
    pub fn id(&self) -> u32 {
        let shell = self.child.id();
        let children =
            fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap_or_default();
        let first = children.split_whitespace().next().and_then(|id| id.parse().ok());
        first.expect("the operator runs")
    }

    /// Everything that it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log is text")
    }

    /// Ends it as an orderly stop of its pod would, and waits for its end.
    pub fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let _ = self.child.wait();
    }

    /// Ends it at once, as the kernel would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // The shell kills the operator when its input ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.end();
    }
}

/// An EmbeddingModel of a namespace, as tests look at it.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// Where it is.
    pub plane: &'a ControlPlane,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Model<'_> {
    /// Makes it, or changes its specification, as `kubectl apply` does. The specification is YAML in one line.
    pub fn apply(&self, spec: &str) {
        let text = format!(
            "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {{name: {}, namespace: {}}}\nspec: {spec}\n",
            self.name, self.namespace
        );
        let output = self.plane.kubectl_with_input(["apply", "--filename", "-"], &text);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The object; `None` if there is none.
    pub fn get(&self) -> Option<Value> {
        self.plane.get(&self.path())
    }

    /// The status, null before the first.
    pub fn status(&self) -> Value {
        self.get().map(|object| object["status"].clone()).unwrap_or_default()
    }

    /// A condition: its status, reason and message; empty texts if it is not there.
    pub fn condition(&self, kind: &str) -> (String, String, String) {
        let status = self.status();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let found =
            conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default();
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// Waits until a condition has this status and reason, for the newest specification.
    pub fn wait_for(&self, kind: &str, status: &str, reason: &str) {
        let mut seen = Value::Null;
        wait::until_or(
            &format!("{}: {kind} is {status} because {reason}", self.name),
            || {
                seen = self.get().unwrap_or_default();
                let is_current =
                    seen["status"]["observedGeneration"] == seen["metadata"]["generation"];
                let conditions =
                    seen["status"]["conditions"].as_array().cloned().unwrap_or_default();
                is_current
                    && conditions.iter().any(|it| {
                        it["type"] == kind && it["status"] == status && it["reason"] == reason
                    })
            },
            || format!("{:#}", self.status()["conditions"]),
        );
    }

    /// Deletes it; `propagation` is `Background`, `Foreground` or `Orphan`.
    pub fn delete(&self, propagation: &str) {
        let options =
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation});
        self.plane.request(User::Admin, Method::DELETE, &self.path(), Some(&options)).object();
    }

    /// An object of the namespace by its API path, for example `apis/apps/v1`, `deployments`, `bge`.
    pub fn object(&self, api: &str, resource: &str, name: &str) -> Option<Value> {
        self.plane.get(&format!("/{api}/namespaces/{}/{resource}/{name}", self.namespace))
    }

    /// Waits for an object of the namespace.
    pub fn wait_for_object(&self, api: &str, resource: &str, name: &str) -> Value {
        let mut found = None;
        wait::until_or(
            &format!("there is {resource}/{name} in {}", self.namespace),
            || {
                found = self.object(api, resource, name);
                found.is_some()
            },
            || format!("{:#}", self.status()),
        );
        found.expect("it was found")
    }

    fn path(&self) -> String {
        format!(
            "/apis/embedserve.dev/v1alpha1/namespaces/{}/embeddingmodels/{}",
            self.namespace, self.name
        )
    }
}
