//! Names, labels and annotations of everything that the operator makes. Nothing else spells one out.

use std::collections::BTreeMap;

use crds::EmbeddingModel;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The field manager of server-side apply, and the value of the label `managed-by`.
pub const MANAGER: &str = "embedserve-operator";
/// Label: who made the object. All watches are limited by it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: the program.
pub const APP_NAME: &str = "app.kubernetes.io/name";
/// Label: the EmbeddingModel, as most tools show it.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label: the part that the object plays, see [`Component`].
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Label: the EmbeddingModel, for the operator's own selectors.
pub const MODEL: &str = "embedserve.dev/model";
/// Label: the cache key of the files that the object is about.
pub const CACHE_KEY: &str = "embedserve.dev/cache-key";
/// Label: the kind of GPU driver that a Deployment is for.
pub const VARIANT: &str = "embedserve.dev/gpu-driver";
/// Label of pods: the release that they serve, so that pods of two releases can be told apart.
pub const RELEASE: &str = "embedserve.dev/release";
/// Annotation: the hash of what was applied last.
pub const APPLIED: &str = "embedserve.dev/applied-hash";
/// Annotation of an EmbeddingModel: another value makes its revision be resolved again.
pub const REFRESH: &str = "embedserve.dev/refresh";
/// Annotation of a node: the group of its render node, where an administrator states it.
pub const RENDER_GROUP: &str = "embedserve.dev/render-gid";
/// Finalizer: files in a volume that the user named are removed first.
pub const FINALIZER: &str = "embedserve.dev/cache-removal";

/// The part that an object plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Pods that answer requests, and all that belongs to them.
    Serving,
    /// The Job that resolves a revision.
    Resolve,
    /// The Job that pulls files.
    Pull,
    /// The Job that removes files from a volume that the user named.
    Remove,
    /// The Job that looks for the group of a node's render node.
    RenderGroup,
    /// Files: the volume and the record of what is in it.
    Cache,
}

impl Component {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Resolve => "resolve",
            Self::Pull => "pull",
            Self::Remove => "remove",
            Self::RenderGroup => "render-group",
            Self::Cache => "cache",
        }
    }

    /// The component with this label value.
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Serving, Self::Resolve, Self::Pull, Self::Remove, Self::RenderGroup, Self::Cache]
            .into_iter()
            .find(|component| component.as_str() == label)
    }
}

/// The labels of an object of one model.
pub fn labels(model: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = shared_labels(component);
    labels.insert(INSTANCE.to_owned(), model.to_owned());
    labels.insert(MODEL.to_owned(), model.to_owned());
    labels
}

/// The labels of an object that several models may share.
pub fn shared_labels(component: Component) -> BTreeMap<String, String> {
    [(APP_NAME, "embedserve"), (COMPONENT, component.as_str()), (MANAGED_BY, MANAGER)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// What selects the serving pods of a model. It never changes: selectors of Deployments cannot.
pub fn pod_selector(model: &str) -> LabelSelector {
    selector(&[(MODEL, model), (COMPONENT, Component::Serving.as_str())])
}

/// The same as text, for `status.selector`.
pub fn pod_selector_text(model: &str) -> String {
    format!("{MODEL}={model},{COMPONENT}={}", Component::Serving.as_str())
}

/// A selector of labels that must all be there.
pub fn selector(labels: &[(&str, &str)]) -> LabelSelector {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    LabelSelector { match_labels: Some(labels.collect()), ..LabelSelector::default() }
}

/// The selector of all watches.
pub fn watch_selector() -> String {
    format!("{MANAGED_BY}={MANAGER}")
}

/// A reference that makes Kubernetes delete the object with the model.
///
/// Of several owners none is the controller, because an object can have only one.
pub fn owner_reference(model: &EmbeddingModel, controller: bool) -> OwnerReference {
    OwnerReference {
        api_version: crds::API_VERSION.to_owned(),
        kind: crds::KIND.to_owned(),
        name: model.name_any(),
        uid: model.meta().uid.clone().unwrap_or_default(),
        controller: controller.then_some(true),
        block_owner_deletion: controller.then_some(true),
    }
}

/// The Service, and the Deployment where there is only one.
pub fn serving(model: &str) -> String {
    model.to_owned()
}

/// A Deployment for one kind of GPU driver.
pub fn variant(model: &str, driver: Option<&str>) -> String {
    match driver {
        Some(driver) => format!("{model}-{driver}"),
        None => serving(model),
    }
}

/// The Job that resolves what was asked for.
pub fn resolve_job(model: &str, request: &str) -> String {
    format!("{model}-r-{}", &request[..8])
}

/// The volume and the record of a cache key.
pub fn cache(key: &str) -> String {
    format!("emb-{key}")
}

/// The Job that fills a volume.
pub fn pull_job(key: &str) -> String {
    format!("emb-{key}-pull")
}

/// The Job that removes a key's files from a volume that the user named.
pub fn remove_job(key: &str) -> String {
    format!("emb-{key}-remove")
}

/// The Job that looks for a node's render group.
pub fn render_group_job(model: &str, node: &str) -> String {
    format!("{model}-g-{}", &hash(&node)[..8])
}

/// The ConfigMap with the render groups that were found.
pub fn render_groups(model: &str) -> String {
    format!("{model}-render-groups")
}

/// The ConfigMap with a release's settings.
pub fn release(model: &str, hash: &str) -> String {
    format!("{model}-{}", &hash[..10])
}

/// The NetworkPolicy of the serving pods.
pub fn serving_policy(model: &str) -> String {
    format!("{model}-serving")
}

/// The NetworkPolicy of the Jobs.
pub fn jobs_policy(model: &str) -> String {
    format!("{model}-jobs")
}

/// The NetworkPolicy of the Job that fills a volume.
pub fn pull_policy(key: &str) -> String {
    format!("emb-{key}-pull")
}

/// SHA-256 over the JSON of a value, hexadecimal. Maps must have a fixed order.
pub fn hash(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("plain values always become JSON");
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first twelve digits of [`hash`], for names.
pub fn short_hash(value: &impl Serialize) -> String {
    hash(value)[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_longest_model_fit_into_labels() {
        let model = "m".repeat(52);
        let request = hash(&"request");
        for name in [
            resolve_job(&model, &request),
            release(&model, &request),
            render_group_job(&model, "a-node.example.com"),
            variant(&model, Some("i915")),
            serving_policy(&model),
        ] {
            assert!(name.len() <= 63, "{name}");
        }
    }

    #[test]
    fn components_are_found_by_their_labels() {
        for component in [Component::Serving, Component::Pull, Component::RenderGroup] {
            assert_eq!(Component::from_label(component.as_str()), Some(component));
        }
        assert_eq!(Component::from_label("other"), None);
    }
}
