//! The specification of an `EmbeddingModel`: what a user asks for.
//!
//! The doc comments of the fields are the texts that `kubectl explain` shows, so they are sentences for
//! users. Fields read leniently (what a newer definition adds is skipped), because the operator must
//! keep reading objects after a downgrade; strictness for people is in [`crate::manifest`].

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::status::EmbeddingModelStatus;

mod cache;
mod device;
mod network;
mod operations;
pub(crate) mod patterns;
mod scaling;
mod serving;
mod source;

pub use cache::{
    AccessMode, Cache, CacheMode, CacheRetention, CacheScope, CacheVolume, CompiledCache,
    EphemeralCache, RetentionPolicy,
};
pub use device::{
    Device, DeviceFallback, DeviceTarget, Gpu, GpuAllocation, GpuClaim, GpuDriver,
    InferencePrecision, PerformanceHint, RenderGroupMode, RenderGroups,
};
pub use network::{
    ApiKeySecretRef, Auth, Expose, IngressExposure, NetworkPolicy, NetworkPolicyMode, ParentRef,
    RouteExposure, ServiceExposure, ServiceType,
};
pub use operations::{Image, Monitoring, MonitoringMode, PodTemplate, Scheduling};
pub use scaling::{Autoscaling, Disruption, Rollout, ScalingMetric};
pub use serving::{Limits, Pooling};
pub use source::{
    CaBundleRef, Conversion, ConversionMode, HuggingFace, PersistentVolumeClaimSource, Source,
    TokenSecretRef, Verify, WeightFormat,
};

/// What is asked for: one model, served under one name.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "embedserve.dev",
    version = "v1alpha1",
    kind = "EmbeddingModel",
    plural = "embeddingmodels",
    namespaced,
    shortname = "emb",
    category = "all",
    status = "EmbeddingModelStatus",
    derive = "PartialEq",
    doc = "A text embedding model that is pulled, verified and served with an OpenAI-compatible API.",
    validation = &rules::NAME_LENGTH,
    validation = &rules::NAME_FORM,
    validation = &rules::SERVED_NAME_FIXED,
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready", type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the model answers."
    ),
    printcolumn(
        name = "Reason", type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is as the column Ready says."
    ),
    printcolumn(
        name = "Model", type_ = "string",
        json_path = ".spec.source.huggingFace.repo",
        description = "The repository on the hub."
    ),
    printcolumn(
        name = "Rev", type_ = "string",
        json_path = ".status.source.shortRevision",
        description = "The first eight digits of the commit."
    ),
    printcolumn(
        name = "Dim", type_ = "integer",
        json_path = ".status.model.dimensions",
        description = "The length of the vectors."
    ),
    printcolumn(
        name = "Device", type_ = "string",
        json_path = ".status.device.actual",
        description = "The device that the model really runs on."
    ),
    printcolumn(
        name = "Replicas", type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "The number of pods that answer."
    ),
    printcolumn(
        name = "Age", type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "The time since the object was made."
    ),
    printcolumn(
        name = "Fingerprint", type_ = "string", priority = 1,
        json_path = ".status.fingerprint",
        description = "The identity of the vector space."
    ),
    printcolumn(
        name = "URL", type_ = "string", priority = 1,
        json_path = ".status.endpoint.url",
        description = "The address of the API."
    ),
    printcolumn(
        name = "Pull%", type_ = "integer", priority = 1,
        json_path = ".status.pull.percent",
        description = "How much of the files has arrived."
    ),
    printcolumn(
        name = "Cache", type_ = "string", priority = 1,
        json_path = ".status.cache.claimName",
        description = "The volume with the model's files."
    ),
)]
#[x_kube(validation = &rules::REPLICAS_OR_AUTOSCALING)]
pub struct EmbeddingModelSpec {
    /// Where the model comes from. Exactly one source must be given.
    pub source: Source,

    /// Whether and to what a model in another format is converted.
    #[serde(default)]
    pub conversion: Conversion,

