//! Model folders as values: config.json, graph.pbtxt, embedserve.json, facts and sizing.
//!
//! Files go in, checked values come out. [`config`] reads the list of models and edits it, [`graph`]
//! reads and writes `graph.pbtxt` over the text-proto parser of [`text_proto`], [`settings`] holds
//! what OpenVINO Model Server has no field for, [`facts`] says what a model folder knows about its
//! model, [`manifest`] where its files came from. [`resolve`] turns all of these into one
//! [`Servable`](resolve::Servable), and [`sizing`] says how many streams, threads, tokens and bytes
//! it wants. [`job_report`] is what a Job tells the operator. Deciding functions are pure; those that
//! touch files say so.
//!
//! This crate knows no HTTP, no OpenVINO and no hub. Server, operator, pull and export share it.

mod atomic_file;
mod bounded_file;
pub mod config;
pub mod config_edit;
pub mod facts;
pub mod graph;
pub mod job_report;
mod json;
pub mod list_models;
pub mod manifest;
mod plugin_config;
mod pooling;
pub mod resolve;
pub mod settings;
pub mod sizing;
pub mod text_proto;

pub use atomic_file::write_atomically;
pub use bounded_file::{ReadFileError, decode};
pub use json::JsonError;
pub use plugin_config::{PluginConfig, PluginConfigError, parse_plugin_config};
pub use pooling::{ParsePoolingError, Pooling};
