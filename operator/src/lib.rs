//! The controller of `EmbeddingModel` resources.
//!
//! A reconcile is five steps, one file each: [`dereference`] looks at the cluster, [`validate`] checks the
//! specification, [`plan`] and [`build`] decide and make the objects without any client, [`apply`] makes the cluster so, and
//! [`update_status`] says what was seen.

pub mod accelerator;
pub mod build;
pub mod facts;
pub mod failure;
pub mod identity;
pub mod kind;
pub mod names;
pub mod plan;
pub mod release;
pub mod settings;
pub mod sizing;
#[cfg(test)]
mod testing;
pub mod validate;
