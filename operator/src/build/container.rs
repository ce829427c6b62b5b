//! What all pods and their containers have in common.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, HTTPGetAction, KeyToPath, PersistentVolumeClaimVolumeSource, PodSecurityContext,
    PodSpec, Probe, SeccompProfile, SecretKeySelector, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::validate::{HubSource, ValidatedModel};

/// The user and group that the images run as.
const USER: i64 = 5000;
/// Where a ConfigMap with certificates is mounted.
const CA_BUNDLE: &str = "/certificates";

/// The pods of Jobs and servers, still without containers: they get no token of an account, and run where the
/// specification says.
pub(crate) fn pod(valid: &ValidatedModel, groups: &[i64]) -> PodSpec {
    let spec = &valid.model.spec;
    PodSpec {
        security_context: Some(pod_security(groups)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: spec.pod_template.service_account_name.clone(),
        image_pull_secrets: some(spec.pod_template.image_pull_secrets.clone()),
        node_selector: some(spec.scheduling.node_selector.clone()),
        tolerations: some(spec.scheduling.tolerations.clone()),
        priority_class_name: spec.scheduling.priority_class_name.clone(),
        ..PodSpec::default()
    }
}

/// A list or a map, unless it is empty.
pub(crate) fn some<C>(collection: C) -> Option<C>
where
    for<'a> &'a C: IntoIterator,
{
    let is_empty = (&collection).into_iter().next().is_none();
    (!is_empty).then_some(collection)
}

/// The security context of all pods: what Pod Security's level `restricted` asks for.
fn pod_security(groups: &[i64]) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        supplemental_groups: some(groups.to_vec()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

/// The security context of all containers that need no device of the host.
pub(crate) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

/// Adds what a command needs that talks to a hub: address, token, certificates and proxies.
pub(crate) fn add_hub(
    container: &mut Container,
    volumes: &mut Vec<Volume>,
    hub: &HubSource,
    environment: &[(String, String)],
) {
    let args = container.args.get_or_insert_default();
    let env = container.env.get_or_insert_default();
    if let Some(endpoint) = &hub.endpoint {
        args.extend(["--hf_endpoint".to_owned(), endpoint.clone()]);
    }
    if let Some((name, key)) = &hub.token {
        let selector = SecretKeySelector { name: name.clone(), key: key.clone(), optional: None };
        env.push(EnvVar {
            name: "HF_TOKEN".to_owned(),
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(selector),
                ..EnvVarSource::default()
            }),
            value: None,
        });
    }
    if let Some((name, key)) = &hub.ca_bundle {
        args.extend(["--ca_bundle".to_owned(), format!("{CA_BUNDLE}/ca.crt")]);
        volumes.push(config_volume("certificates", name, &[(key.as_str(), "ca.crt")]));
        container.volume_mounts.get_or_insert_default().push(mount(
            "certificates",
            CA_BUNDLE,
            true,
        ));
    }
    env.extend(environment.iter().map(|(name, value)| EnvVar {
        name: name.clone(),
        value: Some(value.clone()),
        value_from: None,
    }));
}

/// A port with a name.
pub(crate) fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        ..ContainerPort::default()
    }
}

/// A mount of a volume.
pub(crate) fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// A volume with a claim.
pub(crate) fn claim_volume(name: &str, claim: &str, read_only: bool) -> Volume {
    Volume {
        name: name.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: read_only.then_some(true),
        }),
        ..Volume::default()
    }
}

/// A volume with a ConfigMap, all of it or some keys as files.
pub(crate) fn config_volume(name: &str, config_map: &str, items: &[(&str, &str)]) -> Volume {
    let items: Vec<KeyToPath> = items
        .iter()
        .map(|(key, path)| KeyToPath {
            key: (*key).to_owned(),
            path: (*path).to_owned(),
            mode: None,
        })
        .collect();
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.to_owned(),
            items: some(items),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A volume on the pod's own disk.
pub(crate) fn scratch_volume(name: &str, size_limit: Option<String>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: size_limit.map(Quantity),
            medium: None,
        }),
        ..Volume::default()
    }
}

/// A probe of the management port.
pub(crate) fn probe(path: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("management".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failures),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}
