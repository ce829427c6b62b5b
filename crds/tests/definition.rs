//! The checked-in definition is what the types say, and a calm one.

#[path = "schema/fields.rs"]
mod fields;

use std::path::{Path, PathBuf};

use crds::definition::{definition, definition_yaml};
use fields::{is_kubernetes_own, schema, walk};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("embeddingmodels.embedserve.dev.yaml")
}

#[test]
fn the_checked_in_definition_is_generated_from_the_types() {
    let generated = definition_yaml();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file(), &generated).expect("the definition can be written");
    }
    let checked_in = std::fs::read_to_string(file()).unwrap_or_default();
    assert!(
        checked_in == generated,
        "crds/embeddingmodels.embedserve.dev.yaml differs from the types; rewrite it with: UPDATE=1 cargo test -p crds"
    );
}

/// `kubectl explain` shows nothing for a field without a description.
#[test]
fn every_field_is_described_in_sentences() {
    walk("", &schema(), &mut |path, schema| {
        if is_kubernetes_own(path) || path.ends_with("[]") {
            return;
        }
        let description = schema["description"].as_str().unwrap_or_default();
        assert!(
            description.starts_with(char::is_uppercase) && description.ends_with('.'),
            "{path}: {description:?}"
        );
    });
}

/// The API server refuses rules whose cost it cannot bound, and an unbounded text is a way to fill it.
#[test]
fn every_text_list_and_map_of_the_specification_is_bounded() {
    walk("", &schema(), &mut |path, schema| {
        if is_kubernetes_own(path) || path.starts_with(".status") {
            return;
        }
        let is_bounded = match schema["type"].as_str() {
            Some("string") => schema["maxLength"].is_u64() || schema["enum"].is_array(),
            Some("array") => schema["maxItems"].is_u64(),
            Some("integer") => schema["minimum"].is_number() && schema["maximum"].is_number(),
            Some("object") if schema["additionalProperties"].is_object() => {
                schema["maxProperties"].is_u64()
            }
            _ => true,
        };
        assert!(is_bounded, "{path} has no bound: {schema}");
    });
}

/// The API server takes any number for the format `int32`; the operator could not read it back.
#[test]
fn every_number_of_32_bits_is_bounded_to_them() {
    let mut count = 0;
    walk("", &schema(), &mut |path, schema| {
        if schema["format"] == "int32" {
            count += 1;
            let bound = |keyword: &str| schema[keyword].as_f64().expect("it is bounded");
            let holds =
                f64::from(i32::MIN) <= bound("minimum") && bound("maximum") <= f64::from(i32::MAX);
            assert!(holds, "{path}: {schema}");
        }
    });
    assert!(count > 20, "only {count} numbers were found");
}

#[test]
fn every_pattern_of_the_schema_compiles() {
    let mut count = 0;
    walk("", &schema(), &mut |path, schema| {
        if let Some(pattern) = schema["pattern"].as_str() {
            count += 1;
            assert!(regex::Regex::new(pattern).is_ok(), "{path}: {pattern}");
            assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{path}: {pattern}");
        }
    });
    assert!(count > 20, "only {count} patterns were found");
}

/// A nullable member that is `null` counts as given in rules, and as missing for the types.
#[test]
fn nothing_is_nullable() {
    walk("", &schema(), &mut |path, schema| {
        assert!(schema.get("nullable").is_none(), "{path}");
    });
}

#[test]
fn the_definition_has_the_names_columns_and_subresources_that_users_rely_on() {
    let definition = serde_json::to_value(definition()).expect("plain JSON");
    let version = &definition["spec"]["versions"][0];
    assert_eq!(definition["metadata"]["name"], "embeddingmodels.embedserve.dev");
    assert_eq!(definition["spec"]["names"]["shortNames"], serde_json::json!(["emb"]));
    assert_eq!(definition["spec"]["names"]["categories"], serde_json::json!(["all"]));
    assert_eq!(
        version["subresources"],
        serde_json::json!({
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector"
            }
        })
    );
    let columns: Vec<(&str, bool)> = version["additionalPrinterColumns"]
        .as_array()
        .expect("there are columns")
        .iter()
        .map(|column| (column["name"].as_str().unwrap_or_default(), column["priority"] == 1))
        .collect();
    assert_eq!(
        columns,
        [
            ("Ready", false),
            ("Reason", false),
            ("Model", false),
            ("Rev", false),
            ("Dim", false),
            ("Device", false),
            ("Replicas", false),
            ("Age", false),
            ("Fingerprint", true),
            ("URL", true),
            ("Pull%", true),
            ("Cache", true),
        ]
    );
}

/// Fields that do nothing yet are refused by name rather than taken and ignored.
#[test]
fn fields_of_later_stages_are_not_in_the_schema() {
    let spec = schema()["properties"]["spec"].clone();
    for path in [
        "aliases",
        "updatePolicy",
        "contract",
        "operatorUpgrade",
        "source/image",
        "expose/gateway",
        "autoscaling/backend",
        "autoscaling/idleTimeout",
        "cache/retention/graceAfterLastUse",
    ] {
        let pointer = path.split('/').map(|name| format!("/properties/{name}")).collect::<String>();
        assert!(spec.pointer(&pointer).is_none(), "{path}");
        let parent = pointer.rsplit_once("/properties").map_or("", |(parent, _)| parent);
        assert!(spec.pointer(parent).is_some(), "{path} is looked for in the wrong place");
    }
    assert_eq!(
        spec["properties"]["cache"]["properties"]["mode"]["enum"],
        serde_json::json!(["PersistentVolumeClaim", "Ephemeral"])
    );
}

/// `default:` in the schema and serde's defaults must not part.
#[test]
fn the_defaults_of_the_schema_are_those_of_the_types() {
    let minimal = serde_json::json!({"source": {"huggingFace": {"repo": "a/b"}}});
    let spec_schema = schema()["properties"]["spec"].clone();
    let by_schema = kube_cel::apply_defaults(&spec_schema, &minimal);
    let by_types: crds::EmbeddingModelSpec =
        serde_json::from_value(minimal).expect("a minimal specification");
    let mut by_types = serde_json::to_value(by_types).expect("plain JSON");
    by_types.sort_all_objects();
    let mut by_schema = by_schema;
    by_schema.sort_all_objects();
    assert_eq!(by_schema, by_types);
}
