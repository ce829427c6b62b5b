//! The management port of a pull: how far it is, and that the process answers.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use tracing::{info, warn};

use super::progress::{ProgressAnswer, Watched};
use super::serve::listen;
use crate::cli::Management;

/// Answers from now on until the process ends; ports are bound when this returns.
pub(super) async fn answer(management: &Management, watched: &Arc<Watched>) -> anyhow::Result<()> {
    for listener in listen(&management.bind_address, management.port).await? {
        info!(address = %listener.local_addr()?, "listening for management");
        let serving = axum::serve(listener, router(watched.clone()));
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                // The pull counts, not who watches it.
                warn!(%error, "the management port has failed");
            }
        });
    }
    Ok(())
}

fn router(watched: Arc<Watched>) -> Router {
    Router::new()
        .route("/progress", get(progress))
        .route("/v2/health/live", get(|| async {}))
        .with_state(watched)
}

async fn progress(State(watched): State<Arc<Watched>>) -> Json<ProgressAnswer> {
    Json(watched.answer())
}
