//! The engine from outside, over a runtime whose time the tests control: every batch waits until a test lets it go.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod batching;
mod failures;
mod gated_runtime;
mod lanes;
mod lifetime;
mod limits;
mod stress;
mod texts;
mod wide;
