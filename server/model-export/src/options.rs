//! What a caller chooses about an export.

use std::fmt;
use std::str::FromStr;

use model_repository::Pooling;
use thiserror::Error;

/// How weight matrices are stored in the IR; computation stays in f32 or what the device chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightFormat {
    /// 4 bytes a value: exactly the numbers of the source.
    #[default]
    Fp32,
    /// 2 bytes a value for matrices; vectors (biases, norms) stay in fp32.
    Fp16,
    /// Parsed so that it can be refused by name: weight compression is not built yet.
    Int8,
    /// Parsed so that it can be refused by name: weight compression is not built yet.
    Int4,
}

impl WeightFormat {
    /// The spelling of optimum-cli's `--weight-format`.
    pub fn as_str(self) -> &'static str {
        match self {
            WeightFormat::Fp32 => "fp32",
            WeightFormat::Fp16 => "fp16",
            WeightFormat::Int8 => "int8",
            WeightFormat::Int4 => "int4",
        }
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for WeightFormat {
    type Err = ParseWeightFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [WeightFormat::Fp32, WeightFormat::Fp16, WeightFormat::Int8, WeightFormat::Int4]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| ParseWeightFormatError { value: text.to_owned() })
    }
}

/// A weight format that nobody defines.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown weight format `{value}`; use fp32, fp16, int8 or int4")]
pub struct ParseWeightFormatError {
    /// The text as it was given.
    pub value: String,
}

/// Choices of one export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportOptions {
    /// How weights are stored.
    pub weight_format: WeightFormat,
    /// How token vectors become one, where the graph has to pool; the model's own way when absent.
    pub pooling: Option<Pooling>,
}

/// What a graph does that servers do for other models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooled {
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Folders of the `Dense` modules that are part of the graph, e.g. `2_Dense`.
    pub modules: Vec<String>,
    /// Numbers of the resulting vector.
    pub dimensions: u64,
}

/// What an export made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Architecture as `config.json` names it, for example `BertModel`.
    pub architecture: String,
    /// Values in the exported weights.
    pub parameters: u64,
    /// Size of the two written files, in bytes.
    pub bytes: u64,
    /// What follows the model in the graph, if anything does.
    pub pooled: Option<Pooled>,
}
