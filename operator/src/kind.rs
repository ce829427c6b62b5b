//! The kinds of objects that the operator makes: one list for watches, applying and pruning.

use kube::core::{ApiResource, GroupVersionKind};

/// A kind of object that the operator makes, in the order in which they are applied: what pods need comes
/// before the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The settings of a release, records of caches, and render groups.
    ConfigMap,
    /// The volume with the files.
    PersistentVolumeClaim,
    /// Who may talk to whom.
    NetworkPolicy,
    /// Resolving, pulling, removing.
    Job,
    /// How a pod gets a GPU by dynamic resource allocation.
    ResourceClaimTemplate,
    /// In front of the serving pods.
    Service,
    /// The serving pods.
    Deployment,
    /// How many pods may be taken away.
    PodDisruptionBudget,
    /// A number of pods that follows the load.
    HorizontalPodAutoscaler,
    /// The way in from outside.
    Ingress,
    /// The way in from outside, by the Gateway API.
    HTTPRoute,
    /// Scraping, by the Prometheus operator.
    PodMonitor,
    /// Alerts, by the Prometheus operator.
    PrometheusRule,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; 13] = [
        Self::ConfigMap,
        Self::PersistentVolumeClaim,
        Self::NetworkPolicy,
        Self::Job,
        Self::ResourceClaimTemplate,
        Self::Service,
        Self::Deployment,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
        Self::Ingress,
        Self::HTTPRoute,
        Self::PodMonitor,
        Self::PrometheusRule,
    ];

    /// Group, version and kind.
    pub fn gvk(self) -> GroupVersionKind {
        let (group, version) = match self {
            Self::ConfigMap | Self::PersistentVolumeClaim | Self::Service => ("", "v1"),
            Self::Job => ("batch", "v1"),
            Self::ResourceClaimTemplate => ("resource.k8s.io", "v1"),
            Self::Deployment => ("apps", "v1"),
            Self::NetworkPolicy | Self::Ingress => ("networking.k8s.io", "v1"),
            Self::PodDisruptionBudget => ("policy", "v1"),
            Self::HorizontalPodAutoscaler => ("autoscaling", "v2"),
            Self::HTTPRoute => ("gateway.networking.k8s.io", "v1"),
            Self::PodMonitor | Self::PrometheusRule => ("monitoring.coreos.com", "v1"),
        };
        GroupVersionKind::gvk(group, version, self.as_str())
    }

    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::Job => "Job",
            Self::ResourceClaimTemplate => "ResourceClaimTemplate",
            Self::Deployment => "Deployment",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Ingress => "Ingress",
            Self::HTTPRoute => "HTTPRoute",
            Self::PodMonitor => "PodMonitor",
            Self::PrometheusRule => "PrometheusRule",
        }
    }

    /// What the API client needs.
    pub fn api_resource(self) -> ApiResource {
        let plural = match self {
            Self::NetworkPolicy => "networkpolicies".to_owned(),
            Self::Ingress => "ingresses".to_owned(),
            other => format!("{}s", other.as_str().to_lowercase()),
        };
        ApiResource::from_gvk_with_plural(&self.gvk(), &plural)
    }

    /// Whether a cluster may lack the kind, so that it is looked for before it is used.
    pub fn is_optional(self) -> bool {
        matches!(
            self,
            Self::HTTPRoute | Self::PodMonitor | Self::PrometheusRule | Self::ResourceClaimTemplate
        )
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
