//! The weights of a source folder: `model.safetensors`, or the shards that
//! `model.safetensors.index.json` names, checked before anything is read from them.
//!
//! Tensors are handed out one at a time by name and shape, and only streamed, never loaded:
//! files are read at offsets, not mapped, because a mapped file that another process shortens
//! ends the program. What the names mean is left to `architectures`.

mod header;
mod index;
mod tensor;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

pub use tensor::{StoredTensor, StoredType, Tensor, TensorData};

/// The single weight file.
const SINGLE: &str = "model.safetensors";
/// The list of weight files.
const INDEX: &str = "model.safetensors.index.json";
/// Formats that hold Python objects or other frameworks' layouts.
const OTHER_FORMATS: [&str; 5] = [
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
    "flax_model.msgpack",
    "rust_model.ot",
];

/// Why weights cannot be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// Neither a weight file nor an index is there.
    #[error(
        "found neither {SINGLE} nor {INDEX} in {folder}; download the model's safetensors weights"
    )]
    Find {
        /// The source folder.
        folder: PathBuf,
    },
    /// Weights are there, but in a format that is not read.
    #[error(
        "the weights in {folder} are only there as {file}, which is not read; convert them to \
         safetensors: python -c \"from transformers import AutoModel; \
         AutoModel.from_pretrained('{folder}').save_pretrained('{folder}', safe_serialization=True)\", \
         or pull a revision of the model that has model.safetensors"
    )]
    OtherFormat {
        /// The source folder.
        folder: PathBuf,
        /// The file that was found.
        file: &'static str,
    },
    /// A file could not be opened or read.
    #[error("failed to read the weights at {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// The index is not what it should be.
    #[error("failed to use the weight index at {path}: {reason}; download it again")]
    Index {
        /// The index file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A weight file is not what its header says.
    #[error(
        "failed to use the weights at {path}: {reason}; the file is damaged, download it again"
    )]
    Header {
        /// The weight file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two tensors stand for one weight.
    #[error(
        "the tensors `{one}` and `{two}` both stand for the weight `{weight}`; remove one of them from the weights"
    )]
    Ambiguous {
        /// The weight.
        weight: String,
        /// A tensor's name in the file.
        one: String,
        /// Another tensor's name in the file.
        two: String,
    },
    /// The architecture has a weight that the files lack.
    #[error(
        "the weight `{weight}` of shape {expected:?} is missing from {folder}; config.json and the \
         weights are not of the same model: get both again, or choose another revision"
    )]
    Missing {
        /// The weight.
        weight: String,
        /// Its shape by the configuration.
        expected: Vec<u64>,
        /// The source folder.
        folder: PathBuf,
    },
    /// The files have tensors that the architecture, as configured, lacks.
    #[error(
        "{count} tensors in {folder} are no part of the model as config.json describes it, the first is `{tensor}`; \
         config.json and the weights are not of the same model: get both again, or choose another revision"
    )]
    Unexpected {
        /// The first of them, by name.
        tensor: String,
        /// How many.
        count: usize,
        /// The source folder.
        folder: PathBuf,
    },
    /// A tensor's shape contradicts the configuration.
    #[error(
        "the tensor `{tensor}` has the shape {found:?}, but config.json makes it {expected:?}; they \
         are not of the same model: get both again, or choose another revision"
    )]
    Shape {
        /// The tensor's name in the file.
        tensor: String,
        /// Its shape in the file.
        found: Vec<u64>,
        /// Its shape by the configuration.
        expected: Vec<u64>,
    },
    /// A tensor's elements are of a type that is not read.
    #[error(
        "the tensor `{tensor}` holds {found} elements; only F32, F16 and BF16 weights can be exported; save the \
         model in one of them: AutoModel.from_pretrained(...).float().save_pretrained(folder)"
    )]
    Type {
        /// The tensor's name in the file.
        tensor: String,
        /// Its type, as safetensors spells it.
        found: String,
    },
    /// A tensor holds NaN or an infinity.
    #[error(
        "the tensor `{tensor}` holds {value} at element {position}; the weights are damaged, download them again"
    )]
    NotFinite {
        /// The tensor's name in the file.
        tensor: String,
        /// Index of the element in row-major order.
        position: u64,
        /// The value.
        value: f32,
    },
    /// A tensor holds a value that int8 and int4 weights cannot stand for.
    #[error(
        "the tensor `{tensor}` holds {value} at element {position}, which is too large for compressed weights; \
         export with --weight-format fp32"
    )]
    TooLarge {
        /// The tensor's name in the file.
        tensor: String,
        /// Index of the element in row-major order.
        position: u64,
        /// The value.
        value: f32,
    },
}

