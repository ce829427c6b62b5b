//! How many pods may be taken away, and a number of pods that follows the load.

use crds::spec::ScalingMetric;
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, Wanted, own_metadata};
use crate::accelerator::share;
use crate::kind::Kind;
use crate::names::{self, Component};

/// The budget, if there is more than one pod: a single one could never be moved.
pub(super) fn disruption_budget(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, .. } = inputs;
    let disruption = &valid.model.spec.disruption;
    if !disruption.enabled || valid.model.replica_bounds().1 <= 1 {
        return None;
    }
    let max_unavailable = match (&disruption.max_unavailable, &disruption.min_available) {
        (None, None) => Some(IntOrString::Int(1)),
        (given, _) => given.clone(),
    };
    let budget = PodDisruptionBudget {
        metadata: own_metadata(valid, names::serving(&valid.name), Component::Serving),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable,
            min_available: disruption.min_available.clone(),
            selector: Some(names::pod_selector(&valid.name)),
            // A pod that never became ready protects nobody by staying.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    };
    Some(Wanted::own(Kind::PodDisruptionBudget, &budget))
}

/// One autoscaler for each Deployment.
pub(super) fn autoscalers(inputs: Inputs<'_>) -> Vec<Wanted> {
    let Inputs { valid, plan, .. } = inputs;
    let Some(autoscaling) = &valid.model.spec.autoscaling else { return Vec::new() };
    let (Some(_), Ok(accelerator)) = (&plan.serving, &plan.accelerator) else { return Vec::new() };
    let variants = accelerator.variants.as_slice();
    let least = share(autoscaling.min, variants);
    let most = share(autoscaling.max, variants);
    let resource = match autoscaling.metric {
        ScalingMetric::Cpu => "cpu",
    };
    let metric = MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: resource.to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(autoscaling.target),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    };
    let bounds = variants.iter().zip(least.into_iter().zip(most));
    bounds
        // An autoscaler cannot hold a Deployment at no pods.
        .filter(|(_, (_, most))| *most > 0)
        .map(|(variant, (least, most))| {
            let name = names::variant(&valid.name, variant.driver);
            let autoscaler = HorizontalPodAutoscaler {
                metadata: own_metadata(valid, name.clone(), Component::Serving),
                spec: Some(HorizontalPodAutoscalerSpec {
                    min_replicas: Some(least.max(1)),
                    max_replicas: most,
                    metrics: Some(vec![metric.clone()]),
                    scale_target_ref: CrossVersionObjectReference {
                        api_version: Some("apps/v1".to_owned()),
                        kind: "Deployment".to_owned(),
                        name,
                    },
                    behavior: None,
                }),
                status: None,
            };
            Wanted::own(Kind::HorizontalPodAutoscaler, &autoscaler)
        })
        .collect()
}
