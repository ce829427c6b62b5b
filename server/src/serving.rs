//! The models that this process serves: which ones, loading them, keeping them current.
//!
//! [`plan`] reads what should be served from a `config.json` or from model folders, [`loader`]
//! turns one planned model into a [`ServedModel`] that has already computed a real embedding,
//! and [`Registry`] holds the outcome and swaps it. HTTP handlers only look models up; they
//! never wait for a load.

mod fingerprint;
mod loader;
mod model;
mod plan;
mod registry;

pub use loader::{Load, OpenVinoLoader};
pub use model::{LoadTimings, ModelInfo, ServedModel};
pub use plan::{PlanError, PlannedFolder, ServingSource};
pub use registry::{Lookup, ModelState, ModelStatus, Registry, Reload, ReloadError};
