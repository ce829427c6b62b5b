//! The definition itself: whether it is taken without reservations, and what kubectl explains of it.

use integration_tests::control_plane::ControlPlane;
use integration_tests::wait;
use serde_json::{Value, json};

use crate::support::plane;

const NAME: &str = "embeddingmodels.embedserve.dev";

fn stored(plane: &ControlPlane) -> Value {
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}");
    plane.get(&path).expect("the definition is there")
}

/// A schema that is not structural, or a rule whose cost has no bound, would show here.
#[test]
fn the_definition_is_established_and_nothing_is_wrong_with_it() {
    let Some(plane) = plane() else { return };
    let definition = stored(plane);
    let conditions = definition["status"]["conditions"].as_array().expect("there are conditions");
    let conditions: Vec<(&Value, &Value)> =
        conditions.iter().map(|condition| (&condition["type"], &condition["status"])).collect();
    assert_eq!(
        conditions,
        [(&json!("NamesAccepted"), &json!("True")), (&json!("Established"), &json!("True"))]
    );
}

#[test]
fn kubectl_warns_of_nothing_when_the_definition_is_applied_again() {
    let Some(plane) = plane() else { return };
    let yaml = crds::definition::definition_yaml();
    let arguments = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
    let output = plane.kubectl_with_input(arguments, &yaml);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

/// What the API server drops or adds on its own would come back as a difference at each upgrade.
#[test]
fn the_api_server_keeps_the_schema_as_it_is() {
    let Some(plane) = plane() else { return };
    let generated = serde_json::to_value(crds::definition::definition()).expect("plain JSON");
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let generated = generated.pointer(schema).expect("the definition has a schema");
    let stored = stored(plane);
    let stored = stored.pointer(schema).expect("the definition has a schema");
    assert_eq!(differences("", generated, stored), Vec::<String>::new());
}

fn differences(path: &str, left: &Value, right: &Value) -> Vec<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let missing = right.keys().filter(|key| !left.contains_key(*key));
            let mut found: Vec<String> =
                missing.map(|key| format!("{path}/{key} is new")).collect();
            for (key, value) in left {
                let path = format!("{path}/{key}");
                found.extend(differences(&path, value, right.get(key).unwrap_or(&Value::Null)));
            }
            found
        }
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => vec![],
        _ if left == right => vec![],
        _ => vec![format!("{path}: {left} became {right}")],
    }
}

#[test]
fn kubectl_explains_every_field() {
    let Some(plane) = plane() else { return };
    let definition = stored(plane);
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut fields = Vec::new();
    collect("", schema, &mut fields);
    assert!(fields.len() > 300, "only {} fields were found", fields.len());
    let silent: Vec<&str> = fields
        .iter()
        .filter(|(_, field)| field["description"].as_str().is_none_or(str::is_empty))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(silent, Vec::<&str>::new(), "fields without a description");
    for part in ["spec", "status"] {
        let explained = explain(plane, &["--recursive", &format!("emb.{part}")]);
        let explained: Vec<&str> = explained
            .lines()
            .filter_map(|line| line.trim_start().split_once('\t'))
            .map(|(name, _)| name)
            .collect();
        let of_part = fields.iter().filter(|(path, _)| path.starts_with(&format!(".{part}.")));
        let mut expected: Vec<&str> =
            of_part.filter_map(|(path, _)| path.rsplit('.').next()).collect();
        expected.sort_unstable();
        let mut explained = explained;
        explained.sort_unstable();
        assert_eq!(explained, expected, "{part}");
    }
}

#[test]
fn kubectl_explains_what_a_field_takes_and_what_it_is_without_it() {
    let Some(plane) = plane() else { return };
    let text = explain(plane, &["emb.spec.conversion.weightFormat"]);
    for part in ["int8 (groups of 64", "int4", "ENUM:", "fp32"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let text = explain(plane, &["emb"]);
    assert!(text.contains("text embedding model"), "{text}");
}

/// What `kubectl explain` prints, which it can a moment after the definition is there.
fn explain(plane: &ControlPlane, arguments: &[&str]) -> String {
    let mut output = None;
    wait::until("kubectl can explain the kind", || {
        let answer = plane.kubectl(["explain"].iter().chain(arguments));
        let text = String::from_utf8(answer.stdout).expect("output is UTF-8");
        output = answer.status.success().then_some(text);
        output.is_some()
    });
    output.expect("it was waited for")
}

/// Every field below `properties`, with its path.
fn collect(path: &str, properties: &Value, fields: &mut Vec<(String, Value)>) {
    for (name, field) in properties.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields.push((path.clone(), field.clone()));
        let mut inner = field;
        loop {
            collect(&path, &inner["properties"], fields);
            inner = match () {
                () if inner["items"].is_object() => &inner["items"],
                () if inner["additionalProperties"].is_object() => &inner["additionalProperties"],
                () => break,
            };
        }
    }
}
