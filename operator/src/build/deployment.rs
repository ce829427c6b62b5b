//! The serving pods.

use std::collections::BTreeMap;

use crds::spec::GpuAllocation;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Container, Lifecycle, LifecycleHandler, PodSpec, PodTemplateSpec, ResourceRequirements,
    SecretVolumeSource, SleepAction, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::container::{
    claim_volume, config_volume, container_security, mount, pod, port, probe, scratch_volume, some,
};
use super::{Inputs, Wanted, gpu, jobs, own_metadata};
use crate::accelerator::{AcceleratorPlan, Variant, share};
use crate::build::network::MANAGEMENT_PORT;
use crate::build::service::PORT;
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::Serving;
use crate::plan::rollout::ReleaseState;
use crate::release::{CONFIG, MODELS};
use crate::sizing;
use crate::validate::ValidatedSource;

/// Where compiled models are kept.
const COMPILED: &str = "/cache";
/// Where the Secret with the API key is mounted.
const API_KEY: &str = "/auth";
/// Seconds in which a pod that is leaving still takes requests, until no client is sent to it any more.
const STILL_SENT_TO: i64 = 5;
/// Seconds in which a pod that is leaving finishes the requests that it has.
const FINISHING: i64 = 25;

/// One Deployment, or one for each kind of GPU.
pub(super) fn deployments(inputs: Inputs<'_>) -> Vec<Wanted> {
    let (Some(serving), Ok(accelerator)) = (&inputs.plan.serving, &inputs.plan.accelerator) else {
        return Vec::new();
    };
    let shares = share(inputs.valid.model.replica_bounds().0, &accelerator.variants);
    let variants = accelerator.variants.iter().zip(shares);
    variants
        .map(|(variant, replicas)| {
            let deployment = deployment(inputs, serving, accelerator, variant, replicas);
            Wanted::own(Kind::Deployment, &deployment)
        })
        .collect()
}

fn deployment(
    inputs: Inputs<'_>,
    serving: &Serving,
    accelerator: &AcceleratorPlan,
    variant: &Variant,
    replicas: i32,
) -> Deployment {
    let Inputs { valid, observed, .. } = inputs;
    let spec = &valid.model.spec;
    let name = names::variant(&valid.name, variant.driver);
    // The autoscaler's number is repeated, because leaving it out would set it to one.
    let scaled = observed.deployments.get(&name).map(|it| it.wanted);
    let replicas = match &spec.autoscaling {
        Some(bounds) => scaled.unwrap_or(replicas).clamp(replicas.min(bounds.min), bounds.max),
        None => replicas,
    };
    let mut metadata = own_metadata(valid, name, Component::Serving);
    let mut selector = names::pod_selector(&valid.name);
    if let Some(driver) = variant.driver {
        let label = (names::VARIANT.to_owned(), driver.to_owned());
        metadata.labels.get_or_insert_default().extend([label.clone()]);
        selector.match_labels.get_or_insert_default().extend([label]);
    }
    let rollout = &spec.rollout;
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            template: template(inputs, serving, accelerator, variant, &selector),
            selector,
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(rollout.max_surge.clone()),
                    max_unavailable: Some(rollout.max_unavailable.clone()),
                }),
            }),
            progress_deadline_seconds: i32::try_from(rollout.progress_deadline().as_secs()).ok(),
            revision_history_limit: Some(rollout.history_limit),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn template(
    inputs: Inputs<'_>,
    serving: &Serving,
    accelerator: &AcceleratorPlan,
    variant: &Variant,
    selector: &LabelSelector,
) -> PodTemplateSpec {
    let Inputs { valid, .. } = inputs;
    let spec = &valid.model.spec;
    let mut labels: BTreeMap<String, String> = spec.pod_template.labels.clone();
    labels.extend(names::labels(&valid.name, Component::Serving));
    labels.extend(selector.match_labels.clone().unwrap_or_default());
    let release = serving.release.label().unwrap_or_default();
    labels.insert(names::RELEASE.to_owned(), release.to_owned());

    let (mut volumes, mounts) = volumes(inputs, serving);
    let mut container = server(inputs, serving, mounts);
    let mut init = Vec::new();
    if let (ValidatedSource::Hub(hub), None) = (&valid.source, &serving.release.claim_name) {
        let commit = serving.release.resolved_revision.as_deref().unwrap_or_default();
        let key = serving.release.key.as_str();
        // The release's own image: the operator's default would restart the pods when it changes.
        let image = spec.image.puller.clone().or_else(|| serving.release.image.clone());
        let image = image.unwrap_or_default();
        init.push(jobs::pull_container(inputs, image, hub, (commit, key), &mut volumes));
    }
    let mut pod = PodSpec {
        termination_grace_period_seconds: Some(STILL_SENT_TO + FINISHING + 5),
        affinity: spec.scheduling.affinity.clone(),
        topology_spread_constraints: some(spread(inputs)),
        runtime_class_name: spec.scheduling.runtime_class_name.clone(),
        ..pod(valid, &accelerator.groups)
    };
    add_device(inputs, variant, &mut container, &mut volumes, &mut pod);
    pod.containers = vec![container];
    pod.init_containers = some(init);
    pod.volumes = Some(volumes);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: some(spec.pod_template.annotations.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(pod),
    }
}

