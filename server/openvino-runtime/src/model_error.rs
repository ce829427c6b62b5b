//! Why a model cannot be loaded.

use std::path::PathBuf;

use crate::decompress::DecompressError;
use crate::device::DeviceError;
use crate::ffi::OpenVinoError;
use crate::ports::PortError;
use crate::properties::PropertyError;

/// A model cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A setting cannot be used.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// Compressed weights cannot be restored.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// A file of the model is absent.
    #[error("there is no file {}; pull or export the model again", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that is neither an IR nor an ONNX model, whatever it is called.
    #[error(
        "{} is not a model: an OpenVINO IR (.xml with a <net> element) or an ONNX model (.onnx) is needed",
        path.display()
    )]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// OpenVINO cannot read the files.
    #[error("failed to read the model {}; it may be damaged: pull or export it again", path.display())]
    Read {
        /// The model's file.
        path: PathBuf,
        /// OpenVINO's explanation.
        #[source]
        source: OpenVinoError,
    },
    /// It is not a model that turns token ids into embeddings.
    #[error("the model {} cannot serve embeddings", path.display())]
    Ports {
        /// The model's file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: PortError,
    },
    /// Its input shapes are fixed and cannot be opened.
    #[error(
        "the model {} has fixed input shapes that cannot be made dynamic; export it with dynamic shapes",
        path.display()
    )]
    FixedShape {
        /// The model's file.
        path: PathBuf,
        /// OpenVINO's explanation.
        #[source]
        source: OpenVinoError,
    },
    /// OpenVINO cannot compile it for the device.
    #[error("failed to compile the model {} for device {device}", path.display())]
    Compile {
        /// The model's file.
        path: PathBuf,
        /// The device asked for.
        device: String,
        /// OpenVINO's explanation.
        #[source]
        source: OpenVinoError,
    },
    /// It was compiled for another device than the one asked for.
    #[error("the model {} was asked to run on {device} but would run on {really}", path.display())]
    OtherDevice {
        /// The model's file.
        path: PathBuf,
        /// The device asked for.
        device: String,
        /// The devices that OpenVINO took.
        really: String,
    },
}