/// All tensors of a model that have not been taken yet.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
    parameters: u64,
}

impl Weights {
    /// Reads and checks the headers of a folder's weight files.
    ///
    /// # Errors
    /// When there are none, or one is not what its header or the index says.
    pub fn open(folder: &Path) -> Result<Self, WeightsError> {
        let exists = |name: &&str| folder.join(name).exists();
        let tensors = if exists(&SINGLE) {
            open_file(&folder.join(SINGLE))?
        } else if exists(&INDEX) {
            open_shards(folder)?
        } else if let Some(file) = OTHER_FORMATS.iter().find(|name| exists(name)) {
            return Err(WeightsError::OtherFormat { folder: folder.to_owned(), file });
        } else {
            return Err(WeightsError::Find { folder: folder.to_owned() });
        };
        Ok(Weights { folder: folder.to_owned(), tensors, parameters: 0 })
    }

    /// Renames tensors to an architecture's names of its weights.
    ///
    /// # Errors
    /// When two tensors get one name.
    pub fn renamed(mut self, name: impl Fn(&str) -> String) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (stored_name, tensor) in std::mem::take(&mut self.tensors) {
            let weight = name(&stored_name);
            let two = tensor.name.clone();
            if let Some(other) = tensors.insert(weight.clone(), tensor) {
                let one = other.name;
                return Err(WeightsError::Ambiguous { weight, one, two });
            }
        }
        self.tensors = tensors;
        Ok(self)
    }

    /// Whether a weight is there and was not taken.
    pub fn has(&self, weight: &str) -> bool {
        self.tensors.contains_key(weight)
    }

    /// Takes a weight out, with the shape that the configuration gives it.
    ///
    /// # Errors
    /// When it is missing, or its shape or type is another.
    pub fn take(&mut self, weight: &str, expected: &[u64]) -> Result<Tensor, WeightsError> {
        let stored = self.tensors.remove(weight).ok_or_else(|| WeightsError::Missing {
            weight: weight.to_owned(),
            expected: expected.to_vec(),
            folder: self.folder.clone(),
        })?;
        let tensor = Tensor::new(stored, expected)?;
        self.parameters += tensor.elements();
        Ok(tensor)
    }

    /// Elements of all weights taken so far.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Checks that nothing is left but tensors that do not take part in embeddings.
    ///
    /// # Errors
    /// When something else is left: the configuration does not describe these weights.
    pub fn finish(self, is_ignored: impl Fn(&str) -> bool) -> Result<(), WeightsError> {
        let rest = self.tensors.iter().filter(|(weight, _)| !is_ignored(weight));
        let mut names = rest.map(|(_, tensor)| tensor.name.as_str());
        match names.next() {
            None => Ok(()),
            Some(first) => Err(WeightsError::Unexpected {
                tensor: first.to_owned(),
                count: 1 + names.count(),
                folder: self.folder,
            }),
        }
    }
}

fn open_shards(folder: &Path) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let path = folder.join(INDEX);
    let shards = index::read(&path)?;
    let refuse = |reason: String| WeightsError::Index { path: path.clone(), reason };
    let mut tensors = BTreeMap::new();
    for (shard, promised) in shards {
        let found = open_file(&folder.join(&shard))?;
        if let Some(absent) = promised.iter().find(|name| !found.contains_key(*name)) {
            return Err(refuse(format!("it says that `{absent}` is in {shard}, but it is not")));
        }
        if let Some(extra) = found.keys().find(|name| !promised.contains(*name)) {
            return Err(refuse(format!("{shard} holds `{extra}`, but the index does not say so")));
        }
        tensors.extend(found);
    }
    Ok(tensors)
}

fn open_file(path: &Path) -> Result<BTreeMap<String, StoredTensor>, WeightsError> {
    let (file, length) = open_regular(path)?;
    header::read(path, Arc::new(file), length)
}

/// Opens a file and tells its length; a pipe or device would block or never end.
fn open_regular(path: &Path) -> Result<(File, u64), WeightsError> {
    let read_error = |source| WeightsError::Read { path: path.to_owned(), source };
    let metadata = path.metadata().map_err(read_error)?;
    if !metadata.is_file() {
        return Err(read_error(io::Error::other("it is no regular file")));
    }
    let file = File::open(path).map_err(read_error)?;
    Ok((file, metadata.len()))
}