/// The container that answers requests.
fn server(inputs: Inputs<'_>, serving: &Serving, mounts: Vec<VolumeMount>) -> Container {
    let Inputs { valid, .. } = inputs;
    let spec = &valid.model.spec;
    // Loading, and compiling for a GPU, may take as long as a rollout may.
    let deadline = i32::try_from(spec.rollout.progress_deadline().as_secs()).unwrap_or(600);
    Container {
        name: "server".to_owned(),
        image: serving.release.image.clone(),
        args: Some(arguments(inputs)),
        env: some(spec.pod_template.extra_env.clone()),
        ports: Some(vec![port("http", PORT), port("management", MANAGEMENT_PORT)]),
        resources: Some(serving.resources.clone()),
        security_context: Some(container_security()),
        startup_probe: Some(probe(
            &format!("/v2/models/{}/ready", valid.served_name),
            2,
            (deadline / 2).max(15),
        )),
        readiness_probe: Some(probe("/v2/health/ready", 5, 2)),
        liveness_probe: Some(probe("/v2/health/live", 10, 6)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: STILL_SENT_TO }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn arguments(inputs: Inputs<'_>) -> Vec<String> {
    let spec = &inputs.valid.model.spec;
    let mut args: Vec<String> = [
        "serve",
        "--config_path",
        &format!("{CONFIG}/config.json"),
        "--rest_port",
        &PORT.to_string(),
        "--management_port",
        &MANAGEMENT_PORT.to_string(),
        "--shutdown_timeout",
        &FINISHING.to_string(),
        // The settings of a pod never change.
        "--file_system_poll_wait_seconds",
        "0",
    ]
    .map(str::to_owned)
    .into();
    if spec.cache.compiled.enabled {
        args.extend(["--cache_dir", COMPILED].map(str::to_owned));
    }
    if spec.auth.api_key_secret_ref.is_some() {
        args.extend(["--api_key_file".to_owned(), format!("{API_KEY}/key")]);
    }
    args
}

fn volumes(inputs: Inputs<'_>, serving: &Serving) -> (Vec<Volume>, Vec<VolumeMount>) {
    let spec = &inputs.valid.model.spec;
    let release = &serving.release;
    let models = match &release.claim_name {
        Some(claim) => claim_volume("models", claim, true),
        None => {
            let given = spec.cache.ephemeral.as_ref().and_then(|it| it.size_limit.as_ref());
            let derived = release.disk_bytes.and_then(|bytes| u64::try_from(bytes).ok());
            let size = given.map(|size| size.0.clone());
            scratch_volume("models", size.or_else(|| derived.map(sizing::volume_size)))
        }
    };
    let config_map = release.config_map.as_deref().unwrap_or_default();
    let mut volumes =
        vec![models, config_volume("config", config_map, &[]), scratch_volume("tmp", None)];
    let mut mounts = vec![
        mount("models", MODELS, true),
        mount("config", CONFIG, true),
        mount("tmp", "/tmp", false),
    ];
    if spec.cache.compiled.enabled {
        let given = spec.cache.compiled.size_limit.as_ref().map(|size| size.0.clone());
        let size =
            given.unwrap_or_else(|| sizing::compiled_cache_size(serving.report.weights_bytes));
        volumes.push(scratch_volume("compiled", Some(size)));
        mounts.push(mount("compiled", COMPILED, false));
    }
    if let Some(secret) = &spec.auth.api_key_secret_ref {
        volumes.push(Volume {
            name: "api-key".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret.name.clone()),
                items: Some(vec![k8s_openapi::api::core::v1::KeyToPath {
                    key: secret.key.clone(),
                    path: "key".to_owned(),
                    mode: None,
                }]),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
        mounts.push(mount("api-key", API_KEY, true));
    }
    (volumes, mounts)
}

/// Over hosts and zones as well as possible, unless the specification says otherwise.
fn spread(inputs: Inputs<'_>) -> Vec<TopologySpreadConstraint> {
    let Inputs { valid, .. } = inputs;
    let given = &valid.model.spec.scheduling.topology_spread_constraints;
    if !given.is_empty() {
        return given.clone();
    }
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        .map(|key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: key.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(names::pod_selector(&valid.name)),
            // Pods of the old release do not count while the new one is rolled out.
            match_label_keys: Some(vec![names::RELEASE.to_owned()]),
            ..TopologySpreadConstraint::default()
        })
        .into()
}

/// The device of the pod: a resource of a device plugin, a claim, or the node's own device files.
fn add_device(
    inputs: Inputs<'_>,
    variant: &Variant,
    container: &mut Container,
    volumes: &mut Vec<Volume>,
    pod: &mut PodSpec,
) {
    let gpu = inputs.valid.model.spec.device.gpu.clone().unwrap_or_default();
    let resources: &mut ResourceRequirements = container.resources.get_or_insert_default();
    if let Some(resource) = &variant.resource {
        let count = (resource.clone(), Quantity(gpu.count.to_string()));
        resources.requests.get_or_insert_default().extend([count.clone()]);
        resources.limits.get_or_insert_default().extend([count]);
        return;
    }
    if !inputs.valid.wants_accelerator() {
        return;
    }
    match gpu.allocation {
        GpuAllocation::Dra => gpu::add_claim(inputs, container, pod),
        GpuAllocation::HostPath => {
            volumes.push(jobs::dri_volume());
            container.volume_mounts.get_or_insert_default().push(mount("dri", "/dev/dri", false));
            // The device cgroup lets only privileged containers open a device of a host path.
            container.security_context = Some(gpu::privileged());
        }
        GpuAllocation::DevicePlugin => {}
    }
}
