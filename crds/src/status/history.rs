//! The states of a model that its pods can run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Files and settings that pods serve, or that are being prepared for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// A hash of what was asked for: source, revision, choice of files and weight format. The same
    /// wish leads to the same commit again as long as the release is kept.
    pub request: String,

    /// The revision that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_revision: Option<String>,

    /// The commit that it was resolved to, 40 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_revision: Option<String>,

    /// When it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_time: Option<Timestamp>,

    /// The bytes that the volume must hold while the files are pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<i64>,

    /// The bytes to pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,

    /// The number of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<i32>,

    /// The cache key of the files.
    pub key: String,

    /// The PersistentVolumeClaim with the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_name: Option<String>,

    /// The model's folder in the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,

    /// The ConfigMap with the settings, once the files are complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,

    /// The image of the pods. It stays the same when the operator is upgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// When pods first answered with it. Without it, it has never served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_time: Option<Timestamp>,

    /// The generation of the specification for which a rollout of it failed. It is tried again when
    /// the specification changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_generation: Option<i64>,
}
