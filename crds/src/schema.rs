//! Checks a value against the structural schema of the definition, as strictly as the API server does
//! with `fieldValidation: Strict`: unknown fields, types, required fields, enumerations, bounds and
//! patterns. Rules are not evaluated here.

use std::fmt;

use regex::Regex;
use serde_json::{Map, Value};

use crate::Violation;

mod scalar;

/// Where in an object something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Segment>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of a list.
    Index(usize),
}

impl Path {
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if !is_plain(key) => {
                    let beginning: String = key.chars().take(64).collect();
                    write!(formatter, "[{beginning:?}]")?;
                }
                Segment::Key(key) if position == 0 => formatter.write_str(key)?,
                Segment::Key(key) => write!(formatter, ".{key}")?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// True for the names of fields; other keys may hold anything and are shown with care.
fn is_plain(key: &str) -> bool {
    (1..=64).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) path: Path,
    pub(crate) message: String,
}

impl From<Mismatch> for Violation {
    fn from(mismatch: Mismatch) -> Self {
        Self { path: mismatch.path.to_string(), message: mismatch.message }
    }
}

/// Everything in `value` that the schema does not allow.
pub(crate) fn check(schema: &Value, value: &Value) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    visit(schema, value, &Path::default(), &mut mismatches);
    mismatches
}

/// Makes of a value what the API server makes of it before it checks it: `null` members go, because
/// nothing is nullable, and `1.0` is `1` where a whole number is expected. Undeclared fields stay, to be
/// reported.
pub(crate) fn normalize(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            let declared = |key: &str| {
                let additional = Some(&schema["additionalProperties"]).filter(|it| it.is_object());
                schema["properties"].get(key).or(additional)
            };
            members.retain(|key, member| !member.is_null() || declared(key).is_none());
            for (key, member) in members {
                normalize(declared(key).unwrap_or(&Value::Null), member);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| normalize(&schema["items"], item));
        }
        Value::Number(number) if number.is_f64() && scalar::takes_integers(schema) => {
            if let Some(whole) = scalar::whole(number).and_then(|it| i64::try_from(it).ok()) {
                *number = whole.into();
            }
        }
        _ => {}
    }
}

fn visit(schema: &Value, value: &Value, path: &Path, mismatches: &mut Vec<Mismatch>) {
    let mut report = |message: String| {
        mismatches.push(Mismatch { path: path.clone(), message });
    };
    if let Some(message) = scalar::type_mismatch(schema, value) {
        report(message);
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(scalar::display).collect();
        report(format!("{} is not one of {}", scalar::display(value), allowed.join(", ")));
        return;
    }
    match value {
        Value::Object(members) => visit_object(schema, members, path, mismatches),
        Value::Array(items) => visit_array(schema, items, path, mismatches),
        Value::String(text) => scalar::check_text(schema, text).into_iter().for_each(report),
        Value::Number(number) => scalar::check_number(schema, number).into_iter().for_each(report),
        Value::Null | Value::Bool(_) => {}
    }
}

fn visit_object(
    schema: &Value,
    members: &Map<String, Value>,
    path: &Path,
    mismatches: &mut Vec<Mismatch>,
) {
    let mut report = |path: Path, message: String| mismatches.push(Mismatch { path, message });
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(required) {
            report(path.key(required), "this field is required".to_owned());
        }
    }
    if let Some(most) = bound(schema, "maxProperties")
        && members.len() > most
    {
        report(path.clone(), format!("at most {most} entries are allowed, not {}", members.len()));
    }
    let keeps_unknown = schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true);
    for (key, member) in members {
        let properties = schema["properties"].as_object();
        let additional = &schema["additionalProperties"];
        match properties.and_then(|properties| properties.get(key)) {
            Some(property) => visit(property, member, &path.key(key), mismatches),
            None if additional.is_object() => visit(additional, member, &path.key(key), mismatches),
            None if keeps_unknown || additional == &Value::Bool(true) => {}
            // An object without declared members, such as managedFields' fieldsV1, holds anything.
            None if properties.is_none() => {}
            None => mismatches
                .push(Mismatch { path: path.key(key), message: unknown_field(key, properties) }),
        }
    }
}

fn visit_array(schema: &Value, items: &[Value], path: &Path, mismatches: &mut Vec<Mismatch>) {
    let mut report = |path: Path, message: String| mismatches.push(Mismatch { path, message });
    if let Some(most) = bound(schema, "maxItems")
        && items.len() > most
    {
        // The items themselves are not looked at: there may be any number of them.
        report(path.clone(), format!("at most {most} items are allowed, not {}", items.len()));
        return;
    }
    if let Some(least) = bound(schema, "minItems")
        && items.len() < least
    {
        report(path.clone(), format!("at least {least} items are needed"));
    }
    let keys: Vec<&str> = match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
        _ => Vec::new(),
    };
    let is_set = schema["x-kubernetes-list-type"] == "set" || !keys.is_empty();
    let identity = |item: &Value| match keys.as_slice() {
        [] => vec![item.clone()],
        keys => keys.iter().map(|key| item[*key].clone()).collect(),
    };
    let mut seen = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = path.with(Segment::Index(index));
        if is_set {
            let identity = identity(item);
            if seen.contains(&identity) {
                mismatches.push(Mismatch {
                    path: path.clone(),
                    message: "the same entry is already in the list".to_owned(),
                });
            }
            seen.push(identity);
        }
        visit(&schema["items"], item, &path, mismatches);
    }
}

fn unknown_field(key: &str, properties: Option<&Map<String, Value>>) -> String {
    if key == "<<" {
        return "merge keys (<<) are not supported: write the fields out".to_owned();
    }
    let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let same_letters = known.iter().find(|name| {
        let letters = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
        letters(name) == letters(key)
    });
    match same_letters {
        Some(name) => format!("unknown field: it is written {name}"),
        None => format!("unknown field: known here are {}", known.join(", ")),
    }
}

fn bound(schema: &Value, keyword: &str) -> Option<usize> {
    schema[keyword].as_u64().and_then(|bound| usize::try_from(bound).ok())
}

/// The schema's patterns compile, which a test checks for all of them.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}
