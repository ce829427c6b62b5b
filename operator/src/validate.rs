//! From a manifest to a checked model: afterwards nobody asks whether the specification makes sense. Pure.
//!
//! The API server has checked the rules of the definition already. They are checked again, because an
//! object may be older than a rule; what needs a look at other objects or at the operator's own
//! settings is checked here alone.

use std::sync::Arc;

use crds::conditions::Reason;
use crds::spec::{DeviceTarget, GpuAllocation};
use crds::{EmbeddingModel, SourceRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::identity;
use crate::settings::Settings;

/// A model whose specification can be built from.
#[derive(Clone, Debug)]
pub struct ValidatedModel {
    /// The object.
    pub model: Arc<EmbeddingModel>,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// The generation of the specification.
    pub generation: i64,
    /// The name that clients send.
    pub served_name: String,
    /// The hash of what was asked for.
    pub request: String,
    /// Where the model comes from, with the operator's defaults applied.
    pub source: ValidatedSource,
    /// What is odd and not wrong: told by an event.
    pub warnings: Vec<Warning>,
}

/// Something that may be a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The reason of the event.
    pub reason: &'static str,
    /// What, and what to do.
    pub message: String,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidatedSource {
    /// A repository on a hub.
    Hub(HubSource),
    /// A folder on a volume.
    Volume {
        /// The PersistentVolumeClaim.
        claim: String,
        /// The folder, relative to the volume's root; empty for the root.
        path: String,
    },
}

/// A repository on a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSource {
    /// `organisation/name`.
    pub repo: String,
    /// The revision that was asked for.
    pub revision: String,
    /// The hub's address; `None`: the program's own default.
    pub endpoint: Option<String>,
    /// Name and key of the Secret with the token.
    pub token: Option<(String, String)>,
    /// Name and key of the ConfigMap with certificates.
    pub ca_bundle: Option<(String, String)>,
}

/// Another model of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Its name.
    pub name: String,
    /// The name that it serves.
    pub served_name: String,
    /// When it was made.
    pub created: Option<Time>,
}

/// Why nothing can be built from a specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The reason for the conditions.
    pub reason: Reason,
    /// What is wrong, without the remedy, which is the reason's.
    pub message: String,
}

/// Checks a model against the rules, its siblings and the operator's settings.
///
/// # Errors
/// What a person must change; nothing is built until then, and what serves is left alone.
pub fn validate(
    model: Arc<EmbeddingModel>,
    siblings: &[Sibling],
    settings: &Settings,
) -> Result<ValidatedModel, Invalid> {
    let invalid = |reason, message: String| Invalid { reason, message };
    if let Err(violations) = crds::validate(&model) {
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        return Err(invalid(Reason::InvalidSpec, lines.join("; ")));
    }
    let name = model.name_any();
    if let Some(other) = holder_of_served_name(&model, siblings) {
        let message =
            format!("EmbeddingModel {other} serves the name {} already", model.served_name());
        return Err(invalid(Reason::ServedNameConflict, message));
    }
    let device = &model.spec.device;
    let allocation = device.gpu.as_ref().map(|gpu| gpu.allocation);
    if allocation == Some(GpuAllocation::HostPath) && !settings.allow_host_path {
        let message =
            "device.gpu.allocation HostPath mounts the node's /dev/dri into a privileged container";
        return Err(invalid(Reason::HostPathNotAllowed, message.to_owned()));
    }
    let source = match model.source() {
        Some(SourceRef::HuggingFace(hub)) => {
            let reference = |own: Option<(&String, &String)>,
                             default: &Option<(String, String)>| {
                own.map(|(name, key)| (name.clone(), key.clone())).or_else(|| default.clone())
            };
            ValidatedSource::Hub(HubSource {
                repo: hub.repo.clone(),
                revision: hub.revision.clone(),
                endpoint: hub.endpoint.clone().or_else(|| settings.hub_endpoint.clone()),
                token: reference(
                    hub.token_secret_ref.as_ref().map(|it| (&it.name, &it.key)),
                    &settings.hub_token_secret,
                ),
                ca_bundle: reference(
                    hub.ca_bundle_ref.as_ref().map(|it| (&it.name, &it.key)),
                    &settings.hub_ca_bundle,
                ),
            })
        }
        Some(SourceRef::PersistentVolumeClaim(volume)) => ValidatedSource::Volume {
            claim: volume.claim_name.clone(),
            path: volume.path.as_deref().unwrap_or_default().trim_matches('/').to_owned(),
        },
        None => {
            return Err(invalid(Reason::InvalidSpec, "spec.source names no source".to_owned()));
        }
    };
    Ok(ValidatedModel {
        namespace: model.namespace().unwrap_or_default(),
        uid: model.uid().unwrap_or_default(),
        generation: model.metadata.generation.unwrap_or_default(),
        served_name: model.served_name().to_owned(),
        request: identity::request(&model, settings),
        warnings: warnings(&model),
        source,
        name,
        model,
    })
}

