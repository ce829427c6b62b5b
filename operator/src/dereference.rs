//! Looks at everything that a model's reconcile depends on. Reads, and decides nothing but which
//! commit is meant, because the names of the other objects follow from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::EmbeddingModel;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};

use crate::context::Context;
use crate::facts::{AutoscalerFacts, JobFacts, PodFacts, RouteFacts};
use crate::failure;
use crate::inventory::{Facts, LiveObject, PodGroup};
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::{ClaimView, JobView, Observed, Resolution, cache, resolution};
use crate::pods::Info;
use crate::validate::{Sibling, ValidatedModel};
use crate::watches::place;
use crate::{records, release};

/// A pod whose containers are still being made after so long is asked about.
const STUCK: SignedDuration = SignedDuration::from_secs(20);
/// A container that runs for so long after it failed counts as at work again.
const RECOVERED: SignedDuration = SignedDuration::from_secs(60);

/// The other models of the namespace that want the same served name.
pub fn siblings(context: &Context, model: &EmbeddingModel) -> Vec<Sibling> {
    let is_sibling = |other: &EmbeddingModel| {
        other.metadata.namespace == model.metadata.namespace
            && other.metadata.uid != model.metadata.uid
            && other.served_name() == model.served_name()
    };
    context
        .models
        .state_filter(is_sibling)
        .into_iter()
        .map(|other| Sibling {
            name: other.name_any(),
            served_name: other.served_name().to_owned(),
            created: other.metadata.creation_timestamp.clone(),
        })
        .collect()
}

/// Everything about the model that a decision depends on, and which commit is meant.
///
/// # Errors
/// When the API server does not answer as it should.
pub async fn dereference(
    context: &Context,
    valid: &ValidatedModel,
    now: &Time,
) -> Result<(Observed, Resolution), kube::Error> {
    let (namespace, name) = (&valid.namespace, &valid.name);
    let group = PodGroup::Model(namespace.clone(), name.clone());
    let mut own_pods = context.inventory.pods.of(&group);
    explain_stuck(context, namespace, &mut own_pods).await?;
    let mut observed = Observed { now: Some(now.clone()), ..Observed::default() };

    let resolve_name = names::resolve_job(name, &valid.request);
    if let Some(live) = job(context, namespace, &resolve_name) {
        observed.resolve = Some(current_view(context, &live, &group, &own_pods).await?);
    }
    let status = valid.model.status.as_ref();
    for release in status.into_iter().flat_map(|status| &status.history) {
        records::add(context, namespace, &release.key, &mut observed.records).await?;
    }
    let resolution = resolution::decide(valid, &observed);
    if let Some(target) = resolution.release() {
        records::add(context, namespace, &target.key, &mut observed.records).await?;
        if cache::needs_pull(valid, target) {
            look_at_pull(context, valid, &target.key, &mut observed).await?;
        }
        observed.shared_with = sharers(context, valid, &target.key);
    }
    for object in context.inventory.of_model(namespace, name) {
        if let Facts::Deployment(facts) = &object.facts
            && !object.is_leaving
        {
            observed.deployments.insert(object.place.name.clone(), facts.as_ref().clone());
        }
    }
    for pod in own_pods {
        match pod.component {
            Some(Component::Serving) => observed.pods.push(pod),
            Some(Component::RenderGroup) => observed.render_group_pods.push(pod),
            _ => {}
        }
    }
    observed.infos = infos(context, valid, &observed.pods).await;
    if valid.model.spec.autoscaling.is_some() {
        observed.autoscalers = autoscalers(context, namespace, name).await?;
    }
    observed.route = route(context, valid).await?;
    Ok((observed, resolution))
}

/// What serving pods say for themselves, by UID. A pod that is ready is asked once: it says the same for ever.
async fn infos(
    context: &Context,
    valid: &ValidatedModel,
    pods: &[PodFacts],
) -> BTreeMap<String, Info> {
    let known = context.known_infos(&valid.uid);
    let (mut infos, mut lasting) = (BTreeMap::new(), BTreeMap::new());
    for pod in pods.iter().filter(|pod| is_at_work(pod)) {
        let said = match known.get(&pod.uid).filter(|_| pod.is_ready) {
            Some(info) => Some(info.clone()),
            None => context.pods.info(&valid.namespace, pod).await,
        };
        let Some(info) = said else { continue };
        if pod.is_ready && info.models.iter().any(|model| !model.device.is_empty()) {
            lasting.insert(pod.uid.clone(), info.clone());
        }
        infos.insert(pod.uid.clone(), info);
    }
    context.remember_infos(&valid.uid, lasting);
    infos
}

