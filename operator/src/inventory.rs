//! What the operator has made and the cluster has now: small facts, kept up to date by watches.
//!
//! Whole objects are not kept. Of each there are its metadata as far as needed, the facts of its kind,
//! and a version that changes when somebody else changed it, so that a reconcile that finds everything
//! as it left it asks nothing and writes nothing.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

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

/// All objects that the operator made, and which pods there are.
#[derive(Debug, Default)]
pub struct Inventory {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<Place, Arc<LiveObject>>,
    /// The places of the objects of a model, by namespace and name.
    of_model: HashMap<(String, String), BTreeSet<Place>>,
    /// The places of the objects about a cache key, by namespace and key.
    of_key: HashMap<(String, String), BTreeSet<Place>>,
    /// The pods of a model or of a cache key, with their resource versions.
    pods: HashMap<PodGroup, BTreeMap<String, u64>>,
    /// What was found to be as it should be: the version, and the hash of what it should be.
    verified: HashMap<Place, (u64, String)>,
}

/// Pods that belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodGroup {
    /// The pods of a model: those that serve and those of its own Jobs.
    Model(String, String),
    /// The pods of Jobs about a cache key.
    Key(String, String),
}

impl Inventory {
    /// Takes in an object. An older version than the one that is known changes nothing.
    pub fn insert(&self, object: LiveObject) {
        let mut state = self.write();
        let known = state.objects.get(&object.place);
        if known.is_some_and(|known| {
            known.uid == object.uid && known.resource_version > object.resource_version
        }) {
            return;
        }
        state.forget(&object.place);
        let (place, namespace) = (object.place.clone(), object.place.namespace.clone());
        if let Some(model) = &object.model {
            let places = state.of_model.entry((namespace.clone(), model.clone()));
            places.or_default().insert(place.clone());
        }
        if let Some(key) = &object.cache_key {
            state.of_key.entry((namespace, key.clone())).or_default().insert(place.clone());
        }
        state.objects.insert(place, Arc::new(object));
    }

    /// Notes that an object was told to go, before the watch says so. One that is gone already stays gone.
    pub fn mark_leaving(&self, place: &Place, uid: &str) {
        let mut state = self.write();
        if let Some(object) = state.objects.get_mut(place).filter(|object| object.uid == uid) {
            Arc::make_mut(object).is_leaving = true;
        }
    }

    /// Drops an object that is gone.
    pub fn remove(&self, place: &Place) {
        let mut state = self.write();
        state.forget(place);
        state.verified.remove(place);
    }

    /// Drops all objects of a kind in a namespace (all, if `None`) that are not in `present`.
    pub fn retain(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        present: &BTreeSet<Place>,
    ) -> Vec<Arc<LiveObject>> {
        let mut state = self.write();
        let gone: Vec<Place> = state
            .objects
            .keys()
            .filter(|place| place.kind == kind && namespace.is_none_or(|it| it == place.namespace))
            .filter(|place| !present.contains(place))
            .cloned()
            .collect();
        gone.iter()
            .filter_map(|place| {
                let object = state.objects.get(place).cloned();
                state.forget(place);
                state.verified.remove(place);
                object
            })
            .collect()
    }

    /// One object.
    pub fn get(&self, place: &Place) -> Option<Arc<LiveObject>> {
        self.read().objects.get(place).cloned()
    }

    /// The objects of one model.
    pub fn of_model(&self, namespace: &str, model: &str) -> Vec<Arc<LiveObject>> {
        let state = self.read();
        let places = state.of_model.get(&(namespace.to_owned(), model.to_owned()));
        places.into_iter().flatten().filter_map(|place| state.objects.get(place).cloned()).collect()
    }

    /// The objects about one cache key.
    pub fn of_key(&self, namespace: &str, key: &str) -> Vec<Arc<LiveObject>> {
        let state = self.read();
        let places = state.of_key.get(&(namespace.to_owned(), key.to_owned()));
        places.into_iter().flatten().filter_map(|place| state.objects.get(place).cloned()).collect()
    }

    /// The objects about cache keys that the model with this UID owns a share of.
    pub fn shared_with(&self, namespace: &str, uid: &str) -> Vec<Arc<LiveObject>> {
        let state = self.read();
        state
            .of_key
            .iter()
            .filter(|((in_namespace, _), _)| in_namespace == namespace)
            .flat_map(|(_, places)| places)
            .filter_map(|place| state.objects.get(place))
            .filter(|object| object.is_owned_by(uid))
            .cloned()
            .collect()
    }

