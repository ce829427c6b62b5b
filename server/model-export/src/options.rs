//! What a caller chooses about an export.

use std::fmt;
use std::str::FromStr;

use model_repository::Pooling;
use thiserror::Error;

use crate::compression::{CompressionOptions, ParametersError};

/// How weight matrices are stored in the IR; computation stays in f32 or what the device chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightFormat {
    /// 4 bytes a value: exactly the numbers of the source.
    Fp32,
    /// 2 bytes a value for matrices; vectors (biases, norms) stay in fp32.
    Fp16,
    /// About 1 byte a value for matrices. The default, as with OVMS.
    #[default]
    Int8,
    /// About half a byte a value for most matrices.
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExportOptions {
    /// How weights are stored.
    pub weight_format: WeightFormat,
    /// How they are compressed where that format is int8 or int4.
    pub compression: CompressionOptions,
    /// How token vectors become one, where the graph has to pool; the model's own way when absent.
    pub pooling: Option<Pooling>,
}

impl ExportOptions {
    /// A weight format with settings in optimum-cli's words, as [`CompressionOptions::parse`]
    /// takes them.
    ///
    /// # Errors
    /// When a setting is unknown, has a wrong value, or is not for this format.
    pub fn parse(weight_format: WeightFormat, settings: &str) -> Result<Self, ParametersError> {
        let compression = CompressionOptions::parse(settings, weight_format)?;
        Ok(ExportOptions { weight_format, compression, pooling: None })
    }
}

impl fmt::Display for ExportOptions {
    /// The format and the settings that are not its defaults, as in
    /// `int4 --group-size 64 --ratio 0.8`: equal texts mean equal weights.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.weight_format.fmt(formatter)?;
        for word in self.compression.words(self.weight_format) {
            write!(formatter, " {word}")?;
        }
        Ok(())
    }
}

impl From<WeightFormat> for ExportOptions {
    /// The format with its defaults.
    fn from(weight_format: WeightFormat) -> Self {
        ExportOptions { weight_format, ..ExportOptions::default() }
    }
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
