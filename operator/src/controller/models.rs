//! The watch of the models themselves.

use std::collections::{BTreeSet, HashMap, HashSet};

use crds::EmbeddingModel;
use futures_util::StreamExt;
use futures_util::stream::select_all;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tracing::warn;

use crate::inventory::number;
use crate::watches::{Trigger, scoped};

/// What of a model decides whether it is looked at again: everything but its status.
type Cause = (Option<String>, Option<i64>, bool, u64);

/// What is known of a model by its UID.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The store has it with this resource version.
    Shown(String, u64),
    /// It is gone.
    Gone(String),
}

/// The namespace that a watch is about; `None` for all.
type Scope = Option<String>;

/// Keeps the store up to date and asks for a look at each model that changed.
pub(super) async fn follow(
    client: Client,
    scopes: BTreeSet<Scope>,
    mut known: Known,
    done: watch::Sender<bool>,
) {
    let count = scopes.len();
    let streams = scopes.into_iter().map(|scope| {
        watcher(scoped(&client, scope.as_deref()), watcher::Config::default().page_size(100))
            .default_backoff()
            .modify(|model: &mut EmbeddingModel| model.metadata.managed_fields = None)
            .map(move |event| (scope.clone(), event))
            .boxed()
    });
    let mut events = select_all(streams);
    while let Some((scope, event)) = events.next().await {
        match event {
            Ok(event) => known.take_in(&scope, event),
            Err(error) => {
                warn!(kind = crds::KIND, %error, "a watch was interrupted and goes on")
            }
        }
        if known.complete.len() == count {
            done.send_replace(true);
        }
    }
}

/// The models that are known, from one watch or several.
///
/// The store is told of single models only: a list of one namespace would replace those of all others.
pub(super) struct Known {
    store: Store<EmbeddingModel>,
    writer: Writer<EmbeddingModel>,
    trigger: Trigger,
    news: UnboundedSender<News>,
    causes: HashMap<ObjectRef<EmbeddingModel>, Cause>,
    /// What lists that are under way have shown.
    listed: HashMap<Scope, HashSet<ObjectRef<EmbeddingModel>>>,
    /// The watches whose first list is complete.
    complete: BTreeSet<Scope>,
}

impl Known {
    /// Knows nothing yet. Models to look at go to `trigger`, what else has become of them to `news`.
    pub(super) fn new(
        store: Store<EmbeddingModel>,
        mut writer: Writer<EmbeddingModel>,
        trigger: Trigger,
        news: UnboundedSender<News>,
    ) -> Self {
        // An empty list makes the store usable.
        writer.apply_watcher_event(&watcher::Event::Init);
        writer.apply_watcher_event(&watcher::Event::InitDone);
        Self {
            store,
            writer,
            trigger,
            news,
            causes: HashMap::new(),
            listed: HashMap::new(),
            complete: BTreeSet::new(),
        }
    }

    /// Takes in what a watch says.
    fn take_in(&mut self, scope: &Scope, event: watcher::Event<EmbeddingModel>) {
        match event {
            watcher::Event::Apply(model) => self.apply(model),
            watcher::Event::Delete(model) => self.delete(model),
            watcher::Event::Init => drop(self.listed.insert(scope.clone(), HashSet::new())),
            watcher::Event::InitApply(model) => {
                let listed = self.listed.entry(scope.clone()).or_default();
                listed.insert(ObjectRef::from_obj(&model));
                self.apply(model);
            }
            watcher::Event::InitDone => {
                let listed = self.listed.remove(scope).unwrap_or_default();
                let is_missing = |reference: &ObjectRef<EmbeddingModel>| {
                    (scope.is_none() || reference.namespace == *scope)
                        && !listed.contains(reference)
                };
                let missing: Vec<_> =
                    self.causes.keys().filter(|it| is_missing(it)).cloned().collect();
                for reference in missing {
                    if let Some(model) = self.store.get(&reference) {
                        self.delete(EmbeddingModel::clone(&model));
                    }
                }
                self.complete.insert(scope.clone());
            }
        }
    }

    fn apply(&mut self, model: EmbeddingModel) {
        let reference = ObjectRef::from_obj(&model);
        let cause = cause(&model);
        let uid = model.uid().unwrap_or_default();
        let shown = News::Shown(uid, number(model.resource_version().as_deref()));
        self.writer.apply_watcher_event(&watcher::Event::Apply(model));
        self.tell(shown);
        let before = self.causes.insert(reference.clone(), cause.clone());
        if let Some((Some(uid), ..)) = before.as_ref().filter(|before| before.0 != cause.0) {
            self.tell(News::Gone(uid.clone()));
        }
        if before != Some(cause) {
            self.look_at(reference);
        }
    }

    fn delete(&mut self, model: EmbeddingModel) {
        self.causes.remove(&ObjectRef::from_obj(&model));
        for reference in concerned(&model, &self.causes) {
            self.look_at(reference);
        }
        self.tell(News::Gone(model.uid().unwrap_or_default()));
        self.writer.apply_watcher_event(&watcher::Event::Delete(model));
    }

    /// The controller that is told may have ended: nobody needs to be told then.
    fn look_at(&self, reference: ObjectRef<EmbeddingModel>) {
        let _ = self.trigger.send(reference);
    }

    fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }
}

