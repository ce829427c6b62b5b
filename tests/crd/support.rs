//! The control plane of these tests, and the two judges of an object.

use std::sync::OnceLock;

use crds::{EmbeddingModel, Violation, read_manifests, validate};
use integration_tests::control_plane::{Answer, ControlPlane, User};
use reqwest::Method;
use serde_json::Value;

/// The control plane that the tests share, with the definition.
pub(crate) fn plane() -> Option<&'static ControlPlane> {
    static PLANE: OnceLock<Option<ControlPlane>> = OnceLock::new();
    let plane = PLANE.get_or_init(|| {
        let plane = ControlPlane::start()?;
        plane.define_embedding_models();
        Some(plane)
    });
    plane.as_ref()
}

/// The collection of a namespace's models.
pub(crate) fn models_of(namespace: &str) -> String {
    format!("/apis/embedserve.dev/v1alpha1/namespaces/{namespace}/embeddingmodels")
}

/// What the API server says to a new object, which it does not keep.
pub(crate) fn judged_by_server(plane: &ControlPlane, object: &Value) -> Answer {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let path = format!("{}?dryRun=All&fieldValidation=Strict", models_of(namespace));
    plane.request(User::Admin, Method::POST, &path, Some(object))
}

/// What the same program says that runs a manifest without a cluster.
pub(crate) fn judged_without_server(object: &Value) -> Result<EmbeddingModel, Vec<String>> {
    let manifests = read_manifests(&object.to_string()).map_err(|error| vec![error.to_string()])?;
    let [model] = manifests.models.try_into().expect("one object is one model");
    match validate(&model) {
        Ok(()) => Ok(model),
        Err(violations) => Err(violations.iter().map(Violation::to_string).collect()),
    }
}
