//! The operator on a real API server with Kubernetes' own controllers, with the rights that the chart
//! gives it. Only the kubelet is played: pods run, end and fail as a test says.

#[path = "operator/killed.rs"]
mod killed;
#[path = "operator/stage.rs"]
mod stage;

#[path = "operator/changes.rs"]
mod changes;
#[path = "operator/day_two.rs"]
mod day_two;
#[path = "operator/deletion.rs"]
mod deletion;
#[path = "operator/failures.rs"]
mod failures;
#[path = "operator/first_model.rs"]
mod first_model;
#[path = "operator/gpu.rs"]
mod gpu;
#[path = "operator/rights.rs"]
mod rights;
