//! The watches: they keep the inventory up to date and say which models to look at again.
//!
//! All are limited by the operator's own label. Of most kinds only the metadata are read. Pods are read whole, because
//! everything that matters of them is in their status, and facts are kept: to ask for each pod that has changed would
//! cost the API server a search through all pods.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::facts::PodFacts;
use crate::inventory::{Facts, Inventory, LiveObject, Place, PodGroup};
use crate::kind::Kind;
use crate::names;
use crate::pages::PAGE;
use crds::EmbeddingModel;

/// Tells the controller which models to look at again.
pub type Trigger = UnboundedSender<ObjectRef<EmbeddingModel>>;

/// Starts the watches of the operator's objects.
#[derive(Clone)]
pub struct Watches {
    /// The client.
    pub client: Client,
    /// Where facts go.
    pub inventory: Arc<Inventory>,
    /// Where models to look at go.
    pub trigger: Trigger,
    /// The namespaces, `None` for all.
    pub scopes: BTreeSet<Option<String>>,
}

/// Becomes true when the first list of a watch is complete.
pub type Ready = watch::Receiver<bool>;

impl Watches {
    /// Watches one kind in all namespaces; the results say when the first lists are complete.
    pub fn start(&self, kind: Kind) -> Vec<Ready> {
        self.scopes.iter().map(|scope| self.start_in(kind, scope.clone())).collect()
    }

    /// Watches the pods of serving and of Jobs.
    pub fn start_pods(&self) -> Vec<Ready> {
        self.scopes.iter().map(|scope| self.start_pods_in(scope.clone())).collect()
    }

    fn start_in(&self, kind: Kind, scope: Option<String>) -> Ready {
        let resource = kind.api_resource();
        let stream = match kind {
            Kind::Deployment => self.full::<Deployment>(kind, scope.as_deref()),
            Kind::Job => self.full::<Job>(kind, scope.as_deref()),
            Kind::PersistentVolumeClaim => {
                self.full::<PersistentVolumeClaim>(kind, scope.as_deref())
            }
            _ => self.metadata(kind, scope.as_deref(), &resource),
        };
        let (done, ready) = watch::channel(false);
        let watches = self.clone();
        tokio::spawn(async move { watches.follow(kind, scope, stream, done).await });
        ready
    }

    /// Whole objects, of which only facts are kept.
    fn full<K>(
        &self,
        kind: Kind,
        scope: Option<&str>,
    ) -> BoxStream<'static, watcher::Result<watcher::Event<LiveObject>>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        for<'a> Facts: From<&'a K>,
    {
        watcher(scoped::<K>(&self.client, scope), config())
            .default_backoff()
            .map(move |event| {
                event.map(|event| {
                    map(event, |it| LiveObject::new(kind, it.meta(), Facts::from(&it)))
                })
            })
            .boxed()
    }

