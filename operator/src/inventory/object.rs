//! One object that the operator made, as far as anything needs to be known of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    ManagedFieldsEntry, ObjectMeta, OwnerReference,
};

use crate::facts::{ClaimFacts, DeploymentFacts, JobFacts};
use crate::kind::Kind;
use crate::names::{self, Component};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// An object that the operator made.
#[derive(Clone, Debug)]
pub struct LiveObject {
    /// Where it is.
    pub place: Place,
    /// Its UID.
    pub uid: String,
    /// Its resource version, as a number where it is one.
    pub resource_version: u64,
    /// Changes when somebody changes what the operator applies, and not when only the status changes.
    pub version: u64,
    /// The model whose object it is, for objects of one model.
    pub model: Option<String>,
    /// The cache key that it is about, for objects that several models may use.
    pub cache_key: Option<String>,
    /// The part that it plays.
    pub component: Option<Component>,
    /// Its owners.
    pub owners: Vec<OwnerReference>,
    /// The hash of what was applied last.
    pub applied: Option<String>,
    /// Whether it is going away.
    pub is_leaving: bool,
    /// Whether somebody else than the operator and Kubernetes' own controllers has set any of its fields.
    pub is_changed_by_others: bool,
    /// The facts of its kind.
    pub facts: Facts,
}

/// The facts of a kind.
#[derive(Clone, Debug)]
pub enum Facts {
    /// A kind of which nothing more is needed.
    None,
    /// A Deployment.
    Deployment(Box<DeploymentFacts>),
    /// A Job.
    Job(Box<JobFacts>),
    /// A PersistentVolumeClaim.
    Claim(Box<ClaimFacts>),
}

impl From<&Deployment> for Facts {
    fn from(deployment: &Deployment) -> Self {
        Self::Deployment(Box::new(deployment.into()))
    }
}

impl From<&Job> for Facts {
    fn from(job: &Job) -> Self {
        Self::Job(Box::new(job.into()))
    }
}

impl From<&PersistentVolumeClaim> for Facts {
    fn from(claim: &PersistentVolumeClaim) -> Self {
        Self::Claim(Box::new(claim.into()))
    }
}

impl LiveObject {
    /// An object as a watch or an answer shows it.
    pub fn new(kind: Kind, metadata: &ObjectMeta, facts: Facts) -> Self {
        let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key));
        let annotation = |key: &str| metadata.annotations.as_ref().and_then(|map| map.get(key));
        let owners = metadata.owner_references.clone().unwrap_or_default();
        Self {
            place: Place {
                kind,
                namespace: metadata.namespace.clone().unwrap_or_default(),
                name: metadata.name.clone().unwrap_or_default(),
            },
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: number(metadata.resource_version.as_deref()),
            version: version(metadata),
            model: label(names::MODEL).cloned(),
            cache_key: label(names::CACHE_KEY).cloned(),
            component: label(names::COMPONENT).and_then(|label| Component::from_label(label)),
            applied: annotation(names::APPLIED).cloned(),
            is_leaving: metadata.deletion_timestamp.is_some(),
            is_changed_by_others: is_changed_by_others(metadata),
            owners,
            facts,
        }
    }

    /// Whether the model with this UID is among its owners.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owners.iter().any(|owner| owner.uid == uid)
    }

    /// The EmbeddingModels among its owners.
    pub fn model_owners(&self) -> impl Iterator<Item = &OwnerReference> {
        self.owners.iter().filter(|owner| owner.kind == crds::KIND)
    }
}

/// Whether the managers of the object's fields are others than one expects. Where they are not told, anybody may
/// have been there.
fn is_changed_by_others(metadata: &ObjectMeta) -> bool {
    let is_expected = |entry: &ManagedFieldsEntry| {
        entry.subresource.as_deref().is_some_and(|name| !name.is_empty())
            || matches!(entry.manager.as_deref(), Some(names::MANAGER | "kube-controller-manager"))
    };
    metadata.managed_fields.as_ref().is_none_or(|entries| !entries.iter().all(is_expected))
}

/// Resource versions of Kubernetes' own API server are increasing numbers.
pub(crate) fn number(resource_version: Option<&str>) -> u64 {
    resource_version.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The generation and the metadata where the kind has a generation, else the resource version.
fn version(metadata: &ObjectMeta) -> u64 {
    let mut hasher = DefaultHasher::new();
    metadata.uid.hash(&mut hasher);
    match metadata.generation {
        Some(generation) => {
            generation.hash(&mut hasher);
            metadata.labels.hash(&mut hasher);
            for (key, value) in metadata.annotations.iter().flatten() {
                // The Deployment controller counts here.
                if key != "deployment.kubernetes.io/revision" {
                    (key, value).hash(&mut hasher);
                }
            }
            for owner in metadata.owner_references.iter().flatten() {
                owner.uid.hash(&mut hasher);
            }
        }
        None => metadata.resource_version.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, subresource: Option<&str>) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            subresource: subresource.map(str::to_owned),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn others_are_those_who_set_fields_and_are_no_controllers() {
        let is_changed = |entries: Option<Vec<ManagedFieldsEntry>>| {
            let metadata = ObjectMeta { managed_fields: entries, ..ObjectMeta::default() };
            LiveObject::new(Kind::Service, &metadata, Facts::None).is_changed_by_others
        };
        let ours = entry(names::MANAGER, None);
        let status = entry("somebody", Some("status"));
        let controller = entry("kube-controller-manager", None);
        assert!(!is_changed(Some(vec![ours.clone(), status, controller])));
        assert!(is_changed(Some(vec![ours, entry("kubectl-edit", None)])));
        assert!(is_changed(None), "nobody is told");
    }
}
