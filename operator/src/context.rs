//! What all reconciles share: clients, caches, and what was seen last.

mod statuses;

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crds::EmbeddingModel;
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, ResourceExt};

use crate::build::Apis;
use crate::facts::NodeFacts;
use crate::inventory::{Inventory, Place, number};
use crate::metrics::Metrics;
use crate::pages;
use crate::pods::{Info, Pods};
use crate::settings::Settings;
use statuses::WrittenStatuses;

/// How old what is known of nodes may be.
const NODES_STAY: Duration = Duration::from_secs(10);

/// How many locks there are for the owners of objects.
const LOCKS: usize = 64;

/// What all reconciles share.
pub struct Context {
    /// The client.
    pub client: Client,
    /// The administrator's settings.
    pub settings: Settings,
    /// What the operator has made.
    pub inventory: Arc<Inventory>,
    /// All models.
    pub models: Store<EmbeddingModel>,
    /// The way to pods.
    pub pods: Pods,
    /// Events.
    pub events: crate::events::Events,
    /// Numbers for Prometheus.
    pub metrics: Arc<Metrics>,
    /// What was seen last; empty at first.
    pub memory: Memory,
}

/// What earlier reconciles have seen.
pub struct Memory {
    /// The optional kinds that the cluster has.
    apis: RwLock<Apis>,
    /// Held while the owners of an object change. Objects share them by their hash.
    owners: [tokio::sync::Mutex<()>; LOCKS],
    caches: Mutex<Caches>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            apis: RwLock::default(),
            owners: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            caches: Mutex::default(),
        }
    }
}

#[derive(Default)]
struct Caches {
    statuses: WrittenStatuses,
    /// Failures in a row, by UID.
    failures: HashMap<String, u32>,
    /// What the ready pods of a model said, by its UID and theirs.
    infos: HashMap<String, Arc<BTreeMap<String, Info>>>,
    nodes: Option<(Instant, Arc<Vec<NodeFacts>>)>,
}

impl Context {
    /// The optional kinds that the cluster has.
    pub fn apis(&self) -> Apis {
        self.memory.apis.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes in which optional kinds the cluster has now.
    pub fn set_apis(&self, apis: Apis) {
        *self.memory.apis.write().unwrap_or_else(PoisonError::into_inner) = apis;
    }

    /// Waits until nobody else changes the owners of an object, and keeps others waiting. One lock at a time may
    /// be held.
    pub async fn lock_owners(&self, place: &Place) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        let index = hasher.finish() % LOCKS as u64;
        self.memory.owners[index as usize].lock().await
    }

    /// The model with the status that was written last, should the watch be behind.
    pub fn with_newest_status(&self, model: &Arc<EmbeddingModel>) -> Arc<EmbeddingModel> {
        let uid = model.uid().unwrap_or_default();
        let written = self.caches().statuses.get(&uid);
        match written {
            Some(status) => Arc::new(EmbeddingModel { status, ..EmbeddingModel::clone(model) }),
            // What was written is shown by now, though maybe not yet when the model was taken from the store.
            None => {
                let shown = self.models.get(&ObjectRef::from_obj(model));
                shown.filter(|it| it.uid() == model.uid()).unwrap_or_else(|| Arc::clone(model))
            }
        }
    }

    /// Remembers the status that was written, with the answer's resource version.
    pub fn remember_status(&self, model: &EmbeddingModel) {
        let uid = model.uid().unwrap_or_default();
        let version = number(model.resource_version().as_deref());
        let mut caches = self.caches();
        caches.statuses.remember(uid.clone(), version, model.status.as_ref());
        // The watch may have been faster than the answer.
        if let Some(shown) = self.models.get(&ObjectRef::from_obj(model)) {
            caches.statuses.shown(&uid, number(shown.resource_version().as_deref()));
        }
    }

    /// Forgets the status of a model that the watch has shown with this resource version.
    pub fn status_shown(&self, uid: &str, version: u64) {
        self.caches().statuses.shown(uid, version);
    }

    /// Forgets a model that is gone.
    pub fn forget(&self, uid: &str) {
        let mut caches = self.caches();
        caches.statuses.forget(uid);
        caches.failures.remove(uid);
        caches.infos.remove(uid);
    }

    /// Counts a failure in a row; returns how many there were, this one included.
    pub fn count_failure(&self, uid: &str) -> u32 {
        let mut caches = self.caches();
        let count = caches.failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Ends a row of failures.
    pub fn clear_failures(&self, uid: &str) {
        self.caches().failures.remove(uid);
    }

    /// What the ready pods of the model with this UID said, by their UIDs.
    pub fn known_infos(&self, uid: &str) -> Arc<BTreeMap<String, Info>> {
        self.caches().infos.get(uid).cloned().unwrap_or_default()
    }

    /// Remembers what the ready pods of the model with this UID said; forgets what others said before.
    pub fn remember_infos(&self, uid: &str, infos: BTreeMap<String, Info>) {
        self.caches().infos.insert(uid.to_owned(), Arc::new(infos));
    }

    /// The nodes, at most ten seconds old. They are read only for models that want a device.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn nodes(&self) -> Result<Arc<Vec<NodeFacts>>, kube::Error> {
        if let Some((at, nodes)) = &self.caches().nodes
            && at.elapsed() < NODES_STAY
        {
            return Ok(Arc::clone(nodes));
        }
        let api: Api<Node> = Api::all(self.client.clone());
        let mut facts = Vec::new();
        let all = ListParams::default();
        pages::for_each(&api, all, |node| facts.push(NodeFacts::from(node))).await?;
        let facts = Arc::new(facts);
        self.caches().nodes = Some((Instant::now(), Arc::clone(&facts)));
        Ok(facts)
    }

    fn caches(&self) -> MutexGuard<'_, Caches> {
        self.memory.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
