//! The README's table of fields is what the types say.

#[path = "schema/fields.rs"]
mod fields;

use std::path::Path;

use fields::{is_kubernetes_own, schema, walk};
use serde_json::Value;

const START: &str = "<!-- fields -->\n";
const END: &str = "<!-- /fields -->\n";

/// What may be written there.
fn values(schema: &Value) -> String {
    let items = |schema: &Value| values(&schema["items"]);
    match schema["type"].as_str() {
        _ if schema["enum"].is_array() => {
            let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Some("integer") => match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
            (Some(least), Some(most)) if most < f64::from(i32::MAX) => format!("{least} to {most}"),
            (Some(least), _) => format!("a number from {least}"),
            _ => "a number".to_owned(),
        },
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("string") => "text".to_owned(),
        Some("array") if is_map(&schema["items"]) => "list of objects".to_owned(),
        Some("array") => format!("list: {}", items(schema)),
        Some("object") if schema["additionalProperties"].is_object() => "map of texts".to_owned(),
        Some("object") => "object of Kubernetes".to_owned(),
        _ => "a number or a percentage".to_owned(),
    }
}

fn is_map(schema: &Value) -> bool {
    schema["properties"].is_object()
}

/// The first sentence, which says what the field is.
fn sentence(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    let end =
        text.match_indices(". ").find(|(at, _)| text[at + 2..].starts_with(char::is_uppercase));
    end.map_or(text.clone(), |(at, _)| text[..=at].to_owned()).replace('|', "\\|")
}

fn table() -> String {
    let mut rows =
        "| field of `spec` | values | default | what it says |\n|---|---|---|---|\n".to_owned();
    walk("", &schema(), &mut |path, schema| {
        let Some(name) = path.strip_prefix(".spec.") else { return };
        let is_inner = name.contains("[]") || is_kubernetes_own(path);
        let is_opened = is_map(schema) && !is_kubernetes_own(&format!("{path}."));
        if is_inner || is_opened {
            return;
        }
        let default = match &schema["default"] {
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        rows += &format!("| `{name}` | {} | {default} | {} |\n", values(schema), sentence(schema));
    });
    rows
}

#[test]
fn the_table_of_fields_in_the_readme_is_generated_from_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(&path).expect("the README is there");
    let (before, rest) = text.split_once(START).expect("the README marks where the table begins");
    let (found, after) = rest.split_once(END).expect("the README marks where the table ends");
    let table = table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{START}{table}{END}{after}"))
            .expect("it can be written");
        return;
    }
    assert!(
        found == table,
        "the table of fields in README.md is not that of the types; rewrite it with: UPDATE=1 cargo test -p crds"
    );
}
