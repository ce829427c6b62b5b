//! Writes the status, if it differs, and tells what changed.

use crds::EmbeddingModel;
use crds::status::EmbeddingModelStatus;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::context::Context;
use crate::names;

/// Writes the status of a model. A status that is as it was is not written.
///
/// # Errors
/// When the API server does not take it; a model that is gone needs no status.
pub async fn update_status(
    context: &Context,
    model: &EmbeddingModel,
    status: EmbeddingModelStatus,
) -> Result<(), kube::Error> {
    let before = model.status.clone().unwrap_or_default();
    context.metrics.set_conditions(model, &status);
    if before == status {
        return Ok(());
    }
    let api: Api<EmbeddingModel> =
        Api::namespaced(context.client.clone(), &model.namespace().unwrap_or_default());
    let body = json!({
        "apiVersion": crds::API_VERSION,
        "kind": crds::KIND,
        // Another object of the same name gets no status of this one.
        "metadata": {"name": model.name_any(), "uid": model.uid()},
        "status": status,
    });
    let params = PatchParams::apply(names::MANAGER).force();
    match api.patch_status(&model.name_any(), &params, &Patch::Apply(&body)).await {
        Ok(written) => {
            context.metrics.count_status_write();
            context.remember_status(&written);
            context.events.tell(model, &before, &status).await;
            Ok(())
        }
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}
