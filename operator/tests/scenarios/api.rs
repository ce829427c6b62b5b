//! An API server that answers by a function, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// GET, PATCH and so on.
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// The query.
    pub(crate) query: String,
    /// The body; null for none.
    pub(crate) body: Value,
}

impl Asked {
    /// Whether it is about an object, or a list, whose path ends so.
    pub(crate) fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.path.ends_with(end)
    }

    /// Whether it would change something.
    pub(crate) fn writes(&self) -> bool {
        self.method != "GET"
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status and a body.
    Json(u16, Value),
    /// The lines of a watch, after which the connection ends.
    Lines(Vec<Value>),
    /// Nothing, for ever.
    Silence,
}

/// All requests so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Asked>>>);

impl Log {
    /// The requests so far.
    pub(crate) fn all(&self) -> Vec<Asked> {
        self.0.lock().expect("nobody panics with the log").clone()
    }

    /// The requests so far that would change something.
    pub(crate) fn writes(&self) -> Vec<Asked> {
        self.all().into_iter().filter(Asked::writes).collect()
    }
}

/// A client of an API server that answers by `answer`.
pub(crate) fn client(
    answer: impl Fn(&Asked) -> Answer + Clone + Send + Sync + 'static,
) -> (Client, Log) {
    let log = Log::default();
    let seen = log.clone();
    let service = service_fn(move |request: Request<Body>| {
        let (answer, seen) = (answer.clone(), seen.clone());
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let asked = Asked {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            };
            seen.0.lock().expect("nobody panics with the log").push(asked.clone());
            let (status, text) = match answer(&asked) {
                Answer::Json(status, value) => (status, value.to_string()),
                Answer::Lines(lines) => {
                    (200, lines.iter().map(|line| format!("{line}\n")).collect())
                }
                Answer::Silence => std::future::pending().await,
            };
            let response = Response::builder().status(status).body(Body::from(text.into_bytes()));
            Ok::<_, kube::Error>(response.expect("a response"))
        }
    });
    (Client::new(service, "search"), log)
}

/// Kubernetes' answer to what it refuses.
pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    Answer::Json(code, status)
}

/// Kubernetes' answer about an object that is not there.
pub(crate) fn not_found() -> Answer {
    refusal(404, "NotFound", "it is not there")
}

/// The list of nothing.
pub(crate) fn empty_list() -> Answer {
    Answer::Json(200, json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": []}))
}

/// A change that is taken as it is.
pub(crate) fn accepted(asked: &Asked) -> Answer {
    let mut object = asked.body.clone();
    object["metadata"]["uid"] = json!("99999999-2222-3333-4444-555555555555");
    object["metadata"]["resourceVersion"] = json!("7");
    Answer::Json(200, object)
}
