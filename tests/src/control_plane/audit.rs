//! The API server's audit log: who did what to which object.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Name of the file in the control plane's folder.
pub(super) const FILE: &str = "audit.log";

/// One request that is done, or a watch that has begun. Names that a request does not have are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The user's name.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// The resource in the plural, `embeddingmodels` for example; empty for `/readyz` and the like.
    pub resource: String,
    /// `status`, `scale` and so on.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// `ResponseStarted` (of watches), `ResponseComplete` or `Panic`.
    pub stage: String,
}

/// The events in the log so far. A request's event is written when its answer is, so it can come a moment
/// after the answer: wait for it.
pub(super) fn read(folder: &Path) -> Vec<AuditEvent> {
    let text = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let whole_lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole_lines
        .map(|line| parse(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

fn parse(line: &str) -> serde_json::Result<AuditEvent> {
    let event = Value::deserialize(&mut serde_json::Deserializer::from_str(line))?;
    let text = |pointer: &str| {
        event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let status = event.pointer("/responseStatus/code").and_then(Value::as_u64);
    Ok(AuditEvent {
        user: text("/user/username"),
        verb: text("/verb"),
        group: text("/objectRef/apiGroup"),
        resource: text("/objectRef/resource"),
        subresource: text("/objectRef/subresource"),
        namespace: text("/objectRef/namespace"),
        name: text("/objectRef/name"),
        status: status.and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
        stage: text("/stage"),
    })
}
