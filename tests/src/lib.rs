//! What the integration tests share: the built programs as child processes, and stand-ins for
//! the services that they talk to.

mod certificate;
pub mod client;
pub mod cluster;
pub mod control_plane;
pub mod expected;
pub mod fake_gpus;
pub mod helm;
pub mod hub;
mod kubectl;
pub mod kubelet;
pub mod load;
pub mod operator;
pub mod play;
pub mod process;
pub mod program;
pub mod random_weights;
pub mod shapes;
pub mod wait;
