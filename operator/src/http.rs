//! `/metrics`, `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does not know yet who leads.
    Starting,
    /// It waits for its turn: as ready as it can be.
    Waiting,
    /// It reconciles.
    Leading,
    /// It is about to end.
    Ending,
}

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    readiness: watch::Receiver<Readiness>,
}

/// The routes.
pub fn router(metrics: Arc<Metrics>, readiness: watch::Receiver<Readiness>) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(Shared { metrics, readiness })
}

/// Answers until the process ends.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
    axum::serve(listener, router).await
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text())
}

async fn ready(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match *shared.readiness.borrow() {
        Readiness::Leading => (StatusCode::OK, "leading"),
        Readiness::Waiting => (StatusCode::OK, "waiting to lead"),
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Readiness::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get_text(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn a_process_that_waits_for_its_turn_is_ready_and_one_that_ends_is_not() {
        let (tell, readiness) = watch::channel(Readiness::Starting);
        let router = router(Arc::new(Metrics::new()), readiness);
        for (state, expected) in [
            (Readiness::Starting, 503),
            (Readiness::Waiting, 200),
            (Readiness::Leading, 200),
            (Readiness::Ending, 503),
        ] {
            tell.send_replace(state);
            assert_eq!(get_text(&router, "/readyz").await.0, expected, "{state:?}");
            assert_eq!(get_text(&router, "/healthz").await.0, 200);
        }
        let (status, text) = get_text(&router, "/metrics").await;
        assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    }
}
