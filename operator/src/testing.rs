//! What the unit tests of this crate share: a model, what its Jobs report, and the way from there to a plan.

use std::sync::Arc;
use std::time::Duration;

use crds::EmbeddingModel;
use crds::status::{EmbeddingModelStatus, Release};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use model_repository::job_report::{ModelFacts, SourceReport};

use crate::accelerator::AcceleratorPlan;
use crate::facts::{ClaimFacts, DeploymentFacts};
use crate::plan::rollout::ReleaseState;
use crate::plan::{ClaimView, Images, JobView, Observed, Plan, resolution};
use crate::settings::Settings;
use crate::validate::{ValidatedModel, validate};

/// The commit of most tests.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Another commit.
pub(crate) const NEWER: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// The settings of an operator that was started without any option.
pub(crate) fn settings() -> Settings {
    Settings {
        image: "embedserve:test".to_owned(),
        gpu_image: "embedserve:test-gpu".to_owned(),
        hub_endpoint: None,
        hub_token_secret: None,
        hub_ca_bundle: None,
        hub_environment: Vec::new(),
        hub_cidrs: Vec::new(),
        allow_host_path: false,
        namespace: "embedserve-system".to_owned(),
        monitoring_namespace: None,
        watch_namespaces: Vec::new(),
        concurrency: 10,
        resync: Duration::from_secs(600),
        removal_timeout: Duration::from_secs(300),
    }
}

/// A model in the namespace `search`, as the API server would hand it out: with defaults, a UID and a
/// generation. The specification is YAML, possibly one that the API server would refuse.
pub(crate) fn model(name: &str, spec: &str) -> EmbeddingModel {
    let text = format!(
        "apiVersion: embedserve.dev/v1alpha1\nkind: EmbeddingModel\nmetadata: {{name: {name}, namespace: search, \
         uid: 11111111-2222-3333-4444-555555555555, generation: 3, creationTimestamp: \"2026-01-01T00:00:00Z\"}}\n\
         spec: {spec}\n"
    );
    serde_yaml::from_str(&text).expect("a manifest of the right shape")
}

/// The model `small` from the hub, checked; `rest` is the specification after its source.
pub(crate) fn valid(rest: &str) -> ValidatedModel {
    valid_with(rest, EmbeddingModelStatus::default())
}

/// The same with a status.
pub(crate) fn valid_with(rest: &str, status: EmbeddingModelStatus) -> ValidatedModel {
    from(&format!("{{source: {{huggingFace: {{repo: a/b}}}}{rest}}}"), status)
}

/// A model of this specification with a status, checked.
pub(crate) fn from(spec: &str, status: EmbeddingModelStatus) -> ValidatedModel {
    let mut model = model("small", spec);
    model.status = Some(status);
    validate(Arc::new(model), &[], &settings()).expect("it is valid")
}

/// The same model with the history of `plan`, as the next look at it finds it.
pub(crate) fn next(valid: &ValidatedModel, plan: &Plan) -> ValidatedModel {
    with_history(valid, plan.history.clone())
}

/// The same model with this history.
pub(crate) fn with_history(valid: &ValidatedModel, history: Vec<Release>) -> ValidatedModel {
    let mut model = EmbeddingModel::clone(&valid.model);
    model.status.get_or_insert_default().history = history;
    validate(Arc::new(model), &[], &settings()).expect("it is valid")
}

/// What Jobs report of a model of MiniLM's size.
pub(crate) fn report(commit: &str) -> SourceReport {
    SourceReport {
        commit: commit.to_owned(),
        digest: "ab".repeat(32),
        files: 9,
        download_bytes: 91_000_000,
        disk_bytes: 120_000_000,
        weights_bytes: 23_000_000,
        weight_format: Some("int8".to_owned()),
        facts: ModelFacts {
            architecture: Some("BertModel".to_owned()),
            hidden_size: Some(384),
            intermediate_size: Some(1536),
            attention_heads: Some(12),
            usable_tokens: Some(512),
            pooling: Some("MEAN".to_owned()),
            ..ModelFacts::default()
        },
    }
}

/// A Job that has reported.
pub(crate) fn done(commit: &str) -> JobView {
    JobView { report: Some(report(commit)), ..JobView::default() }
}

/// A volume that can be used.
pub(crate) fn bound() -> ClaimView {
    let facts = ClaimFacts {
        phase: Some("Bound".to_owned()),
        requested: Some("256Mi".to_owned()),
        storage_class: Some("standard".to_owned()),
        access_modes: vec!["ReadWriteOnce".to_owned()],
    };
    ClaimView { facts, is_leaving: false }
}

/// A cluster in which the wish was resolved to a commit and its files were pulled.
pub(crate) fn pulled(valid: &ValidatedModel, commit: &str) -> Observed {
    let mut observed = Observed {
        now: Some(time("00:01:00")),
        resolve: Some(done(commit)),
        claim: crate::release::owns_volume(valid).then(bound),
        ..Observed::default()
    };
    let decided = resolution::decide(valid, &observed);
    let key = decided.release().expect("it was resolved").key.clone();
    observed.records.insert(key, report(commit));
    observed
}

/// A Deployment whose pods all serve a release.
pub(crate) fn complete(release: &Release) -> DeploymentFacts {
    DeploymentFacts {
        wanted: 1,
        replicas: 1,
        updated: 1,
        ready: 1,
        available: 1,
        is_observed: true,
        release: release.label().map(str::to_owned),
        image: release.image.clone(),
        ..DeploymentFacts::default()
    }
}

/// The plan for a model on CPUs by an operator whose own image is `image`.
pub(crate) fn plan_by(valid: &ValidatedModel, observed: &Observed, image: &str) -> Plan {
    let decided = resolution::decide(valid, observed);
    let given = valid.model.spec.image.serving.as_deref();
    Plan::new(
        valid,
        observed,
        decided,
        Ok(AcceleratorPlan::without_device()),
        Images { given, default: image },
    )
}

/// The plan for a model on CPUs.
pub(crate) fn plan(valid: &ValidatedModel, observed: &Observed) -> Plan {
    plan_by(valid, observed, "embedserve:test")
}

/// A model that serves `commit` on all pods, with the cluster that shows it.
pub(crate) fn serving(rest: &str, commit: &str) -> (ValidatedModel, Observed) {
    let valid = valid(rest);
    let mut observed = pulled(&valid, commit);
    let first = plan(&valid, &observed);
    let release = &first.serving.as_ref().expect("it is rolled out").release;
    observed.deployments.insert("small".to_owned(), complete(release));
    let served = plan(&next(&valid, &first), &observed);
    observed.resolve = None;
    (next(&valid, &served), observed)
}

/// A time of the first day of 2026.
pub(crate) fn time(clock: &str) -> Time {
    Time(format!("2026-01-01T{clock}Z").parse().expect("a time"))
}
