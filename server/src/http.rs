//! HTTP: OpenAI's embeddings API as OpenVINO Model Server speaks it, health, status and metrics.
//!
//! A request passes [`server`] (connections), [`observe`] (id, log, metrics, CORS), [`dispatch`]
//! (API key, [`routes`]) and one handler. Handlers take a checked request, ask the registry and
//! the engine, and answer; what can go wrong is an [`error`] with OpenAI's error object.
//! Loading models, batching and the command line are other modules' work.

mod api_key;
mod body;
mod compute;
mod config_status;
mod cors;
mod dispatch;
mod documents;
mod embeddings_request;
mod error;
mod exposition;
mod health;
mod info;
mod json;
mod lookup;
mod models;
mod observe;
mod openapi;
mod patient_stream;
mod request_id;
mod routes;
mod server;
mod settings;
mod state;
mod tokenize_request;
mod vectors;

#[cfg(test)]
mod tests;

pub use api_key::ApiKeyError;
pub(crate) use api_key::key_in_file;
pub use cors::CorsError;
pub use server::{ServeError, serve};
pub use settings::{ApiKeySource, CorsSettings, DEFAULT_BODY_LIMIT, Settings};
pub use state::{ServerState, SettingsError};

/// The main port of a server without a management port: every route.
pub fn router(state: ServerState) -> axum::Router {
    dispatch::router(state, routes::Port::Main)
}

/// The main port of a server that has a management port: without `/info`, `/metrics` and the
/// configuration reload.
pub fn router_beside_management(state: ServerState) -> axum::Router {
    dispatch::router(state, routes::Port::MainBesideManagement)
}

/// The management port: `/info`, `/metrics`, the configuration reload and `/v2`, without a key.
pub fn management_router(state: ServerState) -> axum::Router {
    dispatch::router(state, routes::Port::Management)
}
