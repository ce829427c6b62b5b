//! The one address of a model's pods.

use crds::spec::ServiceType;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, Wanted, own_metadata};
use crate::kind::Kind;
use crate::names::{self, Component};

/// The port on which pods answer requests.
pub const PORT: i32 = 8000;

/// The Service of all pods, whatever Deployment they are of. It is there before the first pod, so that
/// clients can be set up.
pub(super) fn service(inputs: Inputs<'_>) -> Wanted {
    let Inputs { valid, .. } = inputs;
    let exposure = &valid.model.spec.expose.service;
    let type_ = match exposure.type_ {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
    };
    let service = Service {
        metadata: own_metadata(valid, names::serving(&valid.name), Component::Serving),
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            selector: names::pod_selector(&valid.name).match_labels,
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                app_protocol: Some("http".to_owned()),
                port: exposure.port,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Wanted::own(Kind::Service, &service)
}