/// A pod whose server can be asked: it is ready, or its container runs and may say why it is not.
fn is_at_work(pod: &PodFacts) -> bool {
    !pod.is_leaving
        && pod.address.is_some()
        && (pod.is_ready
            || pod.containers.iter().any(|it| it.name == "server" && it.running_since.is_some()))
}

async fn look_at_pull(
    context: &Context,
    valid: &ValidatedModel,
    key: &str,
    observed: &mut Observed,
) -> Result<(), kube::Error> {
    let namespace = &valid.namespace;
    if release::owns_volume(valid) {
        let claim = context.inventory.get(&place(
            Kind::PersistentVolumeClaim,
            namespace,
            &names::cache(key),
        ));
        observed.claim = claim.and_then(|object| match &object.facts {
            Facts::Claim(facts) => {
                Some(ClaimView { facts: facts.as_ref().clone(), is_leaving: object.is_leaving })
            }
            _ => None,
        });
        if observed.claim.is_none() {
            observed.default_access_mode = access_mode(context, valid).await?;
        }
    }
    let Some(live) = job(context, namespace, &names::pull_job(key)) else { return Ok(()) };
    let group = PodGroup::Key(namespace.clone(), key.to_owned());
    let mut pods = context.inventory.pods.of(&group);
    explain_stuck(context, namespace, &mut pods).await?;
    let mut pull = current_view(context, &live, &group, &pods).await?;
    if pull.pod.is_none() && pull.failure.is_none() && !pull.facts.succeeded {
        pull.failure = unmade_pods(context, namespace, &live).await?;
    }
    if let Some((pod, Some(address))) = &pull.pod
        && pull.report.is_none()
    {
        observed.progress = context.pods.progress(namespace, pod, address).await;
    }
    observed.pull = Some(pull);
    Ok(())
}

fn job(context: &Context, namespace: &str, name: &str) -> Option<Arc<LiveObject>> {
    context.inventory.get(&place(Kind::Job, namespace, name))
}

/// A Job and what its pods say. The pods of one that has succeeded without a report are read once more: the
/// watch of Jobs may be ahead of that of pods, and a report that is not seen yet is not lost.
async fn current_view(
    context: &Context,
    live: &LiveObject,
    group: &PodGroup,
    known: &[PodFacts],
) -> Result<JobView, kube::Error> {
    let seen = view(live, known);
    match seen.facts.succeeded && seen.report.is_none() {
        true => Ok(view(live, &list_pods(context, group).await?)),
        false => Ok(seen),
    }
}

/// A Job and what its pods say.
fn view(job: &LiveObject, pods: &[PodFacts]) -> JobView {
    let facts = match &job.facts {
        Facts::Job(facts) => facts.as_ref().clone(),
        _ => JobFacts::default(),
    };
    let mut pods: Vec<&PodFacts> =
        pods.iter().filter(|pod| pod.job.as_ref() == Some(&job.place.name)).collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.created.as_ref().map(|time| time.0)));
    let newest = pods.iter().find(|pod| !pod.is_leaving);
    let report = pods.iter().find_map(|pod| failure::report(pod));
    let problem = newest.and_then(|pod| {
        failure::of_pod(pod).or_else(|| failure::last_end(pod).filter(|_| !has_recovered(pod)))
    });
    let restarts = pods.iter().flat_map(|pod| &pod.containers).map(|it| it.restarts + 1).sum();
    JobView {
        failure: problem.filter(|_| report.is_none()),
        report,
        attempt: restarts,
        pod: newest
            .filter(|pod| pod.containers.iter().any(|it| it.running_since.is_some()))
            .map(|pod| (pod.name.clone(), pod.address.clone())),
        is_leaving: job.is_leaving,
        facts,
    }
}

/// Whether the pod's container runs again for long enough to be believed.
fn has_recovered(pod: &PodFacts) -> bool {
    let now = Timestamp::now();
    pod.containers
        .iter()
        .filter_map(|container| container.running_since.as_ref())
        .any(|since| now.duration_since(since.0) > RECOVERED)
}

/// The pods of a group as they are.
async fn list_pods(context: &Context, group: &PodGroup) -> Result<Vec<PodFacts>, kube::Error> {
    let (namespace, selector) = match group {
        PodGroup::Model(namespace, model) => (namespace, format!("{}={model}", names::MODEL)),
        PodGroup::Key(namespace, key) => (namespace, format!("{}={key}", names::CACHE_KEY)),
    };
    let api: Api<Pod> = Api::namespaced(context.client.clone(), namespace);
    let list = api.list(&ListParams::default().labels(&selector)).await?;
    Ok(list.items.iter().map(PodFacts::from).collect())
}

