//! Pod templates do not change by accident: a changed template restarts the pods of every user when the
//! operator is upgraded.

#[path = "snapshots/cases.rs"]
mod cases;

use std::collections::BTreeMap;
use std::fmt::Write;

use operator::kind::Kind;
use operator::names;
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pod-templates.txt");

#[test]
fn an_upgrade_of_the_operator_restarts_no_pod() {
    let hashes = hashes();
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    let known: BTreeMap<String, String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, hash)| (name.to_owned(), hash.trim().to_owned()))
        .collect();
    if std::env::var_os("UPDATE").is_some() {
        let mut new: String = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .map(|it| format!("{it}\n"))
            .collect();
        for (name, hash) in &hashes {
            writeln!(new, "{name} {hash}").expect("text can always be added to");
        }
        std::fs::write(FILE, new).expect("the file can be written");
        return;
    }
    let changed: Vec<&String> = hashes
        .iter()
        .filter(|(name, hash)| known.get(*name) != Some(hash))
        .map(|it| it.0)
        .collect();
    let gone: Vec<&String> = known.keys().filter(|name| !hashes.contains_key(*name)).collect();
    assert!(
        changed.is_empty() && gone.is_empty(),
        "pod templates changed: {changed:?}, or are gone: {gone:?}. With this change an upgrade of the operator \
         restarts the pods of every user. If that is meant: UPDATE=1 cargo test -p operator --test golden, and a \
         line with the reason at the top of {FILE}."
    );
}

/// The hash of each Deployment's pod template, by case and name.
fn hashes() -> BTreeMap<String, String> {
    let mut hashes = BTreeMap::new();
    for case in cases::all() {
        for object in case.objects.iter().filter(|it| it.kind == Kind::Deployment) {
            let template = sorted(&object.body["spec"]["template"]);
            hashes.insert(format!("{}/{}", case.name, object.name), names::hash(&template));
        }
    }
    assert!(!hashes.is_empty(), "there are Deployments");
    hashes
}

/// The same value with the keys of all objects in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> =
                members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
