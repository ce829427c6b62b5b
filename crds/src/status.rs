//! The status of an `EmbeddingModel`: what the operator saw.
//!
//! All members are optional, because each becomes known at its own time. Durations are texts such as
//! `12.5s`, as people read them.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod files;
mod history;
mod serving;

pub use files::{CacheStatus, PullError, PullStatus, SourceStatus};
pub use history::Release;
pub use serving::{
    DeviceStatus, EndpointStatus, LastFailure, ModelStatus, RolloutState, RolloutStatus, Timings,
};

/// What the operator saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddingModelStatus {
    /// The generation of the specification that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// A word for people: Pending, Resolving, Pulling, Starting, Ready, Degraded, Suspended or Failed.
    /// Programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// The conditions, each with a reason and a message that ends with what to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,

    /// What the source was resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceStatus>,

    /// How pulling the files goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullStatus>,

    /// Where the files are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheStatus>,

    /// What the model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStatus>,

    /// The identity of the vector space: a SHA-256 over the commit, the pooling, the normalisation, the
    /// precision and the rounded vectors of a few fixed texts. Vectors with different fingerprints do
    /// not belong into one index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,

    /// The device that was asked for and the one that the pods really use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceStatus>,

    /// What the defaults came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveStatus>,

    /// The number of pods that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// The number of pods that answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,

    /// The number of pods that are as the specification wants them now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<i32>,

    /// The label selector of the pods, as text, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// Where clients reach the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointStatus>,

    /// How replacing the pods goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,

    /// The states that serve, have served or are being prepared, the wanted one first. Pods can go back
    /// to each that has served without a download; rollout.historyLimit says how many are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub history: Vec<Release>,

    /// How long each step took until the first vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,

    /// The last failure of a pod or Job, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
}

/// A word for people about the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Nothing has begun.
    Pending,
    /// The revision is being resolved to a commit.
    Resolving,
    /// The files are being pulled.
    Pulling,
    /// Pods are starting.
    Starting,
    /// The model answers on every pod.
    Ready,
    /// The model answers, but not everything is as asked for.
    Degraded,
    /// The operator leaves the model alone.
    Suspended,
    /// A person has to change something.
    Failed,
}

/// What the defaults came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveStatus {
    /// The CPU and memory of a serving pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// The OpenVINO properties that the model is loaded with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugin_config: BTreeMap<String, String>,

    /// The image of the serving pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// The hash of the generated settings, which is part of their ConfigMap's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,
}

/// A point in time, as Kubernetes writes it.
pub(crate) type Timestamp = Time;
