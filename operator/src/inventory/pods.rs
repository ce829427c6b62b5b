//! The pods that there are, by what they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::facts::PodFacts;

/// Pods that belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodGroup {
    /// The pods of a model: those that serve and those of its own Jobs.
    Model(String, String),
    /// The pods of Jobs about a cache key.
    Key(String, String),
}

/// The pods of a group, by name.
type Group = BTreeMap<String, Arc<PodFacts>>;

/// All pods of the operator's.
#[derive(Debug, Default)]
pub struct PodInventory {
    /// Groups with at least one pod.
    groups: RwLock<HashMap<PodGroup, Group>>,
}

impl PodInventory {
    /// Takes in a pod.
    pub fn insert(&self, group: PodGroup, pod: PodFacts) {
        self.write().entry(group).or_default().insert(pod.name.clone(), Arc::new(pod));
    }

    /// Drops a pod that is gone.
    pub fn remove(&self, group: &PodGroup, name: &str) {
        let mut groups = self.write();
        if let Some(pods) = groups.get_mut(group) {
            pods.remove(name);
            if pods.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// Drops all pods in a namespace (all, if `None`) that are not in `present`.
    pub fn retain(&self, namespace: Option<&str>, present: &BTreeSet<(PodGroup, String)>) {
        self.write().retain(|group, pods| {
            let (PodGroup::Model(inside, _) | PodGroup::Key(inside, _)) = group;
            if namespace.is_none_or(|it| it == inside) {
                pods.retain(|name, _| present.contains(&(group.clone(), name.clone())));
            }
            !pods.is_empty()
        });
    }

    /// The pods of a group.
    pub fn of(&self, group: &PodGroup) -> Vec<PodFacts> {
        let groups = self.read();
        groups.get(group).into_iter().flatten().map(|(_, pod)| PodFacts::clone(pod)).collect()
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

    fn pod(name: &str, phase: &str) -> PodFacts {
        PodFacts { name: name.to_owned(), phase: phase.to_owned(), ..PodFacts::default() }
    }

    #[test]
    fn a_new_list_drops_pods_that_are_not_in_it() {
        let pods = PodInventory::default();
        let group = |namespace: &str| PodGroup::Model(namespace.to_owned(), "a".to_owned());
        pods.insert(group("search"), pod("a-1", "Running"));
        pods.insert(group("other"), pod("a-1", "Running"));
        pods.retain(Some("search"), &BTreeSet::new());
        assert!(pods.of(&group("search")).is_empty());
        assert_eq!(pods.of(&group("other")).len(), 1);
    }

    #[test]
    fn a_pod_is_as_it_was_seen_last_until_it_is_gone() {
        let pods = PodInventory::default();
        let group = PodGroup::Key("search".to_owned(), "0123".to_owned());
        pods.insert(group.clone(), pod("pull-1", "Pending"));
        pods.insert(group.clone(), pod("pull-1", "Running"));
        assert_eq!(pods.of(&group), [pod("pull-1", "Running")]);
        pods.remove(&group, "pull-1");
        assert!(pods.of(&group).is_empty());
    }
}