/// The other models that own a share of the files.
fn sharers(context: &Context, valid: &ValidatedModel, key: &str) -> Vec<String> {
    let mut names: Vec<String> = context
        .inventory
        .of_key(&valid.namespace, key)
        .iter()
        .flat_map(|object| object.model_owners().cloned().collect::<Vec<_>>())
        .filter(|owner| owner.uid != valid.uid)
        .map(|owner| owner.name)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the events of pods say whose containers have not been made for a while.
async fn explain_stuck(
    context: &Context,
    namespace: &str,
    pods: &mut [PodFacts],
) -> Result<(), kube::Error> {
    let now = Timestamp::now();
    for pod in pods.iter_mut().filter(|pod| pod.is_current() && pod.phase == "Pending") {
        let waits = pod.scheduled.as_ref().is_some_and(|since| now.duration_since(since.0) > STUCK);
        if waits && failure::of_pod(pod).is_none() {
            pod.stuck = newest_warning(context, namespace, &pod.uid).await?;
        }
    }
    Ok(())
}

/// Why a Job has no pod, in the words of its events.
async fn unmade_pods(
    context: &Context,
    namespace: &str,
    job: &LiveObject,
) -> Result<Option<failure::Failure>, kube::Error> {
    let Facts::Job(facts) = &job.facts else { return Ok(None) };
    let waits = facts
        .started
        .as_ref()
        .is_some_and(|since| Timestamp::now().duration_since(since.0) > STUCK);
    if !waits {
        return Ok(None);
    }
    let message = newest_warning(context, namespace, &job.uid).await?;
    Ok(message.map(|message| failure::of_unmade_pod(&message)))
}

async fn newest_warning(
    context: &Context,
    namespace: &str,
    uid: &str,
) -> Result<Option<String>, kube::Error> {
    let api: Api<Event> = Api::namespaced(context.client.clone(), namespace);
    let fields = format!("involvedObject.uid={uid},type=Warning");
    let events = api.list(&ListParams::default().fields(&fields).limit(50)).await?;
    let time = |event: &Event| {
        event
            .last_timestamp
            .as_ref()
            .map(|time| time.0)
            .or(event.event_time.as_ref().map(|time| time.0))
    };
    Ok(events.items.iter().max_by_key(|event| time(event)).and_then(|event| event.message.clone()))
}

/// The access mode of a new volume where the specification names none: ReadWriteMany if the
/// storage class is known to have it.
async fn access_mode(
    context: &Context,
    valid: &ValidatedModel,
) -> Result<Option<&'static str>, kube::Error> {
    /// Provisioners whose file systems can be mounted by many nodes.
    const SHARED: [&str; 8] = [
        "nfs.csi.k8s.io",
        "efs.csi.aws.com",
        "file.csi.azure.com",
        "filestore.csi.storage.gke.io",
        "cephfs.csi.ceph.com",
        "driver.longhorn.io",
        "csi.juicefs.com",
        "lustre.csi.storage.gke.io",
    ];
    let api: Api<StorageClass> = Api::all(context.client.clone());
    let volume = valid.model.spec.cache.persistent_volume_claim.as_ref();
    let class = match volume.and_then(|volume| volume.storage_class_name.as_deref()) {
        Some(name) => api.get_opt(name).await?,
        None => {
            let is_default = |class: &StorageClass| {
                class
                    .annotations()
                    .get("storageclass.kubernetes.io/is-default-class")
                    .is_some_and(|it| it == "true")
            };
            api.list(&ListParams::default()).await?.items.into_iter().find(is_default)
        }
    };
    let is_shared = class.is_some_and(|class| {
        SHARED.iter().any(|known| {
            class.provisioner == *known || class.provisioner.ends_with(&format!(".{known}"))
        })
    });
    Ok(is_shared.then_some("ReadWriteMany"))
}

async fn autoscalers(
    context: &Context,
    namespace: &str,
    model: &str,
) -> Result<Vec<AutoscalerFacts>, kube::Error> {
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(context.client.clone(), namespace);
    let selector = format!("{}={model}", names::MODEL);
    let list = api.list(&ListParams::default().labels(&selector)).await?;
    Ok(list.items.iter().map(AutoscalerFacts::from).collect())
}

async fn route(
    context: &Context,
    valid: &ValidatedModel,
) -> Result<Option<RouteFacts>, kube::Error> {
    let expose = &valid.model.spec.expose;
    let kind = match (&expose.route, &expose.ingress) {
        (Some(_), _) if context.apis().has(Kind::HTTPRoute) => Kind::HTTPRoute,
        (None, Some(_)) => Kind::Ingress,
        _ => return Ok(None),
    };
    let resource = kind.api_resource();
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &valid.namespace, &resource);
    let object = api.get_opt(&names::serving(&valid.name)).await?;
    Ok(object.map(|object| match kind {
        Kind::HTTPRoute => RouteFacts::of_http_route(&object.data),
        _ => RouteFacts::of_ingress(&object.data),
    }))
}
