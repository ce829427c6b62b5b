//! The export of small made-up models: what it writes, what it refuses, what it survives.
//!
//! Whether the vectors are right is tested with the real OpenVINO, outside this crate.

mod compressed;
mod damage;
mod output;
mod refusals;
mod source;
