//! OpenVINO behind the engine's [`Runtime`](engine::Runtime) trait; the only crate with FFI.
//!
//! Three steps, each with its own error type: [`find_libraries`] says where OpenVINO's shared
//! libraries are, [`OpenVino::load`] opens them once a process, [`OpenVinoModel::load`] reads,
//! checks and compiles one model. The model is then a `Runtime`: every engine thread opens one
//! stream and sends right-padded batches of token ids through it.
//!
//! What a model must look like (inputs by name, one usable output) is decided by the pure
//! functions in `port_choice`, which settings reach which device by those in `properties` and `device`.
//! The C interface is called through `openvino-sys`: its companion crate `openvino` 0.11 compiles
//! without properties and gives a reshaped tensor a second owner.
//! Pooling and normalising are the engine's part.

mod batch;
mod decompress;
mod device;
mod facts;
mod ffi;
mod find;
mod library;
mod mapping;
mod model;
mod model_error;
mod port_choice;
mod ports;
mod process;
mod properties;
mod stream;

pub use decompress::{DecompressError, WeightDecompression};
pub use device::DeviceError;
pub use facts::LoadedFacts;
pub use ffi::OpenVinoError;
pub use find::{FindError, find_libraries};
pub use library::{DeviceInfo, LoadError, OpenVino};
pub use model::{ModelOptions, OpenVinoModel};
pub use model_error::ModelError;
pub use ports::PortError;
pub use process::prepare_process;
pub use properties::PropertyError;
