//! Restores compressed weights to f32 when a model is loaded, instead of in every inference.
//!
//! An IR holds a compressed matrix as a constant and the arithmetic that restores it: a conversion,
//! for quantised weights a zero point that is subtracted and a scale, for groups a reshape. Plugins
//! keep such a matrix compressed and do that arithmetic on the fly. Here it is done once, before
//! OpenVINO sees the model: in the model's text a plain f32 constant takes its place. Only matrices
//! that are multiplied are restored; tables of which rows are looked up stay as they are.

mod fold;
mod graph;
mod ir;
mod memory;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::ffi::OpenVinoError;
use crate::ffi::tensor::Bytes;

pub(crate) use memory::available as available_memory;

/// Whether compressed weights are restored when a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightDecompression {
    /// [`WeightDecompression::Load`] where the processor is slower on compressed weights and
    /// memory is plenty, else [`WeightDecompression::Never`].
    #[default]
    Auto,
    /// Weights stay compressed: the least memory.
    Never,
    /// Weights become f32 once: the most memory, and the speed of an fp32 model.
    Load,
}

impl WeightDecompression {
    /// Spelling on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WeightDecompression::Auto => "auto",
            WeightDecompression::Never => "never",
            WeightDecompression::Load => "load",
        }
    }
}

/// Why weights could not be restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// A file of the model could not be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The model's text is not what it should be.
    #[error(
        "failed to restore the weights of {}: {reason}; serve the model with \
         --weight_decompression never, or pull it again",
        path.display()
    )]
    Structure {
        /// The `.xml` file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no memory for the restored weights.
    #[error(
        "failed to get memory for {bytes} bytes of restored weights; serve the model with \
         --weight_decompression never"
    )]
    Memory {
        /// The size.
        bytes: u64,
        /// OpenVINO's explanation.
        #[source]
        source: OpenVinoError,
    },
}

/// A model whose matrices are restored, for OpenVINO to read from memory.
pub(crate) struct Restored {
    pub(crate) xml: String,
    pub(crate) weights: Bytes,
}

/// A model with compressed matrices, none of which was restored yet.
pub(crate) struct Compressed {
    path: PathBuf,
    model: ir::Model,
    plan: fold::Plan,
}

impl Compressed {
    /// Looks for compressed matrices in an IR; nothing if it has none, or is no IR.
    pub(crate) fn find(xml: &Path) -> Result<Option<Self>, DecompressError> {
        if xml.extension().is_none_or(|end| end != "xml") {
            return Ok(None);
        }
        let read_error = |source| DecompressError::Read { path: xml.to_owned(), source };
        let text = std::fs::read_to_string(xml).map_err(read_error)?;
        let model = ir::Model::parse(text).map_err(|reason| structure(xml, reason))?;
        let plan = fold::Plan::of(&model).map_err(|reason| structure(xml, reason))?;
        let is_compressed = !plan.is_empty();
        Ok(is_compressed.then(|| Compressed { path: xml.to_owned(), model, plan }))
    }

    /// Bytes that all constants take once the matrices are restored.
    pub(crate) fn restored_bytes(&self) -> u64 {
        self.plan.bytes()
    }

    /// Restores them.
    pub(crate) fn restore(self) -> Result<Restored, DecompressError> {
        let path = self.path.with_extension("bin");
        let read_error = |source| DecompressError::Read { path: path.clone(), source };
        let bin = File::open(&path).map_err(read_error)?;
        let bytes = self.plan.bytes();
        let memory = |source| DecompressError::Memory { bytes, source };
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut weights = Bytes::new(length).map_err(memory)?;
        let elements = weights.elements().map_err(memory)?;
        self.plan.fill(&self.model, &bin, elements).map_err(|error| match error {
            graph::FillError::Read(source) => read_error(source),
            graph::FillError::Structure(reason) => structure(&self.path, reason),
        })?;
        Ok(Restored { xml: self.plan.rewritten(&self.model), weights })
    }
}

fn structure(path: &Path, reason: String) -> DecompressError {
    DecompressError::Structure { path: path.to_owned(), reason }
}
