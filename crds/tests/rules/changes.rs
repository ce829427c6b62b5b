//! Changes that keep or break the rules about what cannot be changed.

use crds::rules::{self, Rule};
use serde_json::{Value, json};

/// A change of members of a small model's specification.
pub(crate) struct Change {
    pub(crate) old: Value,
    pub(crate) new: Value,
    /// The one rule that it breaks.
    pub(crate) broken: Option<&'static Rule>,
}

/// Changes of both kinds for every rule about changes.
pub(crate) fn changes() -> Vec<Change> {
    let size = |size: &str| json!({"cache": {"persistentVolumeClaim": {"size": size}}});
    let named = |name: &str| json!({"servedName": name});
    let scope = |scope: &str| json!({"cache": {"scope": scope}});
    let class = json!({"cache": {"persistentVolumeClaim": {"storageClassName": "fast"}}});
    let table: [(Value, Value, Option<&'static Rule>); 17] = [
        (json!({}), json!({}), None),
        (json!({}), named("small"), None),
        (named("a/b"), named("a/b"), None),
        (named("a"), named("b"), Some(&rules::SERVED_NAME_FIXED)),
        (json!({}), named("b"), Some(&rules::SERVED_NAME_FIXED)),
        (named("b"), json!({}), Some(&rules::SERVED_NAME_FIXED)),
        (json!({}), scope("Namespace"), None),
        (json!({}), scope("Model"), Some(&rules::CACHE_SCOPE_FIXED)),
        (scope("Model"), json!({}), Some(&rules::CACHE_SCOPE_FIXED)),
        (size("1Gi"), size("1024Mi"), None),
        (size("1G"), size("1Gi"), None),
        (size("1.5Gi"), size("1536Mi"), None),
        (size("1Gi"), size("1G"), Some(&rules::VOLUME_GROWS)),
        (size("2Gi"), size("1.999Gi"), Some(&rules::VOLUME_GROWS)),
        (size("2Gi"), class.clone(), None),
        (class, size("1Gi"), None),
        (size("1Gi"), json!({}), None),
    ];
    table.into_iter().map(|(old, new, broken)| Change { old, new, broken }).collect()
}
