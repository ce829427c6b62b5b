//! Ingresses, HTTPRoutes and autoscalers: whether somebody acts on them.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::Value;

/// Whether a route leads to the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// Whether a controller took it up.
    pub is_accepted: bool,
    /// Why not, in the controller's words.
    pub refusal: Option<String>,
}

impl RouteFacts {
    /// An Ingress is taken up when it has an address.
    pub fn of_ingress(ingress: &Value) -> Self {
        let addresses = ingress["status"]["loadBalancer"]["ingress"].as_array();
        Self { is_accepted: addresses.is_some_and(|list| !list.is_empty()), refusal: None }
    }

    /// An HTTPRoute is taken up when every parent accepted it and resolved its references.
    pub fn of_http_route(route: &Value) -> Self {
        let parents = route["status"]["parents"].as_array().cloned().unwrap_or_default();
        let conditions =
            || parents.iter().flat_map(|it| it["conditions"].as_array().into_iter().flatten());
        let refusal = conditions()
            .find(|it| it["status"] == "False")
            .map(|it| format!("{}: {}", text(&it["type"]), text(&it["message"])));
        let accepted =
            conditions().filter(|it| it["type"] == "Accepted" && it["status"] == "True").count();
        Self {
            is_accepted: refusal.is_none() && accepted > 0 && accepted == parents.len(),
            refusal,
        }
    }
}

/// Whether an autoscaler works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoscalerFacts {
    /// Whether it has looked at its target yet.
    pub is_observed: bool,
    /// Why it cannot work: the reason of its condition and the message.
    pub problem: Option<(String, String)>,
}

impl From<&HorizontalPodAutoscaler> for AutoscalerFacts {
    fn from(autoscaler: &HorizontalPodAutoscaler) -> Self {
        let conditions = autoscaler.status.as_ref().and_then(|status| status.conditions.as_ref());
        let problem = conditions
            .into_iter()
            .flatten()
            .filter(|it| it.type_ == "AbleToScale" || it.type_ == "ScalingActive")
            .find(|it| it.status == "False" && it.reason.as_deref() != Some("ScalingDisabled"))
            .map(|it| {
                (it.reason.clone().unwrap_or_default(), it.message.clone().unwrap_or_default())
            });
        Self { is_observed: conditions.is_some_and(|list| !list.is_empty()), problem }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_is_accepted_when_every_parent_says_so() {
        let parent = |accepted: &str, message: &str| json!({"conditions": [{"type": "Accepted", "status": accepted, "message": message}]});
        let route =
            |parents: Value| RouteFacts::of_http_route(&json!({"status": {"parents": parents}}));
        assert!(route(json!([parent("True", "")])).is_accepted);
        assert!(!route(json!([])).is_accepted);
        let refused = route(json!([parent("True", ""), parent("False", "no such listener")]));
        assert!(!refused.is_accepted);
        assert_eq!(refused.refusal.as_deref(), Some("Accepted: no such listener"));
    }

    #[test]
    fn an_ingress_is_accepted_when_it_has_an_address() {
        let with = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
        assert!(RouteFacts::of_ingress(&with).is_accepted);
        assert!(!RouteFacts::of_ingress(&json!({"status": {"loadBalancer": {}}})).is_accepted);
    }
}