impl ValidatedModel {
    /// Whether the pods run on something else than a CPU.
    pub fn wants_accelerator(&self) -> bool {
        self.model.spec.device.target != DeviceTarget::Cpu
    }
}

/// The sibling that had the served name first; of two made at the same time the one whose name
/// sorts first.
fn holder_of_served_name<'a>(model: &EmbeddingModel, siblings: &'a [Sibling]) -> Option<&'a str> {
    let age =
        |created: &Option<Time>, name: &str| (created.as_ref().map(|it| it.0), name.to_owned());
    let own = age(&model.metadata.creation_timestamp, &model.name_any());
    siblings
        .iter()
        .filter(|other| other.name != model.name_any() && other.served_name == model.served_name())
        .find(|other| age(&other.created, &other.name) < own)
        .map(|other| other.name.as_str())
}

fn warnings(model: &EmbeddingModel) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let groups = model.spec.device.gpu.as_ref().map(|gpu| &gpu.render_groups.gids);
    if groups.is_some_and(|gids| gids.contains(&44)) {
        warnings.push(Warning {
            reason: "SuspiciousRenderGroup",
            message: "device.gpu.renderGroups names group 44, which is the group video on Debian and Ubuntu and \
                      does not own the render node: look with `stat -c %g /dev/dri/renderD128` on the node"
                .to_owned(),
        });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, settings};

    fn model(spec: &str) -> Arc<EmbeddingModel> {
        Arc::new(testing::model("small", spec))
    }

    const SOURCE: &str = "source: {huggingFace: {repo: a/b}}";

    #[test]
    fn a_minimal_model_gets_the_operators_defaults() {
        let settings = Settings {
            hub_endpoint: Some("https://mirror.example.com".to_owned()),
            hub_token_secret: Some(("hub".to_owned(), "token".to_owned())),
            ..settings()
        };
        let valid = validate(model(&format!("{{{SOURCE}}}")), &[], &settings).expect("it is valid");
        let ValidatedSource::Hub(hub) = valid.source else { panic!("it comes from a hub") };
        assert_eq!(hub.endpoint.as_deref(), Some("https://mirror.example.com"));
        assert_eq!(hub.token, Some(("hub".to_owned(), "token".to_owned())));
        assert_eq!((valid.served_name.as_str(), valid.warnings.len()), ("small", 0));
    }

    #[test]
    fn of_two_models_with_one_served_name_the_older_serves() {
        let sibling = |name: &str, created: &str| Sibling {
            name: name.to_owned(),
            served_name: "small".to_owned(),
            created: Some(Time(created.parse().expect("a time"))),
        };
        // The model itself was made at 2026-01-01T00:00:00Z.
        let spec = format!("{{{SOURCE}}}");
        let check = |siblings: &[Sibling]| validate(model(&spec), siblings, &settings());
        let refused =
            check(&[sibling("other", "2025-12-31T23:59:59Z")]).expect_err("it is younger");
        assert_eq!(refused.reason, Reason::ServedNameConflict);
        assert!(refused.message.contains("other"), "{refused}");
        assert!(check(&[sibling("other", "2026-01-01T00:00:01Z")]).is_ok());
        assert!(check(&[sibling("zebra", "2026-01-01T00:00:00Z")]).is_ok());
        assert!(check(&[sibling("ant", "2026-01-01T00:00:00Z")]).is_err());
    }

    #[test]
    fn host_paths_need_the_administrators_permission() {
        let spec = format!("{{{SOURCE}, device: {{target: GPU, gpu: {{allocation: HostPath}}}}}}");
        let refused = validate(model(&spec), &[], &settings()).expect_err("not allowed");
        assert_eq!(refused.reason, Reason::HostPathNotAllowed);
        let allowed = Settings { allow_host_path: true, ..settings() };
        assert!(validate(model(&spec), &[], &allowed).is_ok());
    }

    #[test]
    fn the_group_video_is_warned_of() {
        let spec = format!(
            "{{{SOURCE}, device: {{target: GPU, gpu: {{renderGroups: {{mode: Static, gids: [44]}}}}}}}}"
        );
        let valid = validate(model(&spec), &[], &settings()).expect("it is valid");
        assert_eq!(valid.warnings[0].reason, "SuspiciousRenderGroup");
    }

    #[test]
    fn what_an_older_definition_let_through_is_refused() {
        let refused = validate(model("{source: {}}"), &[], &settings()).expect_err("no source");
        assert_eq!(refused.reason, Reason::InvalidSpec);
        assert!(refused.message.contains("exactly one source"), "{refused}");
    }
}
