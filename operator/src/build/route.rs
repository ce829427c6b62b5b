//! The way in from outside: an Ingress or an HTTPRoute to the Service.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};
use serde_json::json;

use super::{Inputs, Wanted, own_metadata};
use crate::kind::Kind;
use crate::names::{self, Component};

/// The Ingress that the specification asks for.
pub(super) fn ingress(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, .. } = inputs;
    let exposure = valid.model.spec.expose.ingress.as_ref()?;
    let backend = IngressBackend {
        service: Some(IngressServiceBackend {
            name: names::serving(&valid.name),
            port: Some(ServiceBackendPort { name: Some("http".to_owned()), number: None }),
        }),
        resource: None,
    };
    let path =
        HTTPIngressPath { path: Some("/".to_owned()), path_type: "Prefix".to_owned(), backend };
    let ingress = Ingress {
        metadata: own_metadata(valid, names::serving(&valid.name), Component::Serving),
        spec: Some(IngressSpec {
            ingress_class_name: exposure.class_name.clone(),
            rules: Some(vec![IngressRule {
                host: Some(exposure.host.clone()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: exposure.tls_secret.clone().map(|secret| {
                vec![IngressTLS {
                    hosts: Some(vec![exposure.host.clone()]),
                    secret_name: Some(secret),
                }]
            }),
            default_backend: None,
        }),
        status: None,
    };
    Some(Wanted::own(Kind::Ingress, &ingress))
}

/// The HTTPRoute that the specification asks for, if the cluster has the Gateway API.
pub(super) fn http_route(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, apis, .. } = inputs;
    let exposure = valid.model.spec.expose.route.as_ref().filter(|_| apis.has(Kind::HTTPRoute))?;
    let parents: Vec<_> = exposure
        .parent_refs
        .iter()
        .map(|parent| {
            let mut reference = json!({
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": parent.name,
            });
            if let Some(namespace) = &parent.namespace {
                reference["namespace"] = json!(namespace);
            }
            if let Some(section) = &parent.section_name {
                reference["sectionName"] = json!(section);
            }
            reference
        })
        .collect();
    let backend = json!({
        "group": "",
        "kind": "Service",
        "name": names::serving(&valid.name),
        "port": valid.model.spec.expose.service.port,
        "weight": 1,
    });
    let mut spec = json!({
        "parentRefs": parents,
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [backend],
        }],
    });
    if !exposure.hostnames.is_empty() {
        spec["hostnames"] = json!(exposure.hostnames);
    }
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": own_metadata(valid, names::serving(&valid.name), Component::Serving),
        "spec": spec,
    });
    Some(Wanted::own(Kind::HTTPRoute, &route))
}
