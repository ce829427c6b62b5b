//! Pods that talk to models: the OpenAI client, and constant load.

use integration_tests::cluster::Namespace;
use integration_tests::program::MINILM;
use integration_tests::wait;
use serde_json::Value;

/// A member of specifications: so little that several models fit onto two cores.
pub(crate) const SMALL: &str =
    "resources: {requests: {cpu: 50m, memory: 200Mi}, limits: {memory: 1Gi}}";

/// Selects the pods that pull.
pub(crate) const PULL: &str = "app.kubernetes.io/component=pull";

/// A member of specifications: MiniLM on the hub's stand-in, with further members of `huggingFace`.
pub(crate) fn minilm_source(more: &str) -> String {
    format!("source: {{huggingFace: {{repo: {MINILM}{more}}}}}")
}

/// What the unmodified OpenAI client for Python, in a pod, answers for texts: vectors.
pub(crate) fn embed(
    namespace: &Namespace<'_>,
    pod: &str,
    base: &str,
    model: &str,
    texts: &[String],
    key: &str,
) -> Vec<Vec<f32>> {
    let program = format!(
        "import json, openai\n\
         client = openai.OpenAI(base_url={base:?}, api_key={key:?}, max_retries=0, timeout=60)\n\
         answer = client.embeddings.create(model={model:?}, input=json.loads({texts:?}))\n\
         print(json.dumps([entry.embedding for entry in answer.data]))",
        texts = serde_json::to_string(texts).expect("texts are JSON"),
    );
    start(namespace, pod, &["python3", "-c", &program]);
    let printed = namespace.output_of(pod);
    namespace.kubectl(&["delete", "pod", pod, "--wait=false"]);
    serde_json::from_str(&printed).expect("vectors")
}

/// Starts a pod with the tests' tools.
pub(crate) fn start(namespace: &Namespace<'_>, pod: &str, command: &[&str]) {
    start_with(namespace, pod, command, "");
}

/// What a command of the tests' tools prints where a volume is mounted at `/volume`.
pub(crate) fn on_volume(
    namespace: &Namespace<'_>,
    pod: &str,
    claim: &str,
    command: &[&str],
) -> String {
    let volume = format!(
        "      volumeMounts: [{{name: volume, mountPath: /volume}}]
  volumes: [{{name: volume, persistentVolumeClaim: {{claimName: {claim}}}}}]
"
    );
    start_with(namespace, pod, command, &volume);
    let printed = namespace.output_of(pod);
    namespace.kubectl(&["delete", "pod", pod, "--wait=false"]);
    printed
}

/// A pod whose manifest ends with `more`, of the container first and then of the pod.
fn start_with(namespace: &Namespace<'_>, pod: &str, command: &[&str], more: &str) {
    let command = serde_json::to_string(command).expect("words are JSON");
    namespace.apply(&format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {pod}, labels: {{app: {pod}}}}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 1
  securityContext: {{runAsNonRoot: true, runAsUser: 5000, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: tools
      image: docker.io/library/embedserve-tools:dev
      imagePullPolicy: Never
      command: {command}
      resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
      securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
{more}"
    ));
}

/// Constant load from a pod.
pub(crate) struct Load<'a> {
    namespace: &'a Namespace<'a>,
}

impl<'a> Load<'a> {
    /// Starts so many requests a second and waits until some have been answered.
    pub(crate) fn start(namespace: &'a Namespace<'a>, base: &str, model: &str, rate: u32) -> Self {
        start(namespace, "load", &["in_cluster", "load", base, model, &rate.to_string()]);
        let load = Self { namespace };
        wait::for_long(
            "the load is answered",
            || load.seen()["answered"].as_u64().is_some_and(|answered| answered > 10),
            || namespace.kubectl(&["describe", "pod", "load"]),
        );
        load
    }

    /// What was seen so far; null while the pod says nothing.
    pub(crate) fn seen(&self) -> Value {
        let path = format!("/api/v1/namespaces/{}/pods/load:9000/proxy/", self.namespace.name);
        let output = self.namespace.cluster.kubectl(["get", "--raw", &path]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Checks that no request has failed so far, and returns how many there were.
    ///
    /// # Panics
    /// With the first failures, if there are any.
    pub(crate) fn assert_unharmed(&self) -> u64 {
        let seen = self.seen();
        assert_eq!(seen["failed"], 0, "{seen:#}");
        seen["answered"].as_u64().expect("a number")
    }
}
