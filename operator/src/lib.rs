//! The controller of `EmbeddingModel` resources.
//!
//! A reconcile is five steps, one file each: [`dereference`] looks at the cluster, [`validate`] checks the
//! specification, [`plan`] and [`build`] decide and make the objects without any client, [`apply`] makes the
//! cluster so, and [`update_status`] says what was seen. [`reconcile`] reads them aloud, [`controller`] says when.

pub mod accelerator;
pub mod apply;
pub mod build;
pub mod cli;
mod compare;
pub mod conditions;
pub mod context;
pub mod controller;
pub mod deletion;
pub mod dereference;
pub mod events;
pub mod facts;
pub mod failure;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod kind;
pub mod leader;
pub mod metrics;
pub mod names;
mod pages;
pub mod plan;
pub mod pods;
pub mod reconcile;
pub mod records;
pub mod release;
pub mod render_groups;
pub mod run;
pub mod settings;
pub mod sizing;
pub mod status;
#[cfg(test)]
mod testing;
pub mod update_status;
pub mod validate;
pub mod watches;
