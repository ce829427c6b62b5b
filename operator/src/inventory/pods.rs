//! Which pods there are, and what was read of them last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::object::number;
use crate::facts::PodFacts;

/// Pods that belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodGroup {
    /// The pods of a model: those that serve and those of its own Jobs.
    Model(String, String),
    /// The pods of Jobs about a cache key.
    Key(String, String),
}

/// The resource versions of pods, by name.
pub type PodVersions = BTreeMap<String, u64>;

/// All pods, of which the watch reads metadata alone.
#[derive(Debug, Default)]
pub struct PodInventory {
    groups: RwLock<HashMap<PodGroup, Group>>,
}

/// A group with at least one pod.
#[derive(Debug, Default)]
struct Group {
    versions: PodVersions,
    /// The pods as they were at these versions.
    read: Option<(PodVersions, Arc<Vec<PodFacts>>)>,
}

impl PodInventory {
    /// Takes in a pod.
    pub fn insert(&self, group: PodGroup, name: &str, resource_version: Option<&str>) {
        let mut groups = self.write();
        let versions = &mut groups.entry(group).or_default().versions;
        versions.insert(name.to_owned(), number(resource_version));
    }

    /// Drops a pod that is gone.
    pub fn remove(&self, group: &PodGroup, name: &str) {
        let mut groups = self.write();
        if let Some(pods) = groups.get_mut(group) {
            pods.versions.remove(name);
            if pods.versions.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// Drops all pods in a namespace (all, if `None`) that are not in `present`.
    pub fn retain(&self, namespace: Option<&str>, present: &BTreeSet<(PodGroup, String)>) {
        self.write().retain(|group, pods| {
            let (PodGroup::Model(inside, _) | PodGroup::Key(inside, _)) = group;
            if namespace.is_none_or(|it| it == inside) {
                pods.versions.retain(|name, _| present.contains(&(group.clone(), name.clone())));
            }
            !pods.versions.is_empty()
        });
    }

    /// The pods of a group with their versions.
    pub fn versions(&self, group: &PodGroup) -> PodVersions {
        self.read().get(group).map(|pods| pods.versions.clone()).unwrap_or_default()
    }

    /// The pods of a group as they were when these versions were seen, if they were read then.
    pub fn known(&self, group: &PodGroup, versions: &PodVersions) -> Option<Arc<Vec<PodFacts>>> {
        let groups = self.read();
        let (read_at, pods) = groups.get(group)?.read.as_ref()?;
        (read_at == versions).then(|| Arc::clone(pods))
    }

    /// Remembers what was read of a group, for as long as it has pods.
    pub fn remember(&self, group: &PodGroup, versions: PodVersions, pods: Arc<Vec<PodFacts>>) {
        if let Some(known) = self.write().get_mut(group) {
            known.read = Some((versions, pods));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<PodGroup, Group>> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<PodGroup, Group>> {
        self.groups.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_list_drops_pods_that_are_not_in_it() {
        let pods = PodInventory::default();
        let group = PodGroup::Model("search".to_owned(), "a".to_owned());
        pods.insert(group.clone(), "a-1", Some("3"));
        pods.retain(Some("search"), &BTreeSet::new());
        assert!(pods.versions(&group).is_empty());
    }

    #[test]
    fn what_was_read_holds_until_a_pod_changes_and_goes_with_the_last_pod() {
        let pods = PodInventory::default();
        let group = PodGroup::Key("search".to_owned(), "0123".to_owned());
        pods.insert(group.clone(), "pull-1", Some("3"));
        let versions = pods.versions(&group);
        pods.remember(&group, versions.clone(), Arc::default());
        assert!(pods.known(&group, &versions).is_some());
        pods.insert(group.clone(), "pull-1", Some("4"));
        assert!(pods.known(&group, &pods.versions(&group)).is_none());
        pods.remove(&group, "pull-1");
        pods.remember(&group, PodVersions::new(), Arc::default());
        assert!(pods.known(&group, &PodVersions::new()).is_none());
    }
}
