//! The API server and the reader of manifests judge alike: whatever the one takes, the other takes.
//!
//! Each field of the examples, which together show every field, gets values that it may not expect. A
//! difference would mean that a manifest tried with `embedserve run` is refused by the cluster, or that one
//! from the cluster cannot be run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crds::{EmbeddingModel, EmbeddingModelSpec};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::{judged_by_server, judged_without_server, plane};

#[test]
fn both_judge_alike_whatever_a_field_of_an_example_is_set_to() {
    let Some(plane) = plane() else { return };
    let mut tried = BTreeSet::new();
    let mut verdicts = [0_usize; 2];
    let mut differences = Vec::new();
    for example in examples() {
        let mut places = Vec::new();
        collect("/spec", &example["spec"], &mut places);
        for place in places.into_iter().filter(|place| tried.insert(place.clone())) {
            let original = example.pointer(&place).expect("a place of the example");
            for value in values(original) {
                let mut object = example.clone();
                replace(&mut object, &place, value.as_ref());
                let server = judged_by_server(plane, &as_kubectl_sends(&object));
                let is_taken = server.status == 201;
                verdicts[usize::from(is_taken)] += 1;
                let difference = match judged_without_server(&object) {
                    Ok(_) if !is_taken => Some(server.body["message"].to_string()),
                    Err(messages) if is_taken => Some(messages.join(", ")),
                    Ok(model) => unlike(&server.body["spec"], &model),
                    Err(_) => None,
                };
                if let Some(difference) = difference {
                    let value = value.map_or("nothing".to_owned(), |value| value.to_string());
                    differences.push(format!("{place} = {value:.60}: {difference}"));
                }
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count > 300), "too little was tried: {verdicts:?}");
    assert!(differences.is_empty(), "{verdicts:?}\n{}", differences.join("\n"));
}

/// `1.0` in a manifest is `1` on the wire, because kubectl turns YAML into JSON as Go writes numbers.
fn as_kubectl_sends(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let send = |(key, member): (&String, &Value)| (key.clone(), as_kubectl_sends(member));
            Value::Object(members.iter().map(send).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(as_kubectl_sends).collect()),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().expect("it is one");
            let is_whole = float.fract() == 0.0 && float.abs() < 1e15;
            if is_whole { json!(float as i64) } else { value.clone() }
        }
        _ => value.clone(),
    }
}

/// What the operator would read otherwise than the reader of manifests has.
fn unlike(stored: &Value, model: &EmbeddingModel) -> Option<String> {
    let read = serde_json::to_value(&model.spec).expect("plain JSON");
    let stored = serde_json::from_value::<EmbeddingModelSpec>(stored.clone());
    match stored {
        Ok(stored) if stored == model.spec => None,
        Ok(stored) => Some(format!("{stored:?} is stored and {read} is read")),
        Err(error) => Some(format!("what is stored cannot be read: {error}")),
    }
}

/// The examples' objects, without their namespaces, which are not there.
fn examples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/examples");
    let mut texts: Vec<String> = fs::read_dir(folder)
        .expect("the folder of examples can be listed")
        .map(|entry| fs::read_to_string(entry.expect("an entry can be read").path()))
        .collect::<Result<_, _>>()
        .expect("the examples can be read");
    texts.sort();
    let documents = texts.iter().flat_map(|text| serde_yaml::Deserializer::from_str(text));
    documents
        .map(|document| {
            let mut object = Value::deserialize(document).expect("an example is YAML");
            object["metadata"].as_object_mut().expect("it has metadata").remove("namespace");
            object
        })
        .collect()
}

/// The paths of everything below a value.
fn collect(place: &str, value: &Value, places: &mut Vec<String>) {
    places.push(place.to_owned());
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(&format!("{place}/{key}"), member, places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&format!("{place}/{index}"), item, places);
            }
        }
        _ => {}
    }
}

/// What is put in the place of a value; `None` takes it away.
fn values(original: &Value) -> Vec<Option<Value>> {
    let mut values = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.0),
        json!(1.5),
        json!(2_147_483_648_i64),
        json!(u64::MAX),
        json!(1e30),
        json!(""),
        json!("a"),
        json!("1"),
        json!("A b\n"),
        json!("ä"),
        json!("x".repeat(1025)),
        json!([]),
        json!([null]),
        json!(["a", "a"]),
        json!({}),
        json!({"a": null}),
        json!({"a": "b"}),
    ];
    match original {
        Value::Object(members) => {
            let with = |key: &str, value: Value| {
                let mut members = members.clone();
                members.insert(key.to_owned(), value);
                Value::Object(members)
            };
            values.extend([with("unknown", Value::Null), with("unknown", json!("a"))]);
            values.push(with("Ä/ b", json!("a")));
            let many = (0..65).map(|number| (format!("A{number}"), json!("1")));
            values.push(Value::Object(
                members.clone().into_iter().chain(many).collect::<Map<_, _>>(),
            ));
        }
        Value::Array(items) => {
            values.push(Value::Array(items.iter().chain(items).cloned().collect()));
            values.push(Value::Array(items.iter().cycle().take(65).cloned().collect()));
            values.push(Value::Array(items.iter().cloned().chain([Value::Null]).collect()));
        }
        Value::String(text) => {
            values.extend([json!(text.to_uppercase()), json!(format!("{text} ")), json!([text])]);
        }
        Value::Number(number) => {
            values.extend([json!(number.to_string()), json!(number.as_f64())]);
        }
        Value::Bool(_) | Value::Null => {}
    }
    values.into_iter().map(Some).chain([None]).collect()
}

/// Puts a value in a place, or takes away what is there.
fn replace(object: &mut Value, place: &str, value: Option<&Value>) {
    let (parent, last) = place.rsplit_once('/').expect("a place is in something");
    let last = last.replace("~1", "/").replace("~0", "~");
    match (object.pointer_mut(parent).expect("a place of the example"), value) {
        (Value::Object(members), Some(value)) => drop(members.insert(last, value.clone())),
        (Value::Object(members), None) => drop(members.remove(&last)),
        (Value::Array(items), Some(value)) => items[index(&last)] = value.clone(),
        (Value::Array(items), None) => drop(items.remove(index(&last))),
        _ => unreachable!("a place is in an object or a list"),
    }
}

fn index(text: &str) -> usize {
    text.parse().expect("places in lists are numbers")
}