fn cause(model: &EmbeddingModel) -> Cause {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    model.metadata.labels.hash(&mut hasher);
    model.metadata.annotations.hash(&mut hasher);
    model.metadata.finalizers.hash(&mut hasher);
    let is_leaving = model.metadata.deletion_timestamp.is_some();
    (model.uid(), model.metadata.generation, is_leaving, hasher.finish())
}

/// The models of the namespace that a deletion may concern: it may have served a name that another
/// one wants, or shared its files.
fn concerned(
    gone: &EmbeddingModel,
    known: &HashMap<ObjectRef<EmbeddingModel>, Cause>,
) -> Vec<ObjectRef<EmbeddingModel>> {
    known.keys().filter(|other| other.namespace == gone.namespace()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::store;
    use kube::runtime::watcher::Event;
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use super::*;
    use crate::testing;

    struct Scene {
        known: Known,
        looks: UnboundedReceiver<ObjectRef<EmbeddingModel>>,
        news: UnboundedReceiver<News>,
    }

    impl Scene {
        fn new() -> Self {
            let (reader, writer) = store();
            let (trigger, looks) = mpsc::unbounded_channel();
            let (tell, news) = mpsc::unbounded_channel();
            Self { known: Known::new(reader, writer, trigger, tell), looks, news }
        }

        fn list(&mut self, namespace: Option<&str>, models: &[EmbeddingModel]) {
            let scope = namespace.map(str::to_owned);
            self.known.take_in(&scope, Event::Init);
            for model in models {
                self.known.take_in(&scope, Event::InitApply(model.clone()));
            }
            self.known.take_in(&scope, Event::InitDone);
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> =
                self.known.store.state().iter().map(|model| model.name_any()).collect();
            names.sort();
            names
        }

        /// The UIDs of models that are gone, and how many were shown.
        fn news(&mut self) -> (Vec<String>, usize) {
            let (mut gone, mut shown) = (Vec::new(), 0);
            while let Ok(news) = self.news.try_recv() {
                match news {
                    News::Gone(uid) => gone.push(uid),
                    News::Shown(..) => shown += 1,
                }
            }
            (gone, shown)
        }

        fn looks(&mut self) -> Vec<String> {
            let mut names = Vec::new();
            while let Ok(reference) = self.looks.try_recv() {
                names.push(reference.name);
            }
            names
        }
    }

    fn model(namespace: &str, name: &str) -> EmbeddingModel {
        let mut model = testing::model(name, "{source: {huggingFace: {repo: a/b}}}");
        model.metadata.namespace = Some(namespace.to_owned());
        model.metadata.uid = Some(format!("uid of {name}"));
        model
    }

    /// Otherwise an operator for two namespaces loses the models of one of them, and the owners of volumes with
    /// them.
    #[test]
    fn a_list_of_one_namespace_leaves_the_models_of_the_others() {
        let mut scene = Scene::new();
        // Both lists are under way at the same time.
        let [one, two] = ["one", "two"].map(|scope| Some(scope.to_owned()));
        scene.known.take_in(&one, Event::Init);
        scene.known.take_in(&one, Event::InitApply(model("one", "a")));
        scene.known.take_in(&two, Event::Init);
        scene.known.take_in(&two, Event::InitApply(model("two", "b")));
        scene.known.take_in(&one, Event::InitDone);
        assert_eq!(scene.known.complete.len(), 1);
        scene.known.take_in(&two, Event::InitDone);
        assert_eq!(scene.known.complete.len(), 2);
        assert_eq!(scene.names(), ["a", "b"]);
        scene.list(Some("one"), &[model("one", "a")]);
        assert_eq!(scene.names(), ["a", "b"]);
    }

    #[test]
    fn a_model_that_went_while_nobody_watched_is_forgotten_and_its_siblings_are_looked_at() {
        let mut scene = Scene::new();
        scene.list(None, &[model("one", "a"), model("one", "b"), model("two", "c")]);
        assert_eq!(scene.looks(), ["a", "b", "c"]);
        scene.list(None, &[model("one", "a"), model("two", "c")]);
        assert_eq!(
            (scene.names(), scene.looks()),
            (vec!["a".to_owned(), "c".to_owned()], vec!["a".to_owned()])
        );
        assert_eq!(scene.news(), (vec!["uid of b".to_owned()], 5));
    }

    #[test]
    fn a_status_is_no_reason_to_look_and_everything_else_is() {
        let mut scene = Scene::new();
        scene.list(None, &[model("one", "a")]);
        assert_eq!(scene.looks(), ["a"]);
        let mut changed = model("one", "a");
        changed.metadata.resource_version = Some("9".to_owned());
        changed.status.get_or_insert_default().ready_replicas = Some(1);
        scene.known.take_in(&None, Event::Apply(changed.clone()));
        assert_eq!(scene.news.try_recv(), Ok(News::Shown("uid of a".to_owned(), 0)));
        assert_eq!(scene.news.try_recv(), Ok(News::Shown("uid of a".to_owned(), 9)));
        assert!(scene.looks().is_empty());
        changed.metadata.generation = Some(4);
        scene.known.take_in(&None, Event::Apply(changed.clone()));
        changed.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into());
        scene.known.take_in(&None, Event::Apply(changed.clone()));
        assert_eq!(scene.looks(), ["a", "a"]);
        // Another object of the same name: the one before is forgotten.
        changed.metadata.uid = Some("another".to_owned());
        scene.known.take_in(&None, Event::Apply(changed));
        assert_eq!(scene.looks(), ["a"]);
        assert_eq!(scene.news(), (vec!["uid of a".to_owned()], 3));
    }
}
