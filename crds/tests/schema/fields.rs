//! The fields of the definition, one by one.

use crds::definition::definition;
use serde_json::Value;

/// The schema of the whole resource.
pub(crate) fn schema() -> Value {
    let definition = serde_json::to_value(definition()).expect("plain JSON");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Calls `visit` with the path and schema of every field.
pub(crate) fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        visit(&path, property);
        walk(&path, property, visit);
    }
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            visit(&format!("{path}[]"), &schema[keyword]);
            walk(&format!("{path}[]"), &schema[keyword], visit);
        }
    }
}

/// Where Kubernetes' own types begin, whose texts and bounds are Kubernetes'.
pub(crate) fn is_kubernetes_own(path: &str) -> bool {
    [
        ".spec.resources.",
        ".spec.networkPolicy.from[]",
        ".spec.scheduling.affinity.",
        ".spec.scheduling.tolerations[]",
        ".spec.scheduling.topologySpreadConstraints[]",
        ".spec.podTemplate.extraEnv[]",
        ".spec.podTemplate.imagePullSecrets[]",
        ".status.conditions[]",
        ".status.effective.resources.",
    ]
    .iter()
    .any(|prefix| path.starts_with(prefix))
}
