//! The CustomResourceDefinition, generated from the types.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResourceExt;
use schemars::generate::SchemaSettings;
use schemars::transform::AddNullable;
use serde_json::{Value, json};

use crate::EmbeddingModel;
use crate::spec::patterns::QUANTITY;

/// The definition of `EmbeddingModel`, as it is installed into a cluster.
///
/// No field is nullable: the API server then drops `null` members before it applies defaults and rules,
/// so that `huggingFace: null` is the same as no `huggingFace`.
pub fn definition() -> CustomResourceDefinition {
    let mut definition =
        serde_json::to_value(EmbeddingModel::crd()).expect("a definition is plain JSON");
    if let Some(versions) = definition["spec"]["versions"].as_array_mut() {
        for version in versions {
            tidy(&mut version["schema"]["openAPIV3Schema"]);
        }
    }
    serde_json::from_value(definition).expect("tidying keeps the definition's shape")
}

/// The text of the checked-in definition.
pub fn definition_yaml() -> String {
    let text = serde_yaml::to_string(&definition()).expect("a definition is plain YAML");
    format!("# Generated from the types of the crate crds by: UPDATE=1 cargo test -p crds\n{text}")
}

/// The schema of a whole object, `apiVersion`, `kind` and `metadata` included.
pub(crate) fn object_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let definition = serde_json::to_value(definition()).expect("a definition is plain JSON");
        let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        let properties = &mut schema["properties"];
        properties["apiVersion"] = json!({"type": "string"});
        properties["kind"] = json!({"type": "string"});
        properties["metadata"] = metadata_schema();
        // The API server ignores what a manifest says about the status.
        properties["status"] = json!({"x-kubernetes-preserve-unknown-fields": true});
        schema["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
        schema
    });
    &SCHEMA
}

fn metadata_schema() -> Value {
    let generator = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(AddNullable::default())
        .into_generator();
    let mut schema = generator.into_root_schema_for::<ObjectMeta>().to_value();
    tidy(&mut schema);
    schema["required"] = json!(["name"]);
    schema
}

/// Descriptions as flowing text, no titles, nothing nullable, and of Kubernetes' own types:
/// - no number that they cannot hold: the API server does not look at the format `int32`, and one object
///   that cannot be read would stop the operator from reading any;
/// - no quantity of another form, such as `2 GB`: what is made from it would be refused later, where its
///   author does not see it.
fn tidy(schema: &mut Value) {
    let Value::Object(members) = schema else {
        return;
    };
    members.remove("nullable");
    members.remove("title");
    if members.get("format").is_some_and(|format| format == "int32") {
        members.entry("minimum").or_insert(i32::MIN.into());
        members.entry("maximum").or_insert(i32::MAX.into());
    }
    if members.contains_key("x-kubernetes-int-or-string") && !members.contains_key("pattern") {
        members.insert("pattern".to_owned(), QUANTITY.into());
        members.insert("maxLength".to_owned(), 32.into());
        members.insert("minimum".to_owned(), 0.into());
    }
    if let Some(Value::String(description)) = members.get_mut("description") {
        let paragraphs: Vec<String> = description
            .split("\n\n")
            .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        *description = paragraphs.join("\n\n");
    }
    for keyword in ["properties", "items", "additionalProperties"] {
        match members.get_mut(keyword) {
            Some(Value::Object(children)) if keyword == "properties" => {
                children.values_mut().for_each(tidy);
            }
            Some(child) => tidy(child),
            None => {}
        }
    }
}
