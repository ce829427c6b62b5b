//! What the operator has made and the cluster has now: small facts, kept up to date by watches.
//!
//! Whole objects are not kept. Of each there are its metadata as far as needed, the facts of its kind,
//! and a version that changes when somebody else changed it, so that a reconcile that finds everything
//! as it left it asks nothing and writes nothing.

mod object;
mod pods;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::kind::Kind;

pub(crate) use object::number;
pub use object::{Facts, LiveObject, Place};
pub use pods::{PodGroup, PodInventory, PodVersions};

/// All objects that the operator made, and which pods there are.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The pods.
    pub pods: PodInventory,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<Place, Arc<LiveObject>>,
    /// The places of the objects of a model, by namespace and name.
    of_model: HashMap<(String, String), BTreeSet<Place>>,
    /// The places of the objects about a cache key, by namespace and key.
    of_key: HashMap<(String, String), BTreeSet<Place>>,
    /// The places of the objects about cache keys of which a model owns a share, by its UID.
    of_owner: HashMap<String, BTreeSet<Place>>,
    /// What was found to be as it should be: the version, and the hash of what it should be.
    verified: HashMap<Place, (u64, String)>,
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
            for owner in object.model_owners() {
                state.of_owner.entry(owner.uid.clone()).or_default().insert(place.clone());
            }
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
        state.at(state.of_model.get(&(namespace.to_owned(), model.to_owned())))
    }

    /// The objects about one cache key.
    pub fn of_key(&self, namespace: &str, key: &str) -> Vec<Arc<LiveObject>> {
        let state = self.read();
        state.at(state.of_key.get(&(namespace.to_owned(), key.to_owned())))
    }

    /// The objects about cache keys that the model with this UID owns a share of.
    pub fn shared_with(&self, uid: &str) -> Vec<Arc<LiveObject>> {
        let state = self.read();
        state.at(state.of_owner.get(uid))
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

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&self, places: Option<&BTreeSet<Place>>) -> Vec<Arc<LiveObject>> {
        places.into_iter().flatten().filter_map(|place| self.objects.get(place).cloned()).collect()
    }

    fn forget(&mut self, place: &Place) {
        let Some(object) = self.objects.remove(place) else { return };
        let in_namespace = |name: &String| (place.namespace.clone(), name.clone());
        if let Some(model) = &object.model {
            drop_from(&mut self.of_model, &in_namespace(model), place);
        }
        if let Some(key) = &object.cache_key {
            drop_from(&mut self.of_key, &in_namespace(key), place);
        }
        for owner in object.model_owners() {
            drop_from(&mut self.of_owner, &owner.uid, place);
        }
    }
}

/// Drops a place from an index, and the entry with its last place.
fn drop_from<K: Eq + Hash>(index: &mut HashMap<K, BTreeSet<Place>>, key: &K, place: &Place) {
    if let Some(places) = index.get_mut(key) {
        places.remove(place);
        if places.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

    use super::*;
    use crate::names::{self, Component};

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
    fn a_share_is_found_by_its_owner_until_it_is_given_up() {
        let volume = |version: &str, owners: &[&str]| {
            let owner = |uid: &&str| OwnerReference {
                kind: crds::KIND.to_owned(),
                uid: (*uid).to_owned(),
                ..OwnerReference::default()
            };
            let metadata = ObjectMeta {
                labels: Some([(names::CACHE_KEY.to_owned(), "0123".to_owned())].into()),
                owner_references: Some(owners.iter().map(owner).collect()),
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            };
            LiveObject::new(Kind::PersistentVolumeClaim, &metadata, Facts::None)
        };
        let inventory = Inventory::default();
        let shares = |uid| inventory.shared_with(uid).len();
        inventory.insert(volume("1", &["a", "b"]));
        assert_eq!((shares("a"), shares("b")), (1, 1));
        inventory.insert(volume("2", &["b"]));
        assert_eq!((shares("a"), shares("b")), (0, 1));
        inventory.remove(&volume("2", &[]).place);
        assert_eq!(shares("b"), 0);
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
    }
}
