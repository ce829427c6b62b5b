//! Who may talk to the pods, and to whom they may talk.
//!
//! Serving pods open no connection. Jobs reach name resolution and the hub's port; a NetworkPolicy
//! cannot name hosts, so which addresses that port may be reached at is the administrator's setting.
//! The management port, which asks for no API key, is for the operator and for whoever scrapes metrics.

use crds::spec::NetworkPolicyMode;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::service::PORT;
use super::{Inputs, Ownership, Wanted, own_metadata, shared_metadata};
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::plan::cache::needs_pull;
use crate::settings::Settings;
use crate::validate::{HubSource, ValidatedSource};

/// The port on which pods answer the operator, the kubelet and Prometheus.
pub const MANAGEMENT_PORT: i32 = 8001;

/// The policies of the serving pods, of the Job that resolves, and of the Job that pulls.
pub(super) fn policies(inputs: Inputs<'_>) -> Vec<Wanted> {
    let Inputs { valid, plan, settings, .. } = inputs;
    let policy = &valid.model.spec.network_policy;
    if policy.mode == NetworkPolicyMode::Disabled {
        return Vec::new();
    }
    let to_hub = |hub: &HubSource| vec![to_names(), to_hub(hub, settings)];
    let mut policies = Vec::new();

    let clients = NetworkPolicyIngressRule {
        from: Some(policy.from.clone()).filter(|from| !from.is_empty()),
        ports: Some(vec![tcp(PORT)]),
    };
    // Also while another release is prepared, a pod that starts again pulls what the old one serves.
    let serving = plan.serving.as_ref().map(|serving| &serving.release);
    let is_ephemeral =
        plan.target.iter().chain(serving).any(|release| release.claim_name.is_none());
    let egress = match &valid.source {
        ValidatedSource::Hub(hub) if is_ephemeral => to_hub(hub),
        ValidatedSource::Hub(_) | ValidatedSource::Volume { .. } => Vec::new(),
    };
    policies.push(Wanted::own(
        Kind::NetworkPolicy,
        &NetworkPolicy {
            metadata: own_metadata(valid, names::serving_policy(&valid.name), Component::Serving),
            spec: Some(spec(
                names::pod_selector(&valid.name),
                vec![clients, to_management(settings, Scrapes::Yes)],
                egress,
            )),
        },
    ));

    let jobs = names::selector(&[
        (names::MODEL, &valid.name),
        (names::COMPONENT, Component::Resolve.as_str()),
    ]);
    let egress = match &valid.source {
        ValidatedSource::Hub(hub) => to_hub(hub),
        ValidatedSource::Volume { .. } => Vec::new(),
    };
    policies.push(Wanted::own(
        Kind::NetworkPolicy,
        &NetworkPolicy {
            metadata: own_metadata(valid, names::jobs_policy(&valid.name), Component::Resolve),
            spec: Some(spec(jobs, Vec::new(), egress)),
        },
    ));

    if let (ValidatedSource::Hub(hub), Some(target)) =
        (&valid.source, plan.target.as_ref().filter(|target| needs_pull(valid, target)))
    {
        let pods = names::selector(&[
            (names::CACHE_KEY, &target.key),
            (names::COMPONENT, Component::Pull.as_str()),
        ]);
        let metadata =
            shared_metadata(valid, names::pull_policy(&target.key), Component::Pull, &target.key);
        let ingress = vec![to_management(settings, Scrapes::No)];
        let policy = NetworkPolicy { metadata, spec: Some(spec(pods, ingress, to_hub(hub))) };
        policies.push(Wanted::new(Kind::NetworkPolicy, Ownership::Shared, &policy));
    }
    policies
}

/// Whether Prometheus scrapes the pods.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scrapes {
    Yes,
    No,
}

fn spec(
    pods: LabelSelector,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Vec<NetworkPolicyEgressRule>,
) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: Some(pods),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ingress: Some(ingress).filter(|rules| !rules.is_empty()),
        egress: Some(egress).filter(|rules| !rules.is_empty()),
    }
}

/// The operator, and where metrics are scraped, Prometheus.
fn to_management(settings: &Settings, scrapes: Scrapes) -> NetworkPolicyIngressRule {
    let namespace = |name: &str| names::selector(&[("kubernetes.io/metadata.name", name)]);
    let mut from = vec![NetworkPolicyPeer {
        namespace_selector: Some(namespace(&settings.namespace)),
        pod_selector: Some(names::selector(&[(names::APP_NAME, names::MANAGER)])),
        ip_block: None,
    }];
    if scrapes == Scrapes::Yes {
        from.push(NetworkPolicyPeer {
            namespace_selector: Some(match &settings.monitoring_namespace {
                Some(name) => namespace(name),
                None => LabelSelector::default(),
            }),
            ..NetworkPolicyPeer::default()
        });
    }
    NetworkPolicyIngressRule { from: Some(from), ports: Some(vec![tcp(MANAGEMENT_PORT)]) }
}

/// Name resolution, wherever the cluster's resolver is.
fn to_names() -> NetworkPolicyEgressRule {
    let port = |protocol: &str| NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(53)),
        end_port: None,
    };
    NetworkPolicyEgressRule { ports: Some(vec![port("UDP"), port("TCP")]), to: None }
}

/// The ports of the hub and of proxies on the way to it. The hub hands out files from the standard
/// port of other hosts too.
fn to_hub(hub: &HubSource, settings: &Settings) -> NetworkPolicyEgressRule {
    let endpoint = hub.endpoint.as_deref().unwrap_or("https://huggingface.co");
    let proxies = settings
        .hub_environment
        .iter()
        .filter(|(name, _)| {
            name.to_ascii_lowercase().ends_with("_proxy") && !name.eq_ignore_ascii_case("no_proxy")
        })
        .map(|(_, address)| address.as_str());
    let mut ports: Vec<i32> =
        std::iter::once(endpoint).chain(proxies).filter_map(port_of).collect();
    ports.push(443);
    ports.sort_unstable();
    ports.dedup();
    let peers = settings.hub_cidrs.iter().map(|cidr| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
        ..NetworkPolicyPeer::default()
    });
    NetworkPolicyEgressRule {
        ports: Some(ports.into_iter().map(tcp).collect()),
        to: Some(peers.collect::<Vec<_>>()).filter(|peers| !peers.is_empty()),
    }
}

/// The port of an address, its scheme's where it names none.
fn port_of(address: &str) -> Option<i32> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let after_brackets = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match after_brackets.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None if scheme.eq_ignore_ascii_case("https") => Some(443),
        None => Some(80),
    }
}

fn tcp(port: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some("TCP".to_owned()),
        port: Some(IntOrString::Int(port)),
        end_port: None,
    }
}

#[cfg(test)]
mod tests {
    use super::port_of;

    #[test]
    fn ports_are_those_of_the_address_or_of_its_scheme() {
        for (address, expected) in [
            ("https://huggingface.co", Some(443)),
            ("http://hub.search.svc", Some(80)),
            ("http://hub.search.svc:8080/mirror", Some(8080)),
            ("http://user:secret@proxy:3128", Some(3128)),
            ("proxy:3128", Some(3128)),
            ("https://[fd00::1]/x", Some(443)),
            ("https://[fd00::1]:8443", Some(8443)),
        ] {
            assert_eq!(port_of(address), expected, "{address}");
        }
    }
}
