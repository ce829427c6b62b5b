//! What the operator does when the API server refuses, fails or stays silent: a mocked API, no cluster.

#[path = "scenarios/api.rs"]
mod api;
#[path = "scenarios/cluster.rs"]
mod cluster;
#[path = "scenarios/leading.rs"]
mod leading;
#[path = "scenarios/losses.rs"]
mod losses;
#[path = "scenarios/reconciling.rs"]
mod reconciling;
#[path = "scenarios/watching.rs"]
mod watching;
