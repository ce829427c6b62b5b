//! Types, and the bounds of texts and numbers.

use serde_json::{Number, Value};

use super::{bound, matches};

/// What is wrong with the kind of a value; `None` if nothing is.
pub(super) fn type_mismatch(schema: &Value, value: &Value) -> Option<String> {
    let is_integer = |value: &Value| value.is_i64() || value.is_u64();
    if is_int_or_string(schema) {
        // The API server reads what 64 bits with a sign cannot hold as a fraction.
        let fits = value.is_i64() || value.is_string();
        return (!fits)
            .then(|| format!("a whole number or a text is expected, not {}", kind(value)));
    }
    let (fits, expected) = match schema["type"].as_str()? {
        "object" => (value.is_object(), "an object"),
        "array" => (value.is_array(), "a list"),
        "string" => (value.is_string(), "a text"),
        "boolean" => (value.is_boolean(), "true or false"),
        "integer" => (is_integer(value), "a whole number"),
        "number" => (value.is_number(), "a number"),
        _ => return None,
    };
    if fits {
        return None;
    }
    let remedy = match value {
        Value::Number(_) | Value::Bool(_) if expected == "a text" => ": put it in quotes",
        Value::String(_) if expected != "a list" && expected != "an object" => {
            ": write it without quotes"
        }
        _ => "",
    };
    Some(format!("{expected} is expected, not {}{remedy}", kind(value)))
}

/// True where whole numbers are expected, or are among what is.
pub(super) fn takes_integers(schema: &Value) -> bool {
    schema["type"] == "integer" || is_int_or_string(schema)
}

fn is_int_or_string(schema: &Value) -> bool {
    schema["x-kubernetes-int-or-string"] == Value::Bool(true)
}

/// What is wrong with a text.
pub(super) fn check_text(schema: &Value, text: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let length = text.chars().count();
    if let Some(most) = bound(schema, "maxLength")
        && length > most
    {
        // A pattern is not tried on a text of any length.
        return vec![format!("at most {most} characters are allowed, not {length}")];
    }
    if let Some(least) = bound(schema, "minLength")
        && length < least
    {
        messages.push(format!("at least {least} characters are needed"));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !matches(pattern, text)
    {
        messages.push(format!("{text:?} does not have the form {pattern}"));
    }
    messages
}

/// What is wrong with a number.
pub(super) fn check_number(schema: &Value, number: &Number) -> Vec<String> {
    let mut messages = Vec::new();
    let Some(value) = number.as_i128().or_else(|| whole(number)) else {
        return messages;
    };
    let format_bounds: Option<(i128, i128)> = match schema["format"].as_str() {
        Some("int32") => Some((i32::MIN.into(), i32::MAX.into())),
        Some("int64") => Some((i64::MIN.into(), i64::MAX.into())),
        _ => None,
    };
    let least = schema["minimum"].as_number().and_then(whole);
    let most = schema["maximum"].as_number().and_then(whole);
    if least.is_some_and(|least| value < least) {
        messages.push(format!("{number} is less than {}", schema["minimum"]));
    } else if most.is_some_and(|most| value > most) {
        messages.push(format!("{number} is greater than {}", schema["maximum"]));
    } else if format_bounds.is_some_and(|(least, most)| value < least || value > most) {
        messages.push(format!("{number} is too large"));
    }
    messages
}

/// A scalar as people write it; larger values by their kind.
pub(super) fn display(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > 64 => "a long text".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => kind(value),
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("the truth value {truth}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => format!("the text {:?}", display(value)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A whole number, also one that is written as a fraction: the definition writes bounds so.
pub(super) fn whole(number: &Number) -> Option<i128> {
    number.as_i128().or_else(|| {
        let value = number.as_f64()?;
        (value.fract() == 0.0 && value.abs() < 1e18).then_some(value as i128)
    })
}
