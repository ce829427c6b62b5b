//! The settings of a release, as the server reads them.

use k8s_openapi::api::core::v1::ConfigMap;

use super::{Inputs, Wanted, own_metadata};
use crate::kind::Kind;
use crate::names::Component;

/// The immutable ConfigMap of the wanted release.
pub(super) fn config_map(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, .. } = inputs;
    let serving = plan.serving.as_ref()?;
    let texts = serving.texts.clone()?;
    let name = serving.release.config_map.clone()?;
    let config_map = ConfigMap {
        metadata: own_metadata(valid, name, Component::Serving),
        data: Some(texts),
        immutable: Some(true),
        binary_data: None,
    };
    Some(Wanted::own(Kind::ConfigMap, &config_map))
}
