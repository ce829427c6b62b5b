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

use model_repository::job_report::SourceReport;

use crate::kind::Kind;

pub(crate) use object::number;
pub use object::{Facts, LiveObject, Place};
pub use pods::{PodGroup, PodInventory};

/// All objects that the operator made, and which pods there are.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The pods.
    pub pods: PodInventory,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<Place, Known>,
    /// The objects of a model, by namespace and name.
    of_model: HashMap<(String, String), Vec<Arc<LiveObject>>>,
    /// The objects about a cache key, by namespace and key.
    of_key: HashMap<(String, String), Vec<Arc<LiveObject>>>,
    /// The objects about cache keys of which a model owns a share, by its UID.
    of_owner: HashMap<String, Vec<Arc<LiveObject>>>,
}

/// An object with what was found out about its content.
#[derive(Debug)]
struct Known {
    object: Arc<LiveObject>,
    /// That it was found to be as it should be: its version then, and the hash of what it should be.
    verified: Option<Verified>,
    /// What it says if it is a record that was read, with its UID. A record never changes.
    record: Option<Box<(String, SourceReport)>>,
}

#[derive(Debug)]
struct Verified {
    version: u64,
    hash: String,
    by: Verification,
}

/// How it is known that an object is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It was compared.
    Compared,
    /// It carries the hash of what it should be, and nobody else is known to have changed it.
    Told,
}

impl Inventory {
    /// Takes in an object. An older version than the one that is known changes nothing.
    pub fn insert(&self, object: LiveObject) {
        let mut state = self.write();
        let is_late =
            state.objects.get(&object.place).is_some_and(|Known { object: known, .. }| {
                known.uid == object.uid && known.resource_version > object.resource_version
            });
        if !is_late {
            state.insert(Arc::new(object));
        }
    }

    /// Notes that an object was told to go, before the watch says so. One that is gone already stays gone.
    pub fn mark_leaving(&self, place: &Place, uid: &str) {
        let mut state = self.write();
        let known = state.objects.get(place).map(|known| &known.object);
        if let Some(object) = known.filter(|object| object.uid == uid) {
            let leaving = LiveObject { is_leaving: true, ..LiveObject::clone(object) };
            state.insert(Arc::new(leaving));
        }
    }

    /// Drops an object that is gone.
    pub fn remove(&self, place: &Place) {
        self.write().remove(place);
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
        gone.iter().filter_map(|place| state.remove(place)).collect()
    }

    /// One object.
    pub fn get(&self, place: &Place) -> Option<Arc<LiveObject>> {
        self.read().objects.get(place).map(|known| Arc::clone(&known.object))
    }

    /// The objects of one model.
    pub fn of_model(&self, namespace: &str, model: &str) -> Vec<Arc<LiveObject>> {
        let of = (namespace.to_owned(), model.to_owned());
        self.read().of_model.get(&of).cloned().unwrap_or_default()
    }

    /// The objects about one cache key.
    pub fn of_key(&self, namespace: &str, key: &str) -> Vec<Arc<LiveObject>> {
        let of = (namespace.to_owned(), key.to_owned());
        self.read().of_key.get(&of).cloned().unwrap_or_default()
    }

    /// The objects about cache keys that the model with this UID owns a share of.
    pub fn shared_with(&self, uid: &str) -> Vec<Arc<LiveObject>> {
        self.read().of_owner.get(uid).cloned().unwrap_or_default()
    }

