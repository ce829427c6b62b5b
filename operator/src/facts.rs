//! Small facts about objects of the cluster, so that the operator need not keep whole objects.
//!
//! Each is made from the object by a pure function, and holds only what a decision needs.

mod node;
mod pod;
mod route;
mod workload;

pub use node::NodeFacts;
pub use pod::{ContainerFacts, ContainerKind, PodFacts, Termination};
pub use route::{AutoscalerFacts, RouteFacts};
pub use workload::{ClaimFacts, DeploymentFacts, JobFacts};
