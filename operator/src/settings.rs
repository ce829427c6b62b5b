//! What the administrator decided when the operator was started; checked once, then only read.

use std::collections::BTreeSet;
use std::time::Duration;

/// How the operator reaches the management port of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PodAccess {
    /// Directly inside of a cluster, through the API server outside.
    Auto,
    /// Directly at the pod's address.
    Direct,
    /// Through the API server's proxy; needs the permission to get pods/proxy.
    Proxy,
}

/// The operator's own settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Image of pods and Jobs for CPUs.
    pub image: String,
    /// Image of pods for GPUs and NPUs.
    pub gpu_image: String,
    /// The hub, where a model names none; `None`: the program's own default.
    pub hub_endpoint: Option<String>,
    /// Name and key of the Secret with the hub's token in each model's namespace, where a model names none.
    pub hub_token_secret: Option<(String, String)>,
    /// Name and key of the ConfigMap with certificates in each model's namespace, likewise.
    pub hub_ca_bundle: Option<(String, String)>,
    /// Variables of the Jobs that reach a hub, such as HTTPS_PROXY.
    pub hub_environment: Vec<(String, String)>,
    /// The networks that Jobs may reach on the hub's port; empty: all.
    pub hub_cidrs: Vec<String>,
    /// Whether /dev/dri may be mounted from nodes into privileged containers.
    pub allow_host_path: bool,
    /// The operator's own namespace, from which pods are asked.
    pub namespace: String,
    /// The namespace that scrapes metrics; `None`: any.
    pub monitoring_namespace: Option<String>,
    /// The namespaces to watch; empty: all.
    pub watch_namespaces: Vec<String>,
    /// Reconciles at the same time.
    pub concurrency: u16,
    /// How often everything is looked at without a reason.
    pub resync: Duration,
    /// How long a deletion waits for a Job before it goes on without.
    pub removal_timeout: Duration,
}

impl Settings {
    /// The namespaces to look into, `None` for all.
    pub fn scopes(&self) -> BTreeSet<Option<String>> {
        match self.watch_namespaces.is_empty() {
            true => [None].into(),
            false => self.watch_namespaces.iter().cloned().map(Some).collect(),
        }
    }
}

/// The version of what the exporter writes. It is part of cache keys: when an export would come out
/// differently enough that old files must not be taken for it, this number is raised.
pub const EXPORTER_VERSION: u32 = 1;