    /// Metadata alone.
    fn metadata(
        &self,
        kind: Kind,
        scope: Option<&str>,
        resource: &ApiResource,
    ) -> BoxStream<'static, watcher::Result<watcher::Event<LiveObject>>> {
        let api: Api<PartialObjectMeta<DynamicObject>> = match scope {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        };
        watcher(api, config())
            .default_backoff()
            .map(move |event| {
                event.map(|event| map(event, |it| LiveObject::new(kind, &it.metadata, Facts::None)))
            })
            .boxed()
    }

    async fn follow(
        self,
        kind: Kind,
        scope: Option<String>,
        mut stream: BoxStream<'static, watcher::Result<watcher::Event<LiveObject>>>,
        done: watch::Sender<bool>,
    ) {
        let mut listed = BTreeSet::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    listed.insert(object.place.clone());
                    self.take_in(object);
                }
                Ok(watcher::Event::InitDone) => {
                    let gone = self.inventory.retain(kind, scope.as_deref(), &listed);
                    gone.iter().for_each(|object| self.tell(object));
                    listed.clear();
                    done.send_replace(true);
                }
                Ok(watcher::Event::Apply(object)) => self.take_in(object),
                Ok(watcher::Event::Delete(object)) => {
                    self.inventory.remove(&object.place);
                    self.tell(&object);
                }
                Err(error) => warn!(%kind, %error, "a watch was interrupted and goes on"),
            }
        }
    }

    fn take_in(&self, object: LiveObject) {
        self.tell(&object);
        self.inventory.insert(object);
    }

    /// Has the models looked at that an object concerns.
    fn tell(&self, object: &LiveObject) {
        let namespace = &object.place.namespace;
        let owners = object.model_owners().map(|owner| owner.name.as_str());
        let models: BTreeSet<&str> = object.model.as_deref().into_iter().chain(owners).collect();
        for model in models {
            debug!(kind = %object.place.kind, name = object.place.name, model, "changed");
            // The controller has ended: nobody needs to be told.
            let _ = self.trigger.send(ObjectRef::new(model).within(namespace));
        }
    }

    fn start_pods_in(&self, scope: Option<String>) -> Ready {
        let api: Api<Pod> = scoped(&self.client, scope.as_deref());
        let (done, ready) = watch::channel(false);
        let watches = self.clone();
        tokio::spawn(async move {
            let mut stream = watcher(api, config()).default_backoff().boxed();
            let mut listed = BTreeSet::new();
            while let Some(event) = stream.next().await {
                match event {
                    Ok(watcher::Event::Init) => listed.clear(),
                    Ok(watcher::Event::InitApply(pod)) => {
                        if let Some(group) = watches.take_in_pod(&pod) {
                            listed.insert((group, pod.name_any()));
                        }
                    }
                    Ok(watcher::Event::InitDone) => {
                        watches.inventory.pods.retain(scope.as_deref(), &listed);
                        listed.clear();
                        done.send_replace(true);
                    }
                    Ok(watcher::Event::Apply(pod)) => drop(watches.take_in_pod(&pod)),
                    Ok(watcher::Event::Delete(pod)) => {
                        if let Some(group) = group_of(&pod) {
                            watches.inventory.pods.remove(&group, &pod.name_any());
                            watches.tell_about_pod(&group);
                        }
                    }
                    Err(error) => {
                        warn!(kind = "Pod", %error, "a watch was interrupted and goes on")
                    }
                }
            }
        });
        ready
    }

    fn take_in_pod(&self, pod: &Pod) -> Option<PodGroup> {
        let group = group_of(pod)?;
        self.inventory.pods.insert(group.clone(), PodFacts::from(pod));
        self.tell_about_pod(&group);
        Some(group)
    }

    fn tell_about_pod(&self, group: &PodGroup) {
        match group {
            PodGroup::Model(namespace, model) => {
                let _ = self.trigger.send(ObjectRef::new(model).within(namespace));
            }
            PodGroup::Key(namespace, key) => {
                self.inventory.of_key(namespace, key).iter().for_each(|object| self.tell(object));
            }
        }
    }
}

/// The API of a kind in one namespace, or in all.
pub(crate) fn scoped<K>(client: &Client, scope: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match scope {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Which pods a pod belongs to.
fn group_of(pod: &Pod) -> Option<PodGroup> {
    let namespace = pod.namespace().unwrap_or_default();
    let label = |key: &str| pod.labels().get(key).cloned();
    match (label(names::MODEL), label(names::CACHE_KEY)) {
        (Some(model), _) => Some(PodGroup::Model(namespace, model)),
        (None, Some(key)) => Some(PodGroup::Key(namespace, key)),
        (None, None) => None,
    }
}

fn config() -> watcher::Config {
    watcher::Config::default().labels(&names::watch_selector()).page_size(PAGE)
}

fn map<K, T>(event: watcher::Event<K>, mut change: impl FnMut(K) -> T) -> watcher::Event<T> {
    match event {
        watcher::Event::Apply(object) => watcher::Event::Apply(change(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(change(object)),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(change(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
    }
}

/// The place of an object of a kind.
pub fn place(kind: Kind, namespace: &str, name: &str) -> Place {
    Place { kind, namespace: namespace.to_owned(), name: name.to_owned() }
}
