//! Where a model comes from and what must hold for its files.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patterns::{NAME, REPOSITORY, REVISION, SECRET_KEY, SHA256};
use crate::rules;

/// Where the model comes from. Exactly one source must be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = &rules::ONE_SOURCE)]
pub struct Source {
    /// A repository on the Hugging Face hub or on a mirror that speaks its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hugging_face: Option<HuggingFace>,

    /// A folder on a volume that already holds the model. The volume is mounted read-only and is
    /// never written or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaimSource>,

    /// What must hold for the files before they are served, besides the hashes that the hub itself
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// A repository on the Hugging Face hub or on a mirror that speaks its protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HuggingFace {
    /// The repository as organisation/name, for example sentence-transformers/all-MiniLM-L6-v2.
    #[schemars(length(max = 200), regex(pattern = REPOSITORY))]
    pub repo: String,

    /// A branch, a tag, refs/pr/N or a commit of 40 hexadecimal digits. Whatever is given is resolved
    /// to a commit once, which stays in use until this field changes.
    #[serde(default = "HuggingFace::default_revision")]
    #[schemars(length(min = 1, max = 128), regex(pattern = REVISION))]
    pub revision: String,

    /// The address of the hub or of a mirror, for example https://huggingface.co. When it is not
    /// given, the operator's own setting is used, and without a cluster the variable HF_ENDPOINT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512))]
    #[x_kube(validation = &rules::ENDPOINT_ADDRESS)]
    pub endpoint: Option<String>,

    /// The Secret with the hub's access token, for gated and private repositories. It is mounted into
    /// the Jobs that resolve and pull, and nowhere else; the operator does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<TokenSecretRef>,

    /// The ConfigMap with the certificates (PEM) that the endpoint's certificate is checked against,
    /// for mirrors with a private certificate authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleRef>,

    /// Patterns of files to pull besides the usual choice, for example *.md or onnx/*. The usual choice
    /// is the OpenVINO files if the repository has them, else safetensors, else ONNX, and always the
    /// tokenizer and the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)))]
    pub include: Vec<String>,

    /// Patterns of files that are treated as if the repository did not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)))]
    pub exclude: Vec<String>,
}

impl HuggingFace {
    fn default_revision() -> String {
        "main".to_owned()
    }
}

/// A key of a Secret in the model's namespace that holds the hub's access token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenSecretRef {
    /// The name of the Secret. It is in the same namespace as the EmbeddingModel.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub name: String,

    /// The key of the Secret whose value is the token.
    #[serde(default = "TokenSecretRef::default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SECRET_KEY))]
    pub key: String,
}

impl TokenSecretRef {
    fn default_key() -> String {
        "token".to_owned()
    }
}

/// A key of a ConfigMap in the model's namespace that holds certificates (PEM).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleRef {
    /// The name of the ConfigMap. It is in the same namespace as the EmbeddingModel.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub name: String,

    /// The key of the ConfigMap whose value is the bundle of certificates.
    #[serde(default = "CaBundleRef::default_key")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SECRET_KEY))]
    pub key: String,
}

impl CaBundleRef {
    fn default_key() -> String {
        "ca.crt".to_owned()
    }
}

/// A folder on an existing volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaimSource {
    /// The name of the PersistentVolumeClaim. It is in the same namespace as the EmbeddingModel.
    #[schemars(length(min = 1, max = 253), regex(pattern = NAME))]
    pub claim_name: String,

    /// The model's folder on the volume, relative to its root. When it is not given, the root of the
    /// volume is the model's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = &rules::RELATIVE_PATH)]
    pub path: Option<String>,
}

/// What must hold for the files before they are served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// The SHA-256 hash (64 hexadecimal digits, lower case) that each of the named files must have.
    /// Files are named by their path in the repository or folder. A named file that is missing, or
    /// has another hash, is not served.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = 64,
        "additionalProperties" = {"type": "string", "maxLength": 64, "pattern": SHA256}
    ))]
    #[x_kube(validation = &rules::VERIFIED_PATHS)]
    pub sha256: BTreeMap<String, String>,
}

/// Whether and to what a model in another format is converted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    /// IfNeeded converts safetensors to OpenVINO's format when the repository has no OpenVINO files;
    /// Never serves only what is there, and says so when nothing can be served.
    #[serde(default)]
    pub mode: ConversionMode,

    /// The number format of the weights after a conversion: fp32 (unchanged), fp16, int8 (groups of 64
    /// values) or int4 (groups of 32). Files that are already in OpenVINO's format keep theirs.
    #[serde(default)]
    pub weight_format: WeightFormat,
}

/// When a model is converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConversionMode {
    /// Only files that OpenVINO can read as they are will be served.
    Never,
    /// Converted when there is nothing that OpenVINO can read as it is.
    #[default]
    IfNeeded,
}

/// The number format of converted weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// 32-bit floating point, as trained.
    Fp32,
    /// 16-bit floating point.
    Fp16,
    /// 8-bit integers in groups of 64 with a scale each.
    #[default]
    Int8,
    /// 4-bit integers in groups of 32 with a scale each, and 8-bit integers where those would hurt.
    Int4,
}

impl WeightFormat {
    /// The spelling of manifests and command lines: `fp32`, `fp16`, `int8`, `int4`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}
