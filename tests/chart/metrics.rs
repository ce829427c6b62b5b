//! Alerts and the dashboard are about metrics that there are, and every alert says what to do.

use std::collections::BTreeSet;

use crds::EmbeddingModel;
use crds::conditions::ConditionType;
use crds::status::EmbeddingModelStatus;
use integration_tests::client::{get, post};
use integration_tests::helm::{Helm, chart_file, object};
use integration_tests::program::{MINILM, Server};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use operator::kind::Kind;
use operator::metrics::{Category, Metrics};
use serde_json::{Value, json};

/// The names of samples in a text for Prometheus.
fn names(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
}

/// All metrics of the operator, each with a sample.
fn operators_text() -> String {
    let metrics = Metrics::new();
    let model = json!({
        "metadata": {"name": "m", "namespace": "n", "uid": "1"},
        "spec": {"source": {"huggingFace": {"repo": "a/b"}}}
    });
    let model: EmbeddingModel = serde_json::from_value(model).expect("a model");
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        reason: "Ready".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time("2026-01-01T00:00:00Z".parse().expect("a time")),
    };
    let status = EmbeddingModelStatus { conditions: vec![condition], ..Default::default() };
    metrics.set_conditions(&model, &status);
    metrics.count_failure(Category::Forbidden);
    metrics.count_write(Kind::Deployment);
    metrics.text()
}

/// All metrics of a server that has answered.
fn servers_text() -> String {
    let server = Server::shared();
    let body = json!({"model": MINILM, "input": "hello"});
    assert_eq!(post(&format!("{}/v1/embeddings", server.base), &body).status, 200);
    let answer = get(&format!("{}/metrics", server.base));
    String::from_utf8(answer.body).expect("metrics are text")
}

/// The queries of all alerts and panels.
fn queries() -> Vec<String> {
    let alerts: Vec<Value> = serde_yaml::from_str(&chart_file("files/alerts.yaml")).expect("YAML");
    let dashboard: Value = serde_json::from_str(&chart_file("files/dashboard.json")).expect("JSON");
    let targets = dashboard["panels"].as_array().expect("panels").iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
    let texts = alerts.iter().chain(targets).map(|it| &it["expr"]);
    texts
        .chain(variables.map(|it| &it["definition"]))
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

/// The words of a query that begin so.
fn words<'a>(query: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    query.split(|letter| !is_word(letter)).filter(|word| word.starts_with(prefix)).collect()
}

#[test]
fn every_metric_of_alerts_and_dashboard_is_one_of_the_programs() {
    let mut known = names(&operators_text());
    known.extend(names(&servers_text()));
    let queries = queries();
    let mut count = 0;
    for query in &queries {
        for name in words(query, "embedserve_") {
            assert!(known.contains(name), "{name} of `{query}` is not in {known:#?}");
            count += 1;
        }
    }
    assert!(queries.len() > 25 && count > 25, "{} queries, {count} names", queries.len());
}

#[test]
fn conditions_and_categories_of_queries_exist() {
    let values = |query: &str, label: &str| -> Vec<String> {
        let begin = format!("{label}=\"");
        let parts = query.split(&begin).skip(1);
        parts.map(|it| it.split('"').next().unwrap_or_default().to_owned()).collect()
    };
    let metrics = Metrics::new();
    for category in [
        Category::Unreachable,
        Category::Conflict,
        Category::Throttled,
        Category::Forbidden,
        Category::Api,
        Category::Internal,
    ] {
        metrics.count_failure(category);
    }
    let categories = metrics.text();
    let mut count = 0;
    for query in queries() {
        for condition in values(&query, "condition") {
            assert!(ConditionType::ALL.iter().any(|it| it.as_str() == condition), "{query}");
            count += 1;
        }
        for category in values(&query, "category") {
            assert!(categories.contains(&format!("category=\"{category}\"")), "{query}");
            count += 1;
        }
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn every_alert_links_to_its_runbook() {
    let Some(helm) = Helm::find() else { return };
    let runbooks = chart_file("RUNBOOKS.md");
    let rendered = helm.objects(&["--set", "monitoring.prometheusRule.enabled=true"]);
    let rule = object(&rendered, "PrometheusRule", "embedserve-operator");
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().expect("alerts");
    assert!(alerts.len() >= 10);
    let page = "https://github.com/embedserve/embedserve/blob/main/charts/embedserve/RUNBOOKS.md";
    for alert in alerts {
        let name = alert["alert"].as_str().expect("a name");
        assert!(runbooks.contains(&format!("\n## {name}\n\n**Meaning.**")), "{name}");
        let link = format!("{page}#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], link);
        assert!(!alert["expr"].as_str().expect("a query").contains("RESYNC"), "{name}");
        for key in ["summary", "description"] {
            assert!(alert["annotations"][key].is_string(), "{name}");
        }
        assert!(["critical", "warning"].iter().any(|it| alert["labels"]["severity"] == *it));
    }
}
