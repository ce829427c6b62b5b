//! The programs of the control plane and their arguments.

use std::fs;
use std::path::{Path, PathBuf};

use super::User;
use super::process::{Process, lasting_port};
use crate::certificate::Certificate;
use crate::program::cache;

/// Everything is logged with who did what to which object, once it is done.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

/// Path of a Kubernetes program that `make kubernetes` built, in the version of its go.mod.
pub(crate) fn kubernetes(program: &str) -> PathBuf {
    let module = include_str!("../../cluster/kube/go.mod");
    let version = module.lines().find_map(|line| line.strip_prefix("require k8s.io/kubernetes v"));
    let version = version.expect("go.mod requires Kubernetes");
    cache().join(format!("kubernetes-{version}")).join(program)
}

/// Path of etcd.
pub(super) fn etcd() -> PathBuf {
    cache().join("etcd/etcd")
}

/// Writes the files that the arguments name.
pub(super) fn write_settings(folder: &Path, certificate: &Certificate) {
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("the folder can be written to");
    };
    write("authority.crt", &certificate.authority_pem);
    write("server.crt", &certificate.leaf.pem());
    // The same pair is for the tokens of service accounts.
    write("server.key", &certificate.key.serialize_pem());
    write("audit-policy.yaml", AUDIT_POLICY);
    let lines: Vec<String> = User::ALL
        .iter()
        .map(|user| format!("{},{1},{1},\"{2}\"\n", user.token(), user.name(), user.groups()))
        .collect();
    write("tokens.csv", &lines.concat());
}

/// etcd with its data in the folder, and the address of its clients.
pub(super) fn prepare_etcd(folder: &Path) -> (Process, String) {
    let clients = format!("http://127.0.0.1:{}", lasting_port());
    let peers = format!("http://127.0.0.1:{}", lasting_port());
    let arguments = [
        "--data-dir=etcd".to_owned(),
        // A crash of the machine loses the data, which nobody would look at.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
    ];
    let health = format!("{clients}/health");
    (Process::new(etcd(), arguments.into(), health, folder.to_owned()), clients)
}

/// The API server, and its address.
pub(super) fn prepare_apiserver(folder: &Path, etcd: &str) -> (Process, String) {
    let port = lasting_port();
    let arguments = [
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--tls-cert-file=server.crt".to_owned(),
        "--tls-private-key-file=server.key".to_owned(),
        "--token-auth-file=tokens.csv".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-account-key-file=server.crt".to_owned(),
        "--service-account-signing-key-file=server.key".to_owned(),
        // Only a number: nothing routes these addresses.
        "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
        // It would refuse the loopback address, which pods could not reach.
        "--endpoint-reconciler-type=none".to_owned(),
        // Without controllers nobody makes the service account that every pod would have to have.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--audit-policy-file=audit-policy.yaml".to_owned(),
        format!("--audit-log-path={}", super::audit::FILE),
        "--profiling=false".to_owned(),
    ];
    let base = format!("https://127.0.0.1:{port}");
    let program = kubernetes("kube-apiserver");
    let readiness = format!("{base}/readyz");
    (Process::new(program, arguments.into(), readiness, folder.to_owned()), base)
}

/// The controller manager.
pub(super) fn prepare_controller_manager(folder: &Path) -> Process {
    let port = lasting_port();
    let arguments = [
        format!("--kubeconfig={}", User::Admin.kubeconfig_name()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--tls-cert-file=server.crt".to_owned(),
        "--tls-private-key-file=server.key".to_owned(),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
        "--root-ca-file=authority.crt".to_owned(),
        "--service-account-private-key-file=server.key".to_owned(),
        // Nodes of tests have no kubelet that would report for them.
        "--controllers=*,-node-lifecycle-controller,-taint-eviction-controller".to_owned(),
        "--pvclaimbinder-sync-period=1s".to_owned(),
        "--horizontal-pod-autoscaler-sync-period=1s".to_owned(),
        "--profiling=false".to_owned(),
    ];
    let program = kubernetes("kube-controller-manager");
    let health = format!("https://127.0.0.1:{port}/healthz");
    Process::new(program, arguments.into(), health, folder.to_owned())
}
