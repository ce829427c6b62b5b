//! Every rule, in both of its forms, on objects that keep it and objects that break it.
//!
//! The CEL form is evaluated by kube-cel on the generated definition. The integration tests give the same
//! objects to a real API server.

use std::collections::BTreeSet;

use crds::definition::definition;
use crds::rules;
use crds::{EmbeddingModel, Violation, validate, validate_change};
use serde_json::{Value, json};

mod cases;
mod changes;
mod small_model;

use cases::{Case, cases, names};
use changes::{Change, changes};
use small_model::small_model;

/// A small model with members merged into it, and defaults applied.
fn model(name: &str, spec: &Value) -> EmbeddingModel {
    serde_json::from_value(small_model(name, spec)).expect("a model of the right types")
}

/// The messages of the rules that CEL says are broken.
fn broken_by_cel(old: Option<&EmbeddingModel>, new: &EmbeddingModel) -> BTreeSet<String> {
    let definition = serde_json::to_value(definition()).expect("plain JSON");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let to_value = |model: &EmbeddingModel| serde_json::to_value(model).expect("plain JSON");
    let old = old.map(to_value);
    let result = kube_cel::Validator::new().validate(schema, &to_value(new), old.as_ref());
    let errors = result.err().map(kube_cel::ValidationErrors::into_vec).unwrap_or_default();
    errors.into_iter().map(|error| error.message).collect()
}

fn messages(violations: Result<(), Vec<Violation>>) -> BTreeSet<String> {
    violations.err().unwrap_or_default().into_iter().map(|violation| violation.message).collect()
}

/// The messages of the broken rules about one object, by the Rust form.
fn broken_by_check(model: &EmbeddingModel) -> BTreeSet<String> {
    let rules: BTreeSet<String> = rules::ALL.iter().map(|rule| rule.message.to_owned()).collect();
    // Bounds and patterns have messages of their own, which are no rules.
    messages(validate(model)).intersection(&rules).cloned().collect()
}

#[test]
fn both_forms_of_every_rule_accept_what_keeps_it() {
    for Case { rule, kept, .. } in cases() {
        for spec in kept {
            let model = model("small", &spec);
            assert_eq!(broken_by_cel(None, &model), BTreeSet::new(), "{}: {spec}", rule.cel);
            assert_eq!(validate(&model), Ok(()), "{}: {spec}", rule.cel);
        }
    }
}

#[test]
fn both_forms_of_every_rule_refuse_what_breaks_it() {
    for Case { rule, broken, .. } in cases() {
        for spec in broken {
            let model = model("small", &spec);
            let expected = BTreeSet::from([rule.message.to_owned()]);
            assert_eq!(broken_by_cel(None, &model), expected, "{}: {spec}", rule.cel);
            assert_eq!(broken_by_check(&model), expected, "{}: {spec}", rule.cel);
            let violations = validate(&model).expect_err("the rule is broken");
            assert!(violations.iter().any(|violation| violation.path == rule.path), "{spec}");
        }
    }
}

#[test]
fn names_that_cannot_name_a_service_are_refused() {
    for (name, rule) in names() {
        let model = model(&name, &json!({}));
        let expected: BTreeSet<String> = rule.iter().map(|rule| rule.message.to_owned()).collect();
        assert_eq!(broken_by_cel(None, &model), expected, "{name}");
        assert_eq!(messages(validate(&model)), expected, "{name}");
    }
}

#[test]
fn changes_are_judged_alike_by_both_forms() {
    for Change { old, new, broken } in changes() {
        let (old_model, new_model) = (model("small", &old), model("small", &new));
        let expected: BTreeSet<String> =
            broken.iter().map(|rule| rule.message.to_owned()).collect();
        let context = format!("{old} -> {new}");
        assert_eq!(broken_by_cel(Some(&old_model), &new_model), expected, "{context}");
        assert_eq!(messages(validate_change(&old_model, &new_model)), expected, "{context}");
    }
}

#[test]
fn the_definition_has_exactly_the_rules_of_the_list() {
    let definition = serde_json::to_value(definition()).expect("plain JSON");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut found = BTreeSet::new();
    collect(schema, "", &mut found);
    let listed: BTreeSet<(String, String, String)> = rules::ALL
        .iter()
        .map(|rule| (rule.path.to_owned(), rule.cel.to_owned(), rule.message.to_owned()))
        .collect();
    assert_eq!(found, listed);
    assert_eq!(listed.len(), rules::ALL.len());
}

fn collect(schema: &Value, path: &str, found: &mut BTreeSet<(String, String, String)>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        found.insert((path.to_owned(), text(&rule["rule"]), text(&rule["message"])));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(property, &path, found);
    }
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            collect(&schema[keyword], &format!("{path}[]"), found);
        }
    }
}

#[test]
fn every_rule_has_cases_of_both_kinds() {
    let mut with_cases: BTreeSet<&str> = cases()
        .iter()
        .filter(|case| !case.kept.is_empty() && !case.broken.is_empty())
        .map(|case| case.rule.message)
        .collect();
    with_cases.extend(names().iter().filter_map(|(_, rule)| rule.map(|rule| rule.message)));
    with_cases.extend(changes().iter().filter_map(|change| change.broken).map(|rule| rule.message));
    for rule in rules::ALL {
        assert!(with_cases.contains(rule.message), "{} has no cases", rule.cel);
    }
}
