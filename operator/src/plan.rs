//! What should be, given what is: the decisions between looking and building. Pure.
//!
//! Three questions, one module each: which commit is meant ([`resolution`]), how far its files are
//! ([`cache`]), and which release the pods serve ([`rollout`]). A fourth, how pods get a GPU, is in
//! [`crate::accelerator`].

pub mod cache;
pub mod resolution;
pub mod rollout;

use std::collections::BTreeMap;

use crds::status::Release;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use model_repository::job_report::SourceReport;

use crate::accelerator::{AcceleratorPlan, NoDevice};
use crate::facts::{AutoscalerFacts, ClaimFacts, DeploymentFacts, JobFacts, PodFacts, RouteFacts};
use crate::failure::Failure;
use crate::pods::{Info, Progress};
use crate::validate::ValidatedModel;

pub use cache::CacheState;
pub use resolution::Resolution;
pub use rollout::{ReleaseState, RolloutPlan};

/// A Job, and what its pods say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobView {
    /// How far it is.
    pub facts: JobFacts,
    /// What it reported when it succeeded.
    pub report: Option<SourceReport>,
    /// What keeps it from succeeding.
    pub failure: Option<Failure>,
    /// How often it was tried, this time included.
    pub attempt: i32,
    /// The pod that works, with its address.
    pub pod: Option<(String, Option<String>)>,
    /// Whether it is going away.
    pub is_leaving: bool,
}

/// What is known of the objects of one model before any decision.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Now.
    pub now: Option<Time>,
    /// The Job that resolves what is asked for now.
    pub resolve: Option<JobView>,
    /// The Job that pulls the wanted files.
    pub pull: Option<JobView>,
    /// The volume with the wanted files.
    pub claim: Option<ClaimView>,
    /// The access mode that a new volume gets where the specification names none.
    pub default_access_mode: Option<&'static str>,
    /// What is in the caches that this model uses, by key.
    pub records: BTreeMap<String, SourceReport>,
    /// The Deployments by name.
    pub deployments: BTreeMap<String, DeploymentFacts>,
    /// The serving pods.
    pub pods: Vec<PodFacts>,
    /// The pods of Jobs that look for the groups of render nodes.
    pub render_group_pods: Vec<PodFacts>,
    /// What serving pods say for themselves, by UID.
    pub infos: BTreeMap<String, Info>,
    /// How far the pull is.
    pub progress: Option<Progress>,
    /// The other models that use the wanted files.
    pub shared_with: Vec<String>,
    /// What the autoscalers say.
    pub autoscalers: Vec<AutoscalerFacts>,
    /// What the Ingress or HTTPRoute says.
    pub route: Option<RouteFacts>,
}

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimView {
    /// Its state.
    pub facts: ClaimFacts,
    /// Whether it is going away.
    pub is_leaving: bool,
}

/// What should be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which commit is meant.
    pub resolution: Resolution,
    /// What is wanted, as far as it is known.
    pub target: Option<Release>,
    /// How far its files are.
    pub cache: CacheState,
    /// The release that pods serve, and what is known of its files.
    pub serving: Option<Serving>,
    /// How the change from one release to the other goes.
    pub rollout: RolloutPlan,
    /// The releases that are kept, the wanted one first.
    pub history: Vec<Release>,
    /// How pods get their device.
    pub accelerator: Result<AcceleratorPlan, NoDevice>,
}

/// A release that pods serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The release.
    pub release: Release,
    /// What is known of its files.
    pub report: SourceReport,
    /// The CPU and memory of a pod.
    pub resources: ResourceRequirements,
    /// The texts of its settings where they are the wanted ones; an old release's exist already.
    pub texts: Option<crate::release::Texts>,
}

/// The image of serving pods.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// The one that the specification names.
    pub given: Option<&'a str>,
    /// The operator's own.
    pub default: &'a str,
}

impl Plan {
    /// Puts the decisions together.
    pub fn new(
        valid: &ValidatedModel,
        observed: &Observed,
        resolution: Resolution,
        accelerator: Result<AcceleratorPlan, NoDevice>,
        images: Images<'_>,
    ) -> Self {
        let old =
            valid.model.status.as_ref().map(|status| status.history.as_slice()).unwrap_or_default();
        let target = resolution.release().cloned();
        let cache = cache::state(valid, target.as_ref(), resolution.report(), observed);
        let target = target.map(|release| cache.complete(valid, release, old, images));
        let decided = rollout::decide(valid, target.as_ref(), &cache, old, observed);
        let history = rollout::history(valid, &decided, target.as_ref(), old, observed);
        let serving = decided.serving.as_ref().and_then(|release| {
            let texts = match &cache {
                CacheState::Populated { texts, .. } if decided.serves_target => Some(texts.clone()),
                _ => None,
            };
            let report = match &cache {
                CacheState::Populated { report, .. } if decided.serves_target => report.clone(),
                _ => observed.records.get(&release.key)?.clone(),
            };
            let resources = crate::sizing::serving_resources(valid, &report);
            Some(Serving { release: release.clone(), report, resources, texts })
        });
        Self { resolution, target, cache, serving, rollout: decided.plan, history, accelerator }
    }
}
