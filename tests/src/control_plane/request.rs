//! Requests to the API server as they are on the wire, for tests of its exact answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use super::{ControlPlane, User};
use crate::program::PATIENCE;

/// An answer of the API server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The object, or a `Status` that says what is wrong.
    pub body: Value,
    /// The texts of the headers `Warning`, which kubectl shows to users.
    pub warnings: Vec<String>,
}

impl Answer {
    /// The object.
    ///
    /// # Panics
    /// If the request failed.
    pub fn object(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.body
    }

    /// The messages of the causes of a refusal, each with its field, in order.
    pub fn causes(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = self.body["details"]["causes"].as_array();
        let causes = causes.into_iter().flatten();
        causes.map(|cause| (text(&cause["field"]), text(&cause["message"]))).collect()
    }
}

impl ControlPlane {
    /// Sends a request as a user. Patches are merge patches (RFC 7386).
    ///
    /// # Panics
    /// If there is no answer.
    pub fn request(&self, user: User, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let content_type = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.bearer_auth(user.token()).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.header("content-type", content_type).body(body.to_string());
        }
        let answer = request.send().unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status().as_u16();
        let warnings = answer.headers().get_all("warning").iter();
        let warnings = warnings.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
        let warnings = warnings.collect();
        let text = answer.text().expect("the answer is text");
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text));
        Answer { status, body, warnings }
    }

    /// Gets an object as the administrator; `None` if there is none.
    pub fn get(&self, path: &str) -> Option<Value> {
        let answer = self.request(User::Admin, Method::GET, path, None);
        (answer.status != 404).then(|| answer.object())
    }

    /// Creates an object as the administrator, which must succeed. `path` is that of the collection.
    pub fn create(&self, path: &str, object: &Value) -> Value {
        self.request(User::Admin, Method::POST, path, Some(object)).object()
    }

    /// Makes a namespace whose name begins with `prefix` and that no other test has.
    pub fn namespace(&self, prefix: &str) -> String {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{prefix}-{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.create("/api/v1/namespaces", &json!({"metadata": {"name": name}}));
        name
    }
}
