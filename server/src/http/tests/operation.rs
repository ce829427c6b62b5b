//! Models, configuration, health, information and metrics.

use axum::body::Body;
use serde_json::json;

use super::fixture::{ModelUnderTest, ask, get, plain, post, state};
use crate::http::{Settings, router};

#[tokio::test]
async fn models_are_listed_and_retrieved_by_names_with_slashes() {
    let add = ModelUnderTest { name: "add", ..ModelUnderTest::default() };
    let router = router(state(vec![ModelUnderTest::default(), add], Settings::default()));
    let model =
        |name| json!({"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "OVMS"});
    for path in ["/v3/models", "/v1/models", "/v3/v1/models"] {
        let list = get(&router, path).await;
        assert_eq!(list.json(), json!({"object": "list", "data": [model("add"), model("org/m")]}));
    }
    for path in
        ["/v3/models/org/m", "/v3/models/org%2Fm", "/v1/models/org%2fm", "/v3/v1/models/org/m"]
    {
        let one = get(&router, path).await;
        assert_eq!((one.status.as_u16(), one.json()), (200, model("org/m")), "{path}");
    }
    let missing = get(&router, "/v3/models/non_existing").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.error(), "The model `non_existing` does not exist");
    assert_eq!(missing.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn config_tells_states_and_reload_says_whether_anything_changed() {
    let router = plain();
    let config = get(&router, "/v1/config").await;
    assert!(config.text().starts_with("{\n\"org/m\" : \n{\n \"model_version_status\": ["));
    assert_eq!(config.json()["org/m"]["model_version_status"][0]["status"]["error_code"], "OK");
    let reload = post(&router, "/v1/config/reload", "").await;
    assert_eq!((reload.status.as_u16(), reload.text()), (200, config.text()));
    let empty = super::super::router(state(vec![], Settings::default()));
    assert_eq!(get(&empty, "/v1/config").await.text(), "{}");
}

#[tokio::test]
async fn health_and_metadata_follow_kserve() {
    let state = state(vec![ModelUnderTest::default()], Settings::default());
    let router = router(state.clone());
    for path in [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/org%2Fm/ready",
        "/v2/models/org/m/ready",
        "/v2/models/org%2Fm/versions/1/ready",
    ] {
        let answer = get(&router, path).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{path}");
    }
    for path in ["/v2/models/x/ready", "/v2/models/x", "/v2/models/org%2Fm/versions/2/ready"] {
        assert_eq!(get(&router, path).await.status, 404, "{path}");
    }
    let metadata = get(&router, "/v2/models/org%2Fm").await.json();
    assert_eq!(metadata["versions"], json!(["1"]));
    assert_eq!(metadata["outputs"][0]["shape"], json!([-1, 4]));
    assert_eq!(get(&router, "/v2").await.json()["version"], env!("CARGO_PKG_VERSION"));

    state.shared.registry.begin_shutdown();
    let answer = get(&router, "/v2/health/ready").await;
    assert_eq!((answer.status.as_u16(), answer.error()), (503, "Server is not ready".into()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(get(&router, "/v2/health/live").await.status, 200);
}

#[tokio::test]
async fn info_tells_what_really_runs() {
    let info = get(&plain(), "/info").await.json();
    assert_eq!(info["name"], "embedserve");
    assert_eq!(info["ready"], true);
    assert_eq!(info["models"][0]["name"], "org/m");
    assert_eq!(info["models"][0]["device"], "CPU");
    assert_eq!(info["models"][0]["fingerprint"], "f00d");
    assert_eq!(info["models"][0]["dimensions"], 4);
    assert_eq!(info["models"][0]["loaded_at"], 1_700_000_000);
    assert!(info["models"][0]["timings"]["compile_seconds"].is_number());
    assert_eq!(info["not_serving"], json!([]));
}

#[tokio::test]
async fn metrics_count_requests_by_known_models_only() {
    let router = plain();
    post(&router, "/v3/embeddings", r#"{"model":"org/m","input":"hello"}"#).await;
    post(&router, "/v3/embeddings", r#"{"model":"made up","input":"hello"}"#).await;
    let metrics = get(&router, "/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics.text();
    for line in [
        r#"embedserve_requests_total{route="embeddings",model="org/m",status="200"} 1"#,
        r#"embedserve_requests_total{route="embeddings",model="unknown",status="404"} 1"#,
        r#"embedserve_tokens_total{model="org/m"} 3"#,
        r#"embedserve_batch_tokens_count{model="org/m"} 1"#,
        r#"embedserve_models{state="available"} 1"#,
        r#"embedserve_queued_tokens{model="org/m"} 0"#,
        "embedserve_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("made up"));
    assert!(text.contains("embedserve_process_resident_memory_bytes "), "{text}");
    let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let open = ask(&router, "GET", "/metrics", &accept, Body::empty()).await;
    assert!(open.headers["content-type"].as_bytes().starts_with(b"application/openmetrics-text"));
    assert!(open.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_that_are_switched_off_are_an_unknown_path() {
    let settings = Settings { metrics_enable: false, ..Settings::default() };
    let answer = get(&router(state(vec![], settings)), "/metrics").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["error"]["code"].clone()),
        (404, "unknown_url".into())
    );
}

#[tokio::test]
async fn the_api_document_is_served() {
    let document = get(&plain(), "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v3/embeddings"]["post"].is_object());
}
