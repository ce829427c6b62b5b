//! The Jobs: resolving a revision, pulling files, removing them, and finding a render group.
//!
//! None of them mounts a service-account token: what they find out is in their termination message. A
//! Job that fails is tried again for ever with growing delay, by the kubelet in the same pod, so that
//! what was downloaded stays.

use std::collections::BTreeMap;

use crds::spec::ConversionMode;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Container, HostPathVolumeSource, PodSpec, PodTemplateSpec, ResourceRequirements, Volume,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::container::{
    add_hub, claim_volume, container_security, mount, pod, port, scratch_volume, some,
};
use super::network::MANAGEMENT_PORT;
use super::{Inputs, Ownership, Wanted, own_metadata, shared_metadata, text_map};
use crate::accelerator::Discovery;
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::CacheState;
use crate::plan::cache::needs_pull;
use crate::release::{self, MODELS};
use crate::settings::Settings;
use crate::validate::{HubSource, ValidatedModel, ValidatedSource};

/// Kubernetes' largest number of retries: for ever.
const FOR_EVER: i32 = i32::MAX;
/// Where the program leaves its report.
const REPORT: &str = "/dev/termination-log";
/// How long a finished Job stays for people to look at.
const KEEP_FINISHED: i32 = 3600;

/// The Job that finds out what a revision means, or what is in a folder.
pub(super) fn resolve(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, settings, observed, .. } = inputs;
    let is_leaving = observed.resolve.as_ref().is_some_and(|job| job.is_leaving);
    if !plan.resolution.needs_job() || is_leaving {
        return None;
    }
    let mut args = vec!["resolve".to_owned()];
    let mut volumes = Vec::new();
    let mut mounts = Vec::new();
    match &valid.source {
        ValidatedSource::Hub(hub) => {
            args.extend([hub.repo.clone(), "--revision".to_owned(), hub.revision.clone()])
        }
        ValidatedSource::Volume { claim, .. } => {
            args.push(release::path(valid, ""));
            volumes.push(claim_volume("models", claim, true));
            mounts.push(mount("models", MODELS, true));
        }
    }
    args.extend(wishes(valid));
    let mut container = job_container("resolve", args, puller_image(valid, settings));
    container.volume_mounts = some(mounts);
    container.resources = Some(resources("50m", "64Mi", "256Mi"));
    if let ValidatedSource::Hub(hub) = &valid.source {
        add_hub(&mut container, &mut volumes, hub, &settings.hub_environment);
    }
    let name = names::resolve_job(&valid.name, &valid.request);
    let metadata = own_metadata(valid, name, Component::Resolve);
    Some(Wanted::own(Kind::Job, &job(valid, metadata, container, volumes, FOR_EVER)))
}

/// The Job that fills the volume of the wanted files.
pub(super) fn pull(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, settings, observed, .. } = inputs;
    let target = plan.target.as_ref().filter(|target| needs_pull(valid, target))?;
    let ValidatedSource::Hub(hub) = &valid.source else { return None };
    let is_leaving = observed.pull.as_ref().is_some_and(|job| job.is_leaving);
    let is_wanted = match &plan.cache {
        CacheState::Pulling { .. } | CacheState::Failed(_) => true,
        // A volume that waits for its first user waits for this Job.
        CacheState::WaitingForVolume { .. } => {
            observed.claim.as_ref().is_none_or(|it| !it.is_leaving)
        }
        CacheState::Unresolved | CacheState::Populated { .. } | CacheState::Contradicted { .. } => {
            false
        }
    };
    if !is_wanted || is_leaving {
        return None;
    }
    let commit = target.resolved_revision.as_deref().unwrap_or_default();
    let mut volumes = vec![
        claim_volume("models", target.claim_name.as_deref()?, false),
        scratch_volume("tmp", None),
    ];
    let image = puller_image(valid, settings);
    let container = pull_container(inputs, image, hub, (commit, &target.key), &mut volumes);
    let metadata =
        shared_metadata(valid, names::pull_job(&target.key), Component::Pull, &target.key);
    let job = job(valid, metadata, container, volumes, FOR_EVER);
    Some(Wanted::new(Kind::Job, Ownership::Shared, &job))
}

/// The container that pulls, in a Job or before a server.
pub(super) fn pull_container(
    inputs: Inputs<'_>,
    image: String,
    hub: &HubSource,
    (commit, key): (&str, &str),
    volumes: &mut Vec<Volume>,
) -> Container {
    let Inputs { valid, settings, .. } = inputs;
    let mut args: Vec<String> = [
        "pull",
        &hub.repo,
        "--revision",
        commit,
        "--output_dir",
        &format!("{MODELS}/{key}"),
        "--management_port",
        &MANAGEMENT_PORT.to_string(),
    ]
    .map(str::to_owned)
    .into();
    args.extend(wishes(valid));
    let mut container = job_container("pull", args, image);
    container.ports = Some(vec![port("management", MANAGEMENT_PORT)]);
    container.volume_mounts =
        Some(vec![mount("models", MODELS, false), mount("tmp", "/tmp", false)]);
    container.resources = Some(resources("250m", "256Mi", "512Mi"));
    add_hub(&mut container, volumes, hub, &settings.hub_environment);
    container
}

