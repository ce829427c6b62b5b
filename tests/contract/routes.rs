//! Paths: probes and scrapes, and what the operator asks pods.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use embedserve::http::{ServerState, Settings, management_router};
use embedserve::metrics::Metrics;
use embedserve::serving::{ModelInfo, Registry};
use http_body_util::BodyExt;
use operator::pods;
use serde_json::Value;
use tower::ServiceExt;

use crate::{cases, containers};

/// The management port of a server without a model.
fn router() -> axum::Router {
    let metrics = Arc::new(Metrics::new());
    let registry = Registry::with_models(Vec::new());
    let state = ServerState::new(registry, metrics, Settings::default()).expect("good settings");
    management_router(state)
}

/// Whether a path is a route: one that is not answers 404 to every method.
async fn is_route(path: &str) -> bool {
    let request = Request::delete(path).body(Body::empty()).expect("a request");
    let answer = router().oneshot(request).await.expect("an answer");
    answer.status() == StatusCode::METHOD_NOT_ALLOWED
}

#[tokio::test]
async fn what_is_probed_scraped_and_asked_is_a_route_of_the_management_port() {
    assert!(!is_route("/no/such/path").await, "the test can tell");
    let mut paths = vec!["/info".to_owned()];
    for container in containers() {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let get = &container.container[probe]["httpGet"];
            if let Some(path) = get["path"].as_str() {
                assert_eq!(get["port"], "management", "{}", container.of);
                paths.push(path.to_owned());
            }
        }
    }
    for object in cases::all().iter().flat_map(|case| &case.objects) {
        for endpoint in object.body["spec"]["podMetricsEndpoints"].as_array().into_iter().flatten()
        {
            assert_eq!(endpoint["port"], "management");
            paths.push(endpoint["path"].as_str().expect("a path").to_owned());
        }
    }
    paths.sort();
    paths.dedup();
    let expected =
        ["/info", "/metrics", "/v2/health/live", "/v2/health/ready", "/v2/models/small/ready"];
    assert_eq!(paths, expected);
    for path in paths {
        assert!(is_route(&path).await, "{path}");
    }
}

/// Whether each member of one value is a member of the other, however deep.
fn has_all(all: &Value, some: &Value, path: &str) {
    for (name, inner) in some.as_object().into_iter().flatten() {
        assert!(all.get(name).is_some(), "{path}.{name} is not answered: {all}");
        has_all(&all[name], inner, &format!("{path}.{name}"));
    }
}

#[tokio::test]
async fn info_has_every_member_that_the_operator_reads() {
    let request = Request::get("/info").body(Body::empty()).expect("a request");
    let answer = router().oneshot(request).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    let info: Value = serde_json::from_slice(&body).expect("JSON");
    has_all(&info, &serde_json::to_value(pods::Info::default()).expect("plain JSON"), "");
    serde_json::from_value::<pods::Info>(info).expect("it is read");

    let model = serde_json::to_value(ModelInfo::default()).expect("plain JSON");
    let read = serde_json::to_value(pods::ModelInfo::default()).expect("plain JSON");
    has_all(&model, &read, "models[]");
    serde_json::from_value::<pods::ModelInfo>(model).expect("it is read");
}
