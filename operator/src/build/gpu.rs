//! A GPU by dynamic resource allocation, and the privileged container of the host path.

use crds::spec::{GpuAllocation, GpuClaim, GpuDriver};
use k8s_openapi::api::core::v1::{
    Container, PodResourceClaim, PodSpec, ResourceClaim, SecurityContext,
};
use k8s_openapi::api::resource::v1::{
    CELDeviceSelector, DeviceClaim, DeviceRequest, DeviceSelector, ExactDeviceRequest,
    ResourceClaimSpec, ResourceClaimTemplate, ResourceClaimTemplateSpec,
};

use super::container::some;
use super::{Inputs, Wanted, own_metadata};
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::validate::ValidatedModel;

/// The name of the claim in the pod, and of the request in the claim.
const GPU: &str = "gpu";

/// The template of the claims, unless the specification names one.
pub(super) fn claim_template(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, .. } = inputs;
    let gpu = valid.model.spec.device.gpu.as_ref()?;
    if gpu.allocation != GpuAllocation::Dra || plan.serving.is_none() {
        return None;
    }
    let claim = gpu.claim.clone().unwrap_or_else(default_claim);
    if claim.resource_claim_template_name.is_some() {
        return None;
    }
    let request = DeviceRequest {
        name: GPU.to_owned(),
        exactly: Some(ExactDeviceRequest {
            device_class_name: claim.device_class_name.clone(),
            count: Some(i64::from(gpu.count)),
            selectors: some(selectors(&claim)),
            ..ExactDeviceRequest::default()
        }),
        ..DeviceRequest::default()
    };
    let devices = DeviceClaim { requests: Some(vec![request]), ..DeviceClaim::default() };
    let spec = ResourceClaimTemplateSpec {
        metadata: None,
        spec: ResourceClaimSpec { devices: Some(devices) },
    };
    let template = ResourceClaimTemplate {
        metadata: own_metadata(valid, template_name(valid, &spec), Component::Serving),
        spec,
    };
    Some(Wanted::own(Kind::ResourceClaimTemplate, &template))
}

/// Gives the pod a claim and the container its device.
pub(super) fn add_claim(inputs: Inputs<'_>, container: &mut Container, pod: &mut PodSpec) {
    let gpu = inputs.valid.model.spec.device.gpu.as_ref();
    let named = gpu
        .and_then(|gpu| gpu.claim.as_ref())
        .and_then(|claim| claim.resource_claim_template_name.clone());
    let name = named.or_else(|| claim_template(inputs).map(|template| template.name));
    pod.resource_claims = Some(vec![PodResourceClaim {
        name: GPU.to_owned(),
        resource_claim_template_name: name,
        ..PodResourceClaim::default()
    }]);
    let claim = ResourceClaim { name: GPU.to_owned(), request: None };
    container.resources.get_or_insert_default().claims = Some(vec![claim]);
}

/// The security context of a container that opens device files of its node.
pub(super) fn privileged() -> SecurityContext {
    SecurityContext {
        privileged: Some(true),
        allow_privilege_escalation: Some(true),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

/// A template cannot be changed, so that another one has another name.
fn template_name(valid: &ValidatedModel, spec: &ResourceClaimTemplateSpec) -> String {
    names::release(&valid.name, &names::hash(spec))
}

fn selectors(claim: &GpuClaim) -> Vec<DeviceSelector> {
    let mut expressions = Vec::new();
    if let Some(driver) = claim.driver {
        let driver = match driver {
            GpuDriver::I915 => "i915",
            GpuDriver::Xe => "xe",
        };
        expressions.push(format!("device.attributes[\"gpu.intel.com\"].driver == \"{driver}\""));
    }
    if let Some(memory) = &claim.min_memory {
        expressions.push(format!(
            "device.capacity[\"gpu.intel.com\"].memory.compareTo(quantity(\"{}\")) >= 0",
            memory.0
        ));
    }
    expressions.extend(claim.cel_selectors.iter().cloned());
    expressions
        .into_iter()
        .map(|expression| DeviceSelector { cel: Some(CELDeviceSelector { expression }) })
        .collect()
}

fn default_claim() -> GpuClaim {
    GpuClaim {
        device_class_name: "gpu.intel.com".to_owned(),
        min_memory: None,
        driver: None,
        cel_selectors: Vec::new(),
        resource_claim_template_name: None,
    }
}
