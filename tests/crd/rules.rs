//! Every rule, on objects that keep it and objects that break it.

use std::collections::BTreeSet;

use crds::rules::{ALL, Rule};
use integration_tests::control_plane::{Answer, User};
use reqwest::Method;
use serde_json::json;

use crate::cases::{Case, cases, names};
use crate::changes::{Change, changes};
use crate::small_model::small_model;
use crate::support::{judged_by_server, judged_without_server, models_of, plane};

#[test]
fn what_keeps_a_rule_is_taken() {
    let Some(plane) = plane() else { return };
    for Case { rule, kept, .. } in cases() {
        for spec in kept {
            let object = small_model("small", &spec);
            let answer = judged_by_server(plane, &object);
            assert_eq!(answer.status, 201, "{}: {spec}: {}", rule.cel, answer.body);
            assert_eq!(judged_without_server(&object).err(), None, "{}: {spec}", rule.cel);
        }
    }
}

#[test]
fn what_breaks_a_rule_is_refused_with_that_rules_message_at_its_field() {
    let Some(plane) = plane() else { return };
    let mut seen = BTreeSet::new();
    for Case { rule, broken, .. } in cases() {
        for spec in broken {
            let object = small_model("small", &spec);
            assert_eq!(refusal(&judged_by_server(plane, &object)), [cause(rule)], "{spec}");
            let without_server = judged_without_server(&object).err().unwrap_or_default();
            assert!(without_server.contains(&violation(rule)), "{spec}: {without_server:?}");
            seen.insert(rule.message);
        }
    }
    seen.extend(names().iter().filter_map(|(_, rule)| rule.map(|rule| rule.message)));
    seen.extend(changes().iter().filter_map(|change| change.broken).map(|rule| rule.message));
    let all: BTreeSet<&str> = ALL.iter().map(|rule| rule.message).collect();
    assert_eq!(seen, all, "every rule has an object that breaks it");
}

#[test]
fn names_that_cannot_name_a_service_are_refused() {
    let Some(plane) = plane() else { return };
    for (name, rule) in names() {
        let object = small_model(&name, &json!({}));
        let answer = judged_by_server(plane, &object);
        let without_server = judged_without_server(&object).err().unwrap_or_default();
        let Some(rule) = rule else {
            assert_eq!((answer.status, without_server), (201, vec![]), "{name}: {}", answer.body);
            continue;
        };
        let mut causes = refusal(&answer);
        // Names that no object may have are refused by Kubernetes as well.
        causes.retain(|(field, _)| field != "metadata.name");
        assert_eq!(causes, [cause(rule)], "{name}");
        assert_eq!(without_server, [violation(rule)], "{name}");
    }
}

#[test]
fn what_cannot_be_changed_is_refused_in_an_update() {
    let Some(plane) = plane() else { return };
    let models = models_of(&plane.namespace("changes"));
    let one = format!("{models}/small");
    for Change { old, new, broken } in changes() {
        let stored = plane.create(&models, &small_model("small", &old));
        let mut object = small_model("small", &new);
        object["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
        let answer = plane.request(User::Admin, Method::PUT, &one, Some(&object));
        match broken {
            Some(rule) => assert_eq!(refusal(&answer), [cause(rule)], "{old} -> {new}"),
            None => assert_eq!(answer.status, 200, "{old} -> {new}: {}", answer.body),
        }
        plane.request(User::Admin, Method::DELETE, &one, None).object();
    }
}

/// The field and the words of each cause of a refusal.
fn refusal(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 422, "{}", answer.body);
    let words = |message: String| {
        let (kind, words) = message
            .strip_prefix("Invalid value: ")
            .and_then(|message| message.split_once(": "))
            .unwrap_or_else(|| panic!("{message:?} is no invalid value"));
        assert!(kind.starts_with('"'), "{kind} stands for the value");
        words.to_owned()
    };
    answer.causes().into_iter().map(|(field, message)| (field, words(message))).collect()
}

/// What the API server says when a rule is broken.
fn cause(rule: &Rule) -> (String, String) {
    let field = if rule.path.is_empty() { "<nil>" } else { rule.path };
    (field.to_owned(), rule.message.to_owned())
}

/// What is said without an API server when a rule is broken.
fn violation(rule: &Rule) -> String {
    match rule.path {
        "" => rule.message.to_owned(),
        path => format!("{path}: {}", rule.message),
    }
}
