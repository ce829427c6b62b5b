//! The running server from outside, with the real OpenVINO and the real MiniLM.
//!
//! Needs the cache folder that `make deps` fills. Tests that only ask share one server.

#[path = "serving/access.rs"]
mod access;
#[path = "serving/bench_command.rs"]
mod bench_command;
#[path = "serving/conformance.rs"]
mod conformance;
#[path = "serving/cores.rs"]
mod cores;
#[path = "serving/devices.rs"]
mod devices;
#[path = "serving/embed_command.rs"]
mod embed_command;
#[path = "serving/exported.rs"]
mod exported;
#[path = "serving/fingerprints.rs"]
mod fingerprints;
#[path = "serving/interrupted_pulls.rs"]
mod interrupted_pulls;
#[path = "serving/limits.rs"]
mod limits;
#[path = "serving/manifest.rs"]
mod manifest;
#[path = "serving/memory.rs"]
mod memory;
#[path = "serving/mounted.rs"]
mod mounted;
#[path = "serving/openai_client.rs"]
mod openai_client;
#[path = "serving/other_models.rs"]
mod other_models;
#[path = "serving/placement.rs"]
mod placement;
#[path = "serving/reloading.rs"]
mod reloading;
#[path = "serving/shutdown.rs"]
mod shutdown;
#[path = "serving/site.rs"]
mod site;
#[path = "serving/vectors.rs"]
mod vectors;
