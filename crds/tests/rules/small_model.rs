//! The manifest that cases are merged into.

use serde_json::{Value, json};

/// A small model with members merged into its specification; `null` removes one.
pub(crate) fn small_model(name: &str, spec: &Value) -> Value {
    let mut base = json!({"source": {"huggingFace": {"repo": "a/b"}}});
    merge(&mut base, spec);
    json!({
        "apiVersion": crds::API_VERSION,
        "kind": crds::KIND,
        "metadata": {"name": name},
        "spec": base
    })
}

fn merge(base: &mut Value, patch: &Value) {
    match (base.as_object_mut(), patch) {
        (Some(members), Value::Object(patch)) => {
            for (key, value) in patch {
                match value {
                    Value::Null => drop(members.remove(key)),
                    value => merge(members.entry(key.clone()).or_insert(json!({})), value),
                }
            }
        }
        _ => *base = patch.clone(),
    }
}
