//! From a Helm chart and six lines of YAML to embeddings, in a real cluster of one node, with real containers.

#[path = "end_to_end/client.rs"]
mod client;
#[path = "end_to_end/deletion.rs"]
mod deletion;
#[path = "end_to_end/faults.rs"]
mod faults;
#[path = "end_to_end/first_model.rs"]
mod first_model;
#[path = "end_to_end/gpu.rs"]
mod gpu;
#[path = "end_to_end/migration.rs"]
mod migration;
#[path = "end_to_end/outside.rs"]
mod outside;
#[path = "end_to_end/rolling.rs"]
mod rolling;
#[path = "end_to_end/scaling.rs"]
mod scaling;
#[path = "end_to_end/tenancy.rs"]
mod tenancy;