/// The Job that removes a key's files from a volume that the user named.
pub fn remove_job(valid: &ValidatedModel, settings: &Settings, claim: &str, key: &str) -> Wanted {
    let args = vec!["remove".to_owned(), format!("{MODELS}/{key}")];
    let mut container = job_container("remove", args, puller_image(valid, settings));
    container.volume_mounts = Some(vec![mount("models", MODELS, false)]);
    container.resources = Some(resources("50m", "64Mi", "128Mi"));
    let volumes = vec![claim_volume("models", claim, false)];
    let mut metadata = own_metadata(valid, names::remove_job(key), Component::Remove);
    // An owner that is being deleted would take the Job with it before it has done its work.
    metadata.owner_references = None;
    Wanted::own(Kind::Job, &job(valid, metadata, container, volumes, FOR_EVER))
}

/// The Job that looks for the group of the render node on one node.
pub fn render_group_job(
    valid: &ValidatedModel,
    settings: &Settings,
    discovery: &Discovery,
) -> Wanted {
    let image =
        valid.model.spec.image.serving.clone().unwrap_or_else(|| settings.gpu_image.clone());
    let mut container = job_container("render-group", vec!["render-group".to_owned()], image);
    let mut needs = resources("10m", "32Mi", "64Mi");
    let mut volumes = Vec::new();
    match &discovery.resource {
        Some(resource) => {
            let one = (resource.clone(), Quantity("1".to_owned()));
            needs.requests.get_or_insert_default().extend([one.clone()]);
            needs.limits.get_or_insert_default().extend([one]);
        }
        None => {
            volumes.push(dri_volume());
            container.volume_mounts = Some(vec![mount("dri", "/dev/dri", true)]);
        }
    }
    container.resources = Some(needs);
    let name = names::render_group_job(&valid.name, &discovery.node);
    let metadata = own_metadata(valid, name, Component::RenderGroup);
    let mut job = job(valid, metadata, container, volumes, 3);
    if let Some(spec) = &mut job.spec {
        spec.active_deadline_seconds = Some(120);
        spec.ttl_seconds_after_finished = Some(600);
        if let Some(pod) = &mut spec.template.spec {
            let selector = pod.node_selector.get_or_insert_default();
            selector.insert("kubernetes.io/hostname".to_owned(), discovery.node.clone());
        }
    }
    Wanted::own(Kind::Job, &job)
}

/// The node's own devices.
pub(super) fn dri_volume() -> Volume {
    Volume {
        name: "dri".to_owned(),
        host_path: Some(HostPathVolumeSource {
            path: "/dev/dri".to_owned(),
            type_: Some("Directory".to_owned()),
        }),
        ..Volume::default()
    }
}

/// What decides about the files, as arguments of resolve and pull alike.
fn wishes(valid: &ValidatedModel) -> Vec<String> {
    let spec = &valid.model.spec;
    let mut args = Vec::new();
    if let ValidatedSource::Hub(_) = &valid.source {
        let format = spec.conversion.weight_format.as_str();
        let conversion: &[&str] = match spec.conversion.mode {
            ConversionMode::Never => &["--conversion", "never"],
            ConversionMode::IfNeeded => &["--conversion", "if_needed", "--weight-format", format],
        };
        args.extend(conversion.iter().map(|word| (*word).to_owned()));
        let hub = spec.source.hugging_face.iter();
        for (option, patterns) in
            hub.flat_map(|hub| [("--include", &hub.include), ("--exclude", &hub.exclude)])
        {
            args.extend(patterns.iter().flat_map(|pattern| [option.to_owned(), pattern.clone()]));
        }
    }
    for (path, hash) in spec.source.verify.iter().flat_map(|verify| &verify.sha256) {
        args.extend(["--sha256".to_owned(), format!("{path}={hash}")]);
    }
    args
}

fn puller_image(valid: &ValidatedModel, settings: &Settings) -> String {
    valid.model.spec.image.puller.clone().unwrap_or_else(|| settings.image.clone())
}

fn job_container(name: &str, mut args: Vec<String>, image: String) -> Container {
    args.extend(["--termination_message_path", REPORT].map(str::to_owned));
    Container {
        name: name.to_owned(),
        image: Some(image),
        args: Some(args),
        security_context: Some(container_security()),
        // Where the program could not even begin, its log is the report.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

fn job(
    valid: &ValidatedModel,
    metadata: ObjectMeta,
    container: Container,
    volumes: Vec<Volume>,
    retries: i32,
) -> Job {
    let pod = PodSpec {
        containers: vec![container],
        volumes: some(volumes),
        restart_policy: Some("OnFailure".to_owned()),
        ..pod(valid, &[])
    };
    let labels: Option<BTreeMap<String, String>> = metadata.labels.clone();
    Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(retries),
            ttl_seconds_after_finished: Some(KEEP_FINISHED),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }),
                spec: Some(pod),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn resources(cpu: &str, memory: &str, memory_limit: &str) -> ResourceRequirements {
    let quantities = |map: BTreeMap<String, String>| -> BTreeMap<String, Quantity> {
        map.into_iter().map(|(name, quantity)| (name, Quantity(quantity))).collect()
    };
    ResourceRequirements {
        requests: Some(quantities(text_map([("cpu", cpu), ("memory", memory)]))),
        limits: Some(quantities(text_map([("memory", memory_limit)]))),
        claims: None,
    }
}
