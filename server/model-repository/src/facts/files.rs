//! Files by name, and which of the known ones are there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::bounded_file::{self, ReadFileError};

/// The OpenVINO model at the top of a folder, where an export writes it.
pub(super) const TOP_MODEL: &str = "openvino_model.xml";

/// Where OpenVINO models and ONNX models lie in repositories; the first that is there is served.
const MODEL_FILES: [&str; 4] =
    [TOP_MODEL, "openvino/openvino_model.xml", "model.onnx", "onnx/model.onnx"];

/// The files of a model by their path in it, with `/` between the parts.
pub trait SourceFiles {
    /// The text of a file without its byte order mark; `None` when there is no such file.
    ///
    /// # Errors
    /// The file is there and cannot be read as text.
    fn text(&self, path: &str) -> Result<Option<String>, ReadFileError>;

    /// The last bytes of a file, at most `length`, as far as they are text; `None` when there is no
    /// such file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    fn end(&self, path: &str, length: u64) -> Result<Option<String>, ReadFileError>;

    /// Whether there is such a file.
    fn has(&self, path: &str) -> bool;
}

/// Which of the files for serving and exporting are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PresentFiles {
    /// `tokenizer.json`, which texts are tokenized with.
    pub tokenizer_json: bool,
    /// `openvino_tokenizer.xml`, which OpenVINO Model Server tokenizes with.
    pub openvino_tokenizer: bool,
    /// The OpenVINO or ONNX model, e.g. `openvino_model.xml`.
    pub model: Option<String>,
    /// Whether the OpenVINO model's `.bin` is missing beside it.
    pub weights_missing: bool,
    /// `model.safetensors` or its index: the model can be exported.
    pub safetensors: bool,
}

impl PresentFiles {
    pub(super) fn of(files: &dyn SourceFiles) -> PresentFiles {
        let model = MODEL_FILES.into_iter().find(|path| files.has(path)).map(str::to_owned);
        let weights = model.as_deref().and_then(|model| model.strip_suffix(".xml"));
        PresentFiles {
            tokenizer_json: files.has("tokenizer.json"),
            openvino_tokenizer: files.has("openvino_tokenizer.xml"),
            weights_missing: weights.is_some_and(|stem| !files.has(&format!("{stem}.bin"))),
            safetensors: files.has("model.safetensors")
                || files.has("model.safetensors.index.json"),
            model,
        }
    }
}

/// A folder on disk.
pub(super) struct Folder<'a>(pub(super) &'a Path);

impl SourceFiles for Folder<'_> {
    fn text(&self, path: &str) -> Result<Option<String>, ReadFileError> {
        bounded_file::read_text_if_present(&self.0.join(path), bounded_file::SOURCE_FILE)
    }

    fn end(&self, path: &str, length: u64) -> Result<Option<String>, ReadFileError> {
        let end = bounded_file::read_end_if_present(&self.0.join(path), length)?;
        Ok(end.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn has(&self, path: &str) -> bool {
        self.0.join(path).is_file()
    }
}

/// Files in memory, path to text; files of which only the name is known have an empty text.
impl SourceFiles for BTreeMap<String, String> {
    fn text(&self, path: &str) -> Result<Option<String>, ReadFileError> {
        Ok(self.get(path).cloned())
    }

    fn end(&self, path: &str, _length: u64) -> Result<Option<String>, ReadFileError> {
        self.text(path)
    }

    fn has(&self, path: &str) -> bool {
        self.contains_key(path)
    }
}