    /// The number of objects of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for place in self.read().objects.keys() {
            *counts.entry(place.kind).or_default() += 1;
        }
        counts
    }

    /// Remembers that an object of this version is as it should be.
    pub fn mark_verified(&self, place: &Place, version: u64, hash: &str) {
        self.write().verified.insert(place.clone(), (version, hash.to_owned()));
    }

    /// Whether an object of this version was found to be as it should be.
    pub fn is_verified(&self, place: &Place, version: u64, hash: &str) -> bool {
        let state = self.read();
        state.verified.get(place).is_some_and(|it| it.0 == version && it.1 == hash)
    }

    /// Takes in a pod.
    pub fn insert_pod(&self, group: PodGroup, name: &str, resource_version: Option<&str>) {
        let mut state = self.write();
        state.pods.entry(group).or_default().insert(name.to_owned(), number(resource_version));
    }

    /// Drops a pod that is gone.
    pub fn remove_pod(&self, group: &PodGroup, name: &str) {
        let mut state = self.write();
        if let Some(pods) = state.pods.get_mut(group) {
            pods.remove(name);
            if pods.is_empty() {
                state.pods.remove(group);
            }
        }
    }

    /// The pods of a group with their versions.
    pub fn pods(&self, group: &PodGroup) -> BTreeMap<String, u64> {
        self.read().pods.get(group).cloned().unwrap_or_default()
    }

    /// Drops all pods in a namespace (all, if `None`) that are not in `present`.
    pub fn retain_pods(&self, namespace: Option<&str>, present: &BTreeSet<(PodGroup, String)>) {
        let mut state = self.write();
        state.pods.retain(|group, pods| {
            let (PodGroup::Model(inside, _) | PodGroup::Key(inside, _)) = group;
            if namespace.is_none_or(|it| it == inside) {
                pods.retain(|name, _| present.contains(&(group.clone(), name.clone())));
            }
            !pods.is_empty()
        });
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, place: &Place) {
        let Some(object) = self.objects.remove(place) else { return };
        let namespace = &place.namespace;
        for (index, name) in
            [(&mut self.of_model, &object.model), (&mut self.of_key, &object.cache_key)]
        {
            let Some(name) = name else { continue };
            let key = (namespace.clone(), name.clone());
            if let Some(places) = index.get_mut(&key) {
                places.remove(place);
                if places.is_empty() {
                    index.remove(&key);
                }
            }
        }
    }
}

/// Resource versions of Kubernetes' own API server are increasing numbers.
pub fn number(resource_version: Option<&str>) -> u64 {
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

    fn service(name: &str, version: &str) -> LiveObject {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("search".to_owned()),
            uid: Some("1".to_owned()),
            resource_version: Some(version.to_owned()),
            labels: Some(names::labels("bge", Component::Serving)),
            ..ObjectMeta::default()
        };
        LiveObject::new(Kind::Service, &metadata, Facts::None)
    }

    #[test]
    fn objects_are_found_by_their_model_until_they_are_gone() {
        let inventory = Inventory::default();
        inventory.insert(service("bge", "5"));
        assert_eq!(inventory.of_model("search", "bge").len(), 1);
        assert!(inventory.of_model("other", "bge").is_empty());
        inventory.remove(&service("bge", "5").place);
        assert!(inventory.of_model("search", "bge").is_empty());
        assert!(inventory.counts().is_empty());
    }

    #[test]
    fn what_was_told_to_go_counts_as_leaving_until_it_is_gone() {
        let inventory = Inventory::default();
        let place = service("bge", "5").place;
        inventory.mark_leaving(&place, "1");
        assert!(inventory.get(&place).is_none(), "the watch was faster");
        inventory.insert(service("bge", "5"));
        inventory.mark_leaving(&place, "another");
        assert!(!inventory.get(&place).expect("it is there").is_leaving);
        inventory.mark_leaving(&place, "1");
        assert!(inventory.get(&place).expect("it is there").is_leaving);
    }

    #[test]
    fn an_answer_that_is_newer_than_a_late_event_stays() {
        let inventory = Inventory::default();
        inventory.insert(service("bge", "7"));
        inventory.insert(service("bge", "5"));
        let place = service("bge", "5").place;
        assert_eq!(inventory.get(&place).expect("it is there").resource_version, 7);
    }

    #[test]
    fn verified_is_what_has_the_same_version_and_should_be_the_same() {
        let inventory = Inventory::default();
        let object = service("bge", "5");
        inventory.mark_verified(&object.place, object.version, "hash");
        assert!(inventory.is_verified(&object.place, object.version, "hash"));
        assert!(!inventory.is_verified(&object.place, object.version, "other"));
        assert!(!inventory.is_verified(&object.place, service("bge", "6").version, "hash"));
    }

    #[test]
    fn a_new_list_drops_what_is_not_in_it() {
        let inventory = Inventory::default();
        inventory.insert(service("a", "1"));
        inventory.insert(service("b", "2"));
        let gone = inventory.retain(Kind::Service, None, &[service("b", "2").place].into());
        assert_eq!(gone.iter().map(|it| it.place.name.as_str()).collect::<Vec<_>>(), ["a"]);
        let group = PodGroup::Model("search".to_owned(), "a".to_owned());
        inventory.insert_pod(group.clone(), "a-1", Some("3"));
        inventory.retain_pods(Some("search"), &BTreeSet::new());
        assert!(inventory.pods(&group).is_empty());
    }
}