    /// The number of objects of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for place in self.read().objects.keys() {
            *counts.entry(place.kind).or_default() += 1;
        }
        counts
    }

    /// Remembers that an object of this version is as it should be. One that is gone is not remembered.
    pub fn mark_verified(&self, place: &Place, version: u64, hash: &str, by: Verification) {
        if let Some(known) = self.write().objects.get_mut(place) {
            known.verified = Some(Verified { version, hash: hash.to_owned(), by });
        }
    }

    /// How an object of this version was found to be as it should be; `None` if it was not.
    pub fn verification(&self, place: &Place, version: u64, hash: &str) -> Option<Verification> {
        let state = self.read();
        let verified = state.objects.get(place)?.verified.as_ref()?;
        (verified.version == version && verified.hash == hash).then_some(verified.by)
    }

    /// Whether nothing was ever found out about the content of an object: this process has just begun.
    pub fn is_unseen(&self, place: &Place) -> bool {
        self.read().objects.get(place).is_none_or(|known| known.verified.is_none())
    }

    /// What the record of this UID says, if it was read before.
    pub fn known_record(&self, place: &Place, uid: &str) -> Option<SourceReport> {
        let state = self.read();
        let (of, report) = state.objects.get(place)?.record.as_deref()?;
        (of == uid).then(|| report.clone())
    }

    /// Remembers a record until it is gone.
    pub fn remember_record(&self, place: &Place, uid: String, report: SourceReport) {
        if let Some(known) = self.write().objects.get_mut(place) {
            known.record = Some(Box::new((uid, report)));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an object in the place of the one before, of which what was found out is kept: it says of which version.
    fn insert(&mut self, object: Arc<LiveObject>) {
        let (verified, record) = match self.objects.remove(&object.place) {
            Some(before) => {
                self.take_out(&before.object);
                (before.verified, before.record)
            }
            None => (None, None),
        };
        let namespace = &object.place.namespace;
        if let Some(model) = &object.model {
            add_to(&mut self.of_model, (namespace.clone(), model.clone()), &object);
        }
        if let Some(key) = &object.cache_key {
            add_to(&mut self.of_key, (namespace.clone(), key.clone()), &object);
            for owner in object.model_owners() {
                add_to(&mut self.of_owner, owner.uid.clone(), &object);
            }
        }
        let place = object.place.clone();
        self.objects.insert(place, Known { object, verified, record });
    }

    /// Forgets everything about an object that is gone.
    fn remove(&mut self, place: &Place) -> Option<Arc<LiveObject>> {
        let known = self.objects.remove(place)?;
        self.take_out(&known.object);
        Some(known.object)
    }

    /// Takes an object out of the indexes.
    fn take_out(&mut self, object: &Arc<LiveObject>) {
        let namespace = &object.place.namespace;
        if let Some(model) = &object.model {
            drop_from(&mut self.of_model, &(namespace.clone(), model.clone()), object);
        }
        if let Some(key) = &object.cache_key {
            drop_from(&mut self.of_key, &(namespace.clone(), key.clone()), object);
            for owner in object.model_owners() {
                drop_from(&mut self.of_owner, &owner.uid, object);
            }
        }
    }
}

/// Adds an object to an index, in the order of places.
fn add_to<K: Eq + Hash>(
    index: &mut HashMap<K, Vec<Arc<LiveObject>>>,
    key: K,
    object: &Arc<LiveObject>,
) {
    let objects = index.entry(key).or_default();
    let position = objects.partition_point(|it| it.place < object.place);
    objects.insert(position, Arc::clone(object));
}

/// Drops an object from an index, and the entry with its last object.
fn drop_from<K: Eq + Hash>(
    index: &mut HashMap<K, Vec<Arc<LiveObject>>>,
    key: &K,
    object: &Arc<LiveObject>,
) {
    if let Some(objects) = index.get_mut(key) {
        objects.retain(|it| !Arc::ptr_eq(it, object));
        if objects.is_empty() {
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
        let how = |version, hash| inventory.verification(&object.place, version, hash);
        let mark = |by| inventory.mark_verified(&object.place, object.version, "hash", by);
        mark(Verification::Told);
        assert!(inventory.is_unseen(&object.place), "nothing is there");
        inventory.insert(object.clone());
        assert!(inventory.is_unseen(&object.place));
        mark(Verification::Told);
        assert_eq!(how(object.version, "hash"), Some(Verification::Told));
        assert_eq!(how(object.version, "other"), None);
        assert_eq!(how(service("bge", "6").version, "hash"), None);
        mark(Verification::Compared);
        inventory.insert(service("bge", "5"));
        assert_eq!(how(object.version, "hash"), Some(Verification::Compared));
        assert!(!inventory.is_unseen(&object.place));
        inventory.remove(&object.place);
        inventory.insert(service("bge", "5"));
        assert_eq!(how(object.version, "hash"), None, "another object of the name");
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
