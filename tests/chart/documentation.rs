//! The README's table and the schema's descriptions are the comments of values.yaml.

use std::fmt::Write as _;

use integration_tests::helm::{chart, chart_file};
use serde_json::Value;

const MARK: &str = "<!-- values -->\n";
const REWRITE: &str = "rewrite it with: UPDATE=1 cargo test --workspace --test chart";

/// A value that is explained.
struct Entry {
    path: Vec<String>,
    description: String,
}

/// Every key below a comment `# -- TEXT`, in the order of the file.
fn entries() -> Vec<Entry> {
    let (mut path, mut waiting, mut entries) = (Vec::<String>::new(), None, Vec::new());
    for line in chart_file("values.yaml").lines() {
        let text = line.trim_start();
        if let Some(description) = text.strip_prefix("# -- ") {
            waiting = Some(description.to_owned());
            continue;
        }
        let Some((key, _)) = text.split_once(':').filter(|_| !text.starts_with(['#', '-'])) else {
            continue;
        };
        path.truncate((line.len() - text.len()) / 2);
        path.push(key.to_owned());
        if let Some(description) = waiting.take() {
            entries.push(Entry { path: path.clone(), description });
        }
    }
    entries
}

fn defaults() -> Value {
    serde_yaml::from_str(&chart_file("values.yaml")).expect("values.yaml is YAML")
}

fn rewrite_or_compare(file: &str, wanted: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(chart().join(file), wanted).expect("the file can be written");
    }
    assert!(chart_file(file) == wanted, "charts/embedserve/{file} is not current; {REWRITE}");
}

/// The schema of a value.
fn schema_of<'a>(schema: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(schema, |schema, key| &mut schema["properties"][key])
}

#[test]
fn the_table_of_the_readme_is_made_from_the_values() {
    let (defaults, readme) = (defaults(), chart_file("README.md"));
    let mut schema: Value = serde_json::from_str(&chart_file("values.schema.json")).expect("JSON");
    let (before, _) = readme.split_once(MARK).expect("the README has a place for the table");
    let mut table = String::from("\n| value | default | |\n|---|---|---|\n");
    for Entry { path, description } in entries() {
        let default = path.iter().fold(&defaults, |value, key| &value[key]);
        let choices = schema_of(&mut schema, &path)["enum"].as_array().cloned();
        let choices = choices.unwrap_or_default();
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        let choices = match choices.is_empty() {
            true => String::new(),
            false => format!(" One of: {}.", choices.join(", ")),
        };
        let description = format!("{description}{choices}").replace('|', "\\|");
        let _ = writeln!(table, "| `{}` | `{default}` | {description} |", path.join("."));
    }
    rewrite_or_compare("README.md", &format!("{before}{MARK}{table}"));
}

#[test]
fn the_schema_describes_every_value_as_the_comments_do() {
    let mut schema: Value = serde_json::from_str(&chart_file("values.schema.json")).expect("JSON");
    for Entry { path, description } in entries() {
        let of_value = schema_of(&mut schema, &path);
        assert!(of_value["type"].is_string(), "{} is not in the schema", path.join("."));
        of_value["description"] = description.into();
    }
    let text = serde_json::to_string_pretty(&schema).expect("JSON");
    rewrite_or_compare("values.schema.json", &format!("{text}\n"));
}

#[test]
fn every_value_is_explained_in_a_sentence_and_no_object_takes_unknown_keys() {
    let schema: Value = serde_json::from_str(&chart_file("values.schema.json")).expect("JSON");
    let explained: Vec<Entry> = entries();
    for entry in &explained {
        let text = &entry.description;
        assert!(text.ends_with('.') && text.len() > 10, "{}: {text}", entry.path.join("."));
    }
    let explained: Vec<&[String]> = explained.iter().map(|entry| entry.path.as_slice()).collect();
    let mut missing = Vec::new();
    check(&schema, &defaults(), &mut Vec::new(), &explained, &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}

/// Walks the values of the chart itself; below an explained one begins what is Kubernetes' or the user's.
fn check(
    schema: &Value,
    value: &Value,
    path: &mut Vec<String>,
    explained: &[&[String]],
    missing: &mut Vec<String>,
) {
    if explained.contains(&path.as_slice()) {
        return;
    }
    let (Some(members), false) = (value.as_object(), schema["properties"].is_null()) else {
        return missing.push(format!("{} is not explained", path.join(".")));
    };
    if schema["additionalProperties"] != false {
        missing.push(format!("{} takes unknown keys", path.join(".")));
    }
    for name in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if !members.contains_key(name) && name != "global" {
            missing.push(format!("{}.{name} has no default", path.join(".")));
        }
    }
    for (name, value) in members {
        path.push(name.clone());
        check(&schema["properties"][name], value, path, explained, missing);
        path.pop();
    }
}
