//! What pods say for themselves: `/info` of servers and `/progress` of pulls, on the management port.

use std::time::Duration;

use kube::Client;
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::build::MANAGEMENT_PORT;
use crate::facts::PodFacts;
use crate::settings::PodAccess;

/// The longest that a pod is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a serving pod runs, as far as the status shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// The models that answer.
    pub models: Vec<ModelInfo>,
    /// The models that do not.
    pub not_serving: Vec<NotServing>,
}

/// A model that answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelInfo {
    /// The served name.
    pub name: String,
    /// The device that was asked for.
    pub device_requested: String,
    /// The device that OpenVINO says it runs on.
    pub device: String,
    /// Why it is not the one that was asked for.
    pub fallback_reason: Option<String>,
    /// The device's own name.
    pub device_name: String,
    /// The version of the device's driver, where OpenVINO reports one.
    pub driver: Option<String>,
    /// The precision of inference.
    pub precision: String,
    /// The format of the weights.
    pub weight_format: Option<String>,
    /// The length of a vector.
    pub dimensions: usize,
    /// `CLS`, `LAST` or `MEAN`.
    pub pooling: String,
    /// Whether vectors have length 1.
    pub normalize: bool,
    /// The most tokens of a text.
    pub max_tokens: usize,
    /// The identity of the vector space.
    pub fingerprint: Option<String>,
    /// How long loading took.
    pub timings: LoadTimings,
}

/// Seconds that the parts of loading took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadTimings {
    /// Reading the files.
    pub read_seconds: f64,
    /// Compiling for the device.
    pub compile_seconds: f64,
    /// The first vector.
    pub first_embedding_seconds: f64,
}

/// A model that does not answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotServing {
    /// The served name.
    pub name: String,
    /// `loading`, `failed` or `removed`.
    pub state: String,
    /// Why.
    pub error: Option<String>,
}

/// How far a pull is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// `resolving`, `downloading`, `verifying`, `exporting` or `done`.
    pub stage: String,
    /// Bytes that are there.
    pub bytes_done: u64,
    /// Bytes to come to.
    pub bytes_total: Option<u64>,
    /// The speed; unknown in a pull's first moment.
    pub bytes_per_second: Option<u64>,
    /// Seconds that are left.
    pub eta_seconds: Option<u64>,
}

/// Asks pods.
pub struct Pods {
    client: Client,
    http: reqwest::Client,
    access: PodAccess,
}

impl Pods {
    /// A way to the pods; [`PodAccess::Auto`] is decided by whether this process is in the cluster.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(client: Client, access: PodAccess) -> Result<Self, reqwest::Error> {
        let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let access = match access {
            PodAccess::Auto if in_cluster => PodAccess::Direct,
            PodAccess::Auto => PodAccess::Proxy,
            given => given,
        };
        // Pods are asked without TLS, and the operator's image has no certificate authorities to be found.
        let client_builder = reqwest::Client::builder().tls_certs_only([]);
        let http = client_builder.timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { client, http, access })
    }

    /// What a serving pod runs; `None` if it does not answer.
    pub async fn info(&self, namespace: &str, pod: &PodFacts) -> Option<Info> {
        self.ask(namespace, &pod.name, pod.address.as_deref()?, "info").await
    }

    /// How far a pull is; `None` if the pod does not answer.
    pub async fn progress(&self, namespace: &str, pod: &str, address: &str) -> Option<Progress> {
        self.ask(namespace, pod, address, "progress").await
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        namespace: &str,
        pod: &str,
        address: &str,
        path: &str,
    ) -> Option<T> {
        let text = match self.access {
            PodAccess::Proxy => {
                let path = format!(
                    "/api/v1/namespaces/{namespace}/pods/{pod}:{MANAGEMENT_PORT}/proxy/{path}"
                );
                let request = axum::http::Request::get(path).body(Vec::new()).ok()?;
                let answer =
                    tokio::time::timeout(PATIENCE, self.client.request_text(request)).await;
                answer
                    .map_err(|_| "no answer in time".to_owned())
                    .and_then(|it| it.map_err(|error| error.to_string()))
            }
            PodAccess::Direct | PodAccess::Auto => {
                let host = match address.contains(':') {
                    true => format!("[{address}]"),
                    false => address.to_owned(),
                };
                let url = format!("http://{host}:{MANAGEMENT_PORT}/{path}");
                self.get(&url).await.map_err(|error| error.to_string())
            }
        };
        match text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())) {
            Ok(answer) => Some(answer),
            Err(error) => {
                debug!(namespace, pod, path, error, "a pod does not answer");
                None
            }
        }
    }

    async fn get(&self, url: &str) -> Result<String, reqwest::Error> {
        self.http.get(url).send().await?.error_for_status()?.text().await
    }
}
