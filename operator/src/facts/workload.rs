//! Deployments, Jobs and PersistentVolumeClaims.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::names;

/// How far a Deployment is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentFacts {
    /// The wanted number of pods.
    pub wanted: i32,
    /// The number of pods that exist.
    pub replicas: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that have been ready for long enough.
    pub available: i32,
    /// Whether the status is about the newest specification.
    pub is_observed: bool,
    /// The release that the newest template serves.
    pub release: Option<String>,
    /// The image of its serving container.
    pub image: Option<String>,
    /// The resource of a device plugin that its pods ask for.
    pub device_resource: Option<String>,
    /// The groups that were added to its pods.
    pub groups: Vec<i64>,
    /// Whether the rollout made no progress for too long.
    pub deadline_exceeded: bool,
    /// Why pods cannot be made, in the API server's words.
    pub replica_failure: Option<String>,
}

impl DeploymentFacts {
    /// Whether all wanted pods are of the newest template and available, and no others are left.
    pub fn is_complete(&self) -> bool {
        self.is_observed
            && self.updated >= self.wanted
            && self.available >= self.wanted
            && self.replicas == self.updated
    }
}

impl From<&Deployment> for DeploymentFacts {
    fn from(deployment: &Deployment) -> Self {
        let generation = deployment.metadata.generation;
        let spec = deployment.spec.as_ref();
        let template = spec.map(|spec| &spec.template);
        let labels = template
            .and_then(|template| template.metadata.as_ref())
            .and_then(|metadata| metadata.labels.as_ref());
        let pod = template.and_then(|template| template.spec.as_ref());
        let container = pod.and_then(|pod| pod.containers.first());
        let limits = container
            .and_then(|container| container.resources.as_ref())
            .and_then(|resources| resources.limits.as_ref());
        let groups = pod
            .and_then(|pod| pod.security_context.as_ref())
            .and_then(|context| context.supplemental_groups.clone());
        let status = deployment.status.clone().unwrap_or_default();
        let condition = |kind: &str, state: &str| {
            status
                .conditions
                .iter()
                .flatten()
                .find(|condition| condition.type_ == kind && condition.status == state)
        };
        Self {
            wanted: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            replicas: status.replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            ready: status.ready_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            is_observed: status.observed_generation >= generation,
            release: labels.and_then(|labels| labels.get(names::RELEASE).cloned()),
            image: container.and_then(|container| container.image.clone()),
            device_resource: limits
                .into_iter()
                .flat_map(BTreeMap::keys)
                .find(|name| name.contains('/'))
                .cloned(),
            groups: groups.unwrap_or_default(),
            deadline_exceeded: condition("Progressing", "False")
                .is_some_and(|it| it.reason.as_deref() == Some("ProgressDeadlineExceeded")),
            replica_failure: condition("ReplicaFailure", "True").and_then(|it| it.message.clone()),
        }
    }
}

/// How far a Job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFacts {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Why it was given up, in Kubernetes' words.
    pub failed: Option<String>,
    /// When its first pod was made.
    pub started: Option<Time>,
    /// When it succeeded.
    pub completed: Option<Time>,
    /// The node that it was made for.
    pub node: Option<String>,
}

impl From<&Job> for JobFacts {
    fn from(job: &Job) -> Self {
        let status = job.status.clone().unwrap_or_default();
        let condition = |kind: &str| {
            let mut conditions = status.conditions.iter().flatten();
            conditions.find(|condition| condition.type_ == kind && condition.status == "True")
        };
        let failed = condition("Failed").map(|it| {
            it.message.clone().or_else(|| it.reason.clone()).unwrap_or_else(|| "failed".to_owned())
        });
        let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let node = pod
            .and_then(|pod| pod.node_selector.as_ref())
            .and_then(|labels| labels.get("kubernetes.io/hostname").cloned());
        Self {
            succeeded: condition("Complete").is_some(),
            failed,
            started: status.start_time,
            completed: status.completion_time,
            node,
        }
    }
}

/// The state of a PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Pending, Bound or Lost.
    pub phase: Option<String>,
    /// The size that it asks for.
    pub requested: Option<String>,
    /// Its storage class; `None` where the cluster has no default.
    pub storage_class: Option<String>,
    /// Its access modes.
    pub access_modes: Vec<String>,
}

impl ClaimFacts {
    /// Whether only one node can mount the volume at a time.
    pub fn is_bound_to_one_node(&self) -> bool {
        self.access_modes.iter().all(|mode| mode.starts_with("ReadWriteOnce"))
    }
}

impl From<&PersistentVolumeClaim> for ClaimFacts {
    fn from(claim: &PersistentVolumeClaim) -> Self {
        let spec = claim.spec.as_ref();
        let requested = spec
            .and_then(|spec| spec.resources.as_ref())
            .and_then(|resources| resources.requests.as_ref())
            .and_then(|requests| requests.get("storage"))
            .map(|quantity| quantity.0.clone());
        Self {
            phase: claim.status.as_ref().and_then(|status| status.phase.clone()),
            requested,
            storage_class: spec.and_then(|spec| spec.storage_class_name.clone()),
            access_modes: spec.and_then(|spec| spec.access_modes.clone()).unwrap_or_default(),
        }
    }
}
