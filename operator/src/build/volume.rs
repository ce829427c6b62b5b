//! The volume with a model's files, and the record of what is in it.

use crds::quantity;
use crds::spec::{AccessMode, RetentionPolicy};
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Inputs, Ownership, Wanted, shared_metadata, text_map};
use crate::kind::Kind;
use crate::names::{self, Component};
use crate::release;
use crate::sizing;

/// The key of the record's ConfigMap.
pub const RECORD: &str = "report.json";

/// The volume for the wanted files.
///
/// It is made when the size is known, which is after resolving, and only grows afterwards.
pub(super) fn claim(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, observed, .. } = inputs;
    let target = plan.target.as_ref().filter(|_| release::owns_volume(valid))?;
    if observed.claim.as_ref().is_some_and(|claim| claim.is_leaving) {
        return None;
    }
    let wanted = valid.model.spec.cache.persistent_volume_claim.clone().unwrap_or_default();
    let derived = target.disk_bytes.and_then(|bytes| u64::try_from(bytes).ok());
    let existing = observed.claim.as_ref().map(|claim| &claim.facts);
    let size = match (&wanted.size, derived) {
        (Some(size), _) => size.0.clone(),
        (None, Some(bytes)) => sizing::volume_size(bytes),
        (None, None) => return None,
    };
    // Another model may have asked for more; a volume never shrinks.
    let size = match existing.and_then(|facts| facts.requested.clone()) {
        Some(requested) if quantity::bytes(&requested) >= quantity::bytes(&size) => requested,
        _ => size,
    };
    let given =
        wanted.access_modes.iter().map(|mode| access_mode(*mode).to_owned()).collect::<Vec<_>>();
    // What an existing volume has cannot be changed.
    let modes = existing.map(|facts| facts.access_modes.clone());
    let modes = modes.filter(|modes| !modes.is_empty()).unwrap_or(match given.is_empty() {
        true => vec![observed.default_access_mode.unwrap_or("ReadWriteOnce").to_owned()],
        false => given,
    });
    let claim = PersistentVolumeClaim {
        metadata: shared_metadata(valid, names::cache(&target.key), Component::Cache, &target.key),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(modes),
            storage_class_name: match existing {
                Some(facts) => facts.storage_class.clone(),
                None => wanted.storage_class_name,
            },
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(size))].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    };
    let ownership = match valid.model.spec.cache.retention.policy {
        RetentionPolicy::Delete => Ownership::Shared,
        RetentionPolicy::Retain => Ownership::Kept,
    };
    Some(Wanted::new(Kind::PersistentVolumeClaim, ownership, &claim))
}

/// What is known of complete files. With it, nothing needs to be asked or pulled again.
pub(super) fn record(inputs: Inputs<'_>) -> Option<Wanted> {
    let Inputs { valid, plan, .. } = inputs;
    let target = plan.target.as_ref()?;
    let report = plan.cache.report()?;
    let text = serde_json::to_string_pretty(report).expect("a report is plain JSON");
    let record = ConfigMap {
        metadata: shared_metadata(valid, names::cache(&target.key), Component::Cache, &target.key),
        data: Some(text_map([(RECORD, text.as_str())])),
        immutable: Some(true),
        binary_data: None,
    };
    Some(Wanted::new(Kind::ConfigMap, Ownership::Shared, &record))
}

fn access_mode(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadOnlyMany => "ReadOnlyMany",
        AccessMode::ReadWriteMany => "ReadWriteMany",
        AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
    }
}
