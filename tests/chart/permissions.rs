//! Who may do what: exactly the rules of the chart's files, and with named namespaces nothing outside of them.

use integration_tests::control_plane::{ControlPlane, User};
use integration_tests::helm::{Helm, chart_file, object, objects};
use integration_tests::operator::{Model, NAMESPACE, Operator};
use integration_tests::wait;
use serde_json::{Value, json};

use crate::deployment::words;

/// Verbs that change nothing.
const READING: [&str; 3] = ["get", "list", "watch"];

fn rules(file: &str) -> Vec<Value> {
    serde_yaml::from_str(&chart_file(&format!("files/{file}"))).expect("a list of rules")
}

fn sorted(rules: &Value) -> Vec<String> {
    let rules = rules.as_array().expect("a list of rules");
    let mut texts: Vec<String> = rules
        .iter()
        .map(|rule| format!("{} {} {}", rule["apiGroups"], rule["resources"], rule["verbs"]))
        .collect();
    texts.sort();
    texts
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn the_operator_gets_the_rules_that_it_is_tested_with() {
    let Some(helm) = Helm::find() else { return };
    let rendered = helm.objects(&[]);
    let role = object(&rendered, "ClusterRole", "embedserve-operator");
    assert_eq!(sorted(&role["rules"]), sorted(&json!(rules("operator-rules.yaml"))));
    let lease = object(&rendered, "Role", "embedserve-operator-lease");
    assert_eq!(sorted(&lease["rules"]), sorted(&json!(rules("lease-rules.yaml"))));
    let binding = object(&rendered, "ClusterRoleBinding", "embedserve-operator");
    let account = json!([{
        "kind": "ServiceAccount", "name": "embedserve-operator", "namespace": NAMESPACE
    }]);
    assert_eq!(binding["subjects"], account);
}

/// In the whole cluster it then only reads what is in no namespace; all else is in the namespaces.
#[test]
fn with_named_namespaces_nothing_in_the_whole_cluster_can_be_written() {
    let Some(helm) = Helm::find() else { return };
    let rendered = helm.objects(&["--set", "watchNamespaces={search,ranking}"]);
    let cluster = object(&rendered, "ClusterRole", "embedserve-operator")["rules"].clone();
    for rule in cluster.as_array().expect("rules") {
        let verbs = strings(&rule["verbs"]);
        assert!(verbs.iter().all(|verb| READING.contains(verb)), "{rule}");
        let resources = strings(&rule["resources"]);
        assert!(resources.iter().all(|it| ["nodes", "storageclasses"].contains(it)), "{rule}");
    }
    let roles: Vec<&Value> = rendered
        .iter()
        .filter(|it| it["kind"] == "Role" && it["metadata"]["name"] == "embedserve-operator")
        .collect();
    let places: Vec<&Value> = roles.iter().map(|it| &it["metadata"]["namespace"]).collect();
    assert_eq!(places, ["search", "ranking"]);
    for role in roles {
        let both = [role["rules"].as_array(), cluster.as_array()];
        let all: Vec<Value> = both.into_iter().flatten().flatten().cloned().collect();
        assert_eq!(sorted(&json!(all)), sorted(&json!(rules("operator-rules.yaml"))));
    }
}

#[test]
fn no_rule_has_a_wildcard_or_is_about_secrets() {
    let Some(helm) = Helm::find() else { return };
    for (set, values) in crate::SETS {
        for object in helm.objects(values) {
            for rule in object["rules"].as_array().into_iter().flatten() {
                for key in ["apiGroups", "resources", "verbs"] {
                    let words = strings(&rule[key]);
                    assert!(!words.contains(&"*") && !words.contains(&"secrets"), "{set}: {rule}");
                }
            }
        }
    }
}

/// Asking pods through the API server is a right of its own, given only to who needs it.
#[test]
fn only_an_operator_that_asks_through_the_api_server_may_use_its_proxy() {
    let Some(helm) = Helm::find() else { return };
    for (access, expected) in [("auto", false), ("direct", false), ("proxy", true)] {
        let rendered = helm.template(&["--set", &format!("podAccess={access}")]);
        assert_eq!(rendered.contains("pods/proxy"), expected, "{access}");
        assert_eq!(rendered.contains("port: 8001"), !expected, "{access}");
    }
}

/// People with the built-in roles see and change models, and nothing else becomes theirs.
#[test]
fn the_built_in_roles_learn_about_models() {
    let Some(helm) = Helm::find() else { return };
    let rendered = helm.objects(&[]);
    for (name, aggregates) in
        [("view", vec!["admin", "edit", "view"]), ("edit", vec!["admin", "edit"])]
    {
        let role = object(&rendered, "ClusterRole", &format!("embedserve-{name}"));
        let labels = role["metadata"]["labels"].as_object().expect("labels");
        let prefix = "rbac.authorization.k8s.io/aggregate-to-";
        let mut targets: Vec<&str> =
            labels.keys().filter_map(|it| it.strip_prefix(prefix)).collect();
        targets.sort_unstable();
        assert_eq!(targets, aggregates, "{name}");
        for rule in role["rules"].as_array().expect("rules") {
            assert_eq!(rule["apiGroups"], json!(["embedserve.dev"]), "{name}");
        }
    }
}

/// The chart's own account and arguments suffice: the operator reconciles where it may, is refused nothing, and
/// touches no other namespace.
#[test]
fn an_operator_of_named_namespaces_works_in_them_with_the_rights_of_the_chart() {
    let (Some(helm), Some(plane)) = (Helm::find(), ControlPlane::start()) else { return };
    plane.define_embedding_models();
    plane.kubectl_ok(["create", "namespace", NAMESPACE]);
    let (watched, other) = (plane.namespace("watched"), plane.namespace("other"));
    let values = ["--set", &format!("watchNamespaces={{{watched}}}")];
    let rendered = objects(&helm.template(&values));
    let is_right = |it: &&Value| it["apiVersion"] == "rbac.authorization.k8s.io/v1";
    let rights: Vec<&Value> = rendered.iter().filter(is_right).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": rights});
    let output = plane.kubectl_with_input(["apply", "-f", "-"], &list.to_string());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let models =
        [&watched, &other].map(|namespace| Model { plane: &plane, namespace, name: "model" });
    for model in &models {
        model.apply("{source: {huggingFace: {repo: org/tiny}}}");
    }
    // The test listens and asks at addresses of its own.
    let mut words = words(&rendered, "embedserve-operator");
    words
        .retain(|it| it != "run" && !it.starts_with("--listen") && !it.starts_with("--pod-access"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let operator = Operator::start(&plane, &words);
    operator.wait_until_leading();
    wait::until_or(
        "the watched model has a Job that resolves it",
        || !jobs(&plane, &watched).is_empty(),
        || operator.log(),
    );
    wait::until("the watched model has a status", || models[0].status()["conditions"].is_array());
    assert!(models[1].status().is_null() && jobs(&plane, &other).is_empty());
    assert!(!operator.log().contains("Forbidden"), "{}", operator.log());
    let own: Vec<_> =
        plane.audit().into_iter().filter(|it| it.user == User::Operator.name()).collect();
    for event in &own {
        assert_ne!(event.status, 403, "{event:?}");
        let is_inside = event.namespace == watched || event.namespace == NAMESPACE;
        assert!(is_inside || READING.contains(&event.verb.as_str()), "{event:?}");
    }
    assert!(own.iter().any(|event| event.verb == "patch" && event.namespace == watched));
}

fn jobs(plane: &ControlPlane, namespace: &str) -> Vec<Value> {
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let list = plane.get(&path).unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}
