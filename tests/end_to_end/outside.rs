//! The operator outside of the cluster, with a KUBECONFIG: it reaches pods through the API server, with the rights that
//! the chart gives for that.

use std::fs;
use std::path::{Path, PathBuf};

use integration_tests::cluster::{Cluster, SYSTEM, cluster};
use integration_tests::helm::Helm;
use integration_tests::operator::Operator;
use integration_tests::wait;
use serde_json::Value;

use crate::client::SMALL;

const OPERATOR: &str = "deployment/embedserve-operator";

/// The chart's operator, away for as long as this lives; its rights and its settings stay.
struct Away<'a> {
    cluster: &'a Cluster,
    helm: &'a Helm,
}

impl<'a> Away<'a> {
    fn new(cluster: &'a Cluster, helm: &'a Helm) -> Self {
        let away = Self { cluster, helm };
        cluster.upgrade(helm, &["--set", "podAccess=proxy"]);
        cluster.kubectl_ok(["scale", OPERATOR, "--namespace", SYSTEM, "--replicas=0"]);
        let selector = "--selector=app.kubernetes.io/name=embedserve-operator";
        let pods = ["wait", "--for=delete", "pod", selector, "--namespace", SYSTEM];
        cluster.kubectl_ok(pods.iter().chain(&["--timeout=60s"]));
        away
    }

    /// The arguments of the chart's operator, but for those that somebody outside leaves away.
    fn arguments(&self) -> Vec<String> {
        let path = "jsonpath={.spec.template.spec.containers[0].args}";
        let text =
            self.cluster.kubectl_ok(["get", OPERATOR, "--namespace", SYSTEM, "--output", path]);
        let all: Vec<String> = serde_json::from_str(&text).expect("a list of arguments");
        let left_away = ["run", "--listen", "--pod-access"];
        all.into_iter()
            .filter(|it| !left_away.contains(&it.split('=').next().unwrap_or_default()))
            .collect()
    }

    /// A kubeconfig of the chart's service account.
    fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let account = ["create", "token", "embedserve-operator", "--namespace", SYSTEM];
        let token = self.cluster.kubectl_ok(account);
        let file = folder.join("kubeconfig");
        fs::copy(self.cluster.kubeconfig(), &file).expect("the kubeconfig can be copied");
        let token = format!("--token={}", token.trim());
        let configure = |arguments: [&str; 3]| {
            let file = file.to_str().expect("the folder's name is UTF-8");
            self.cluster.kubectl_ok(["--kubeconfig", file, "config"].iter().chain(&arguments));
        };
        configure(["set-credentials", "outside", &token]);
        configure(["set-context", "--current", "--user=outside"]);
        file
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.cluster.kubectl(["scale", OPERATOR, "--namespace", SYSTEM, "--replicas=1"]);
        self.cluster.upgrade(self.helm, &[]);
    }
}

#[test]
fn an_operator_outside_learns_from_pods_through_the_api_server() {
    let Some(cluster) = cluster() else { return };
    let Some(helm) = Helm::find() else { return };
    let namespace = cluster.namespace_alone("outside");
    let away = Away::new(cluster, &helm);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments = away.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let operator = Operator::start_as(&away.kubeconfig(folder.path()), &arguments);
    operator.wait_until_leading();

    namespace.apply_model("slow", &["source: {huggingFace: {repo: test/slow}}", SMALL]);
    let pull = || namespace.get("emb", "slow")["status"]["pull"].clone();
    wait::for_long(
        "the pull's progress is told",
        || {
            let told: [Value; 2] = ["bytesDone", "bytesTotal"].map(|key| pull()[key].clone());
            told.iter().all(|it| it.as_u64() > Some(0))
        },
        || format!("{:#}\n{}", namespace.get("emb", "slow")["status"], operator.log()),
    );
    namespace.wait_for("slow", "Ready", "True", "Ready");
    namespace.wait_for("slow", "DeviceVerified", "True", "Verified");
    let status = namespace.get("emb", "slow")["status"].clone();
    assert_eq!(status["device"]["actual"], "CPU", "{status:#}");
    operator.terminate();
}