    /// The name that clients send as "model". When it is not given, it is the name of the
    /// EmbeddingModel. It cannot be changed, because clients would break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = patterns::SERVED_NAME))]
    pub served_name: Option<String>,

    /// How the vectors of a text's tokens become the text's one vector: Auto (as the model's own
    /// settings say), CLS (the first token's), Mean (the mean of all) or LastToken. What Auto came to
    /// is in status.model.pooling.
    #[serde(default)]
    pub pooling: Pooling,

    /// Whether vectors are scaled to length 1. When it is not given, they are, unless the graph.pbtxt in the
    /// folder of source.persistentVolumeClaim says otherwise. What that came to is in status.model.normalize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,

    /// Whether texts that are too long are cut. Otherwise such a request is refused. When it is not given, they are
    /// not cut, unless the graph.pbtxt in the folder of source.persistentVolumeClaim says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,

    /// The vector lengths that a request may ask for with the member dimensions, for models that were
    /// trained for it (Matryoshka). When none are given, the member is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(range(min = 1, max = 16_384)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub matryoshka: Vec<i32>,

    /// What a single request and a single pod may take on.
    #[serde(default)]
    pub limits: Limits,

    /// The device that the model runs on.
    #[serde(default)]
    pub device: Device,

    /// Where the model's files are kept.
    #[serde(default)]
    pub cache: Cache,

    /// The number of pods, 1 when neither this nor autoscaling is given. With 0 the model is prepared
    /// but not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: Option<i32>,

    /// A number of pods that follows the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// The CPU and memory of a serving pod. When it is not given, the operator derives it from the
    /// weights and shows it in status.effective.resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// How pods are replaced when something about them changes.
    #[serde(default)]
    pub rollout: Rollout,

    /// How many pods may be taken away on purpose, for example when a node is drained.
    #[serde(default)]
    pub disruption: Disruption,

    /// What clients must know to be answered.
    #[serde(default)]
    pub auth: Auth,

    /// The addresses that clients reach the model at.
    #[serde(default)]
    pub expose: Expose,

    /// The network traffic that the model's pods may have.
    #[serde(default)]
    pub network_policy: NetworkPolicy,

    /// The Prometheus operator's objects that are made for the model.
    #[serde(default)]
    pub monitoring: Monitoring,

    /// Where the model's pods run.
    #[serde(default)]
    pub scheduling: Scheduling,

    /// Additions to the model's pods.
    #[serde(default)]
    pub pod_template: PodTemplate,

    /// The container images, where they are not to be the operator's own choice.
    #[serde(default)]
    pub image: Image,

    /// Whether the operator leaves the model alone: nothing is made, changed or deleted until this is
    /// false again. Pods that serve go on serving.
    #[serde(default)]
    pub suspend: bool,
}

impl EmbeddingModelSpec {
    /// The specification with one source and everything else at its default.
    pub fn with_source(source: Source) -> Self {
        Self {
            source,
            conversion: Conversion::default(),
            served_name: None,
            pooling: Pooling::default(),
            normalize: None,
            truncate: None,
            matryoshka: Vec::new(),
            limits: Limits::default(),
            device: Device::default(),
            cache: Cache::default(),
            replicas: None,
            autoscaling: None,
            resources: None,
            rollout: Rollout::default(),
            disruption: Disruption::default(),
            auth: Auth::default(),
            expose: Expose::default(),
            network_policy: NetworkPolicy::default(),
            monitoring: Monitoring::default(),
            scheduling: Scheduling::default(),
            pod_template: PodTemplate::default(),
            image: Image::default(),
            suspend: false,
        }
    }
}

/// A size in bytes such as `2Gi`. Kubernetes' own schema for quantities would also take numbers and
/// negative sizes.
fn bytes_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 32, "pattern": patterns::BYTES})
}

/// A number of pods or a percentage of them.
fn count_or_percent_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maximum": 1000,
        "maxLength": 4,
        "pattern": patterns::COUNT_OR_PERCENT
    })
}
