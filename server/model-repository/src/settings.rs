//! `embedserve.json`: what OpenVINO Model Server's `graph.pbtxt` has no field for.
//!
//! It lies beside `graph.pbtxt`, is optional, and every member is optional. Each member has an equal
//! command line option, which wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::bounded_file::{self, ReadFileError};
use crate::json::JsonError;
use crate::write_atomically;

/// The file's name, beside `graph.pbtxt`.
pub const FILE_NAME: &str = "embedserve.json";

/// The content of an `embedserve.json`. A member that does not exist is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Values that the request member `dimensions` may have, sorted and unique; empty when the model
    /// was not trained for shortened vectors, and `dimensions` is ignored.
    #[serde(default, deserialize_with = "dimensions", skip_serializing_if = "Vec::is_empty")]
    pub matryoshka: Vec<usize>,
    /// The most tokens of one text, special tokens included; lowers the model's own limit.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<usize>,
    /// The most texts of one request.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "Option::is_none")]
    pub max_batch_inputs: Option<usize>,
    /// The most requests that are worked on at the same time.
    #[serde(default, deserialize_with = "positive", skip_serializing_if = "Option::is_none")]
    pub max_concurrent_requests: Option<usize>,
    /// Prompts by name, put before a text when the request names one; they replace or extend those
    /// of the model's own `config_sentence_transformers.json`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// The device that takes the model when the graph's own cannot; without it the model then is not
    /// served. OpenVINO Model Server has no such setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_fallback: Option<DeviceFallback>,
    /// Whether compressed weights are restored to f32 when the model is loaded; automatic when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decompression: Option<WeightDecompression>,
    /// How the weights were exported, e.g. `fp32`; shown, and of no other effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_format: Option<String>,
    /// Which weights these are, for the model's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<FingerprintInputs>,
}

/// A device that may take the place of the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceFallback {
    /// The processor.
    #[serde(rename = "CPU")]
    Cpu,
}

/// What becomes of compressed weights (fp16, int8, int4) when a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightDecompression {
    /// They are restored where that is faster and memory is plenty.
    #[default]
    Auto,
    /// They stay compressed.
    Never,
    /// They are restored.
    Load,
}

/// What makes vectors of two servers comparable, apart from pooling and normalisation: the weights.
///
/// The operator writes them where the model folder has no manifest of its own or must not be trusted
/// to tell; otherwise the manifest's repository and commit are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FingerprintInputs {
    /// The repository, e.g. `BAAI/bge-small-en-v1.5`.
    pub repo: String,
    /// The commit of the repository.
    pub commit: String,
    /// The weight format, e.g. `int8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_format: Option<String>,
}

/// Settings given on the command line or in a manifest; each that is given wins over the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsOverrides {
    /// Replaces the list of the file.
    pub matryoshka: Option<Vec<usize>>,
    /// Replaces the limit of the file.
    pub max_input_tokens: Option<usize>,
    /// Replaces the limit of the file.
    pub max_batch_inputs: Option<usize>,
    /// Replaces the limit of the file.
    pub max_concurrent_requests: Option<usize>,
    /// Replace or extend the prompts of the file, name by name.
    pub prompts: BTreeMap<String, String>,
    /// Replaces the fallback of the file.
    pub device_fallback: Option<DeviceFallback>,
    /// Replaces the choice of the file.
    pub weight_decompression: Option<WeightDecompression>,
}

/// An `embedserve.json` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("failed to read the settings")]
    Read(#[source] ReadFileError),
    /// The text is not JSON, or a member is unknown or of the wrong type.
    #[error("{path} at line {line}, column {column}: {message}", line = .problem.line,
        column = .problem.column, message = .problem.message)]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        problem: JsonError,
    },
    /// The file cannot be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl Settings {
    /// Reads the text of an `embedserve.json`.
    ///
    /// # Errors
    /// The first member that is unknown, given twice or of the wrong type, with its line.
    pub fn parse(text: &str) -> Result<Settings, JsonError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str(text).map_err(JsonError::from)
    }

    /// Reads the `embedserve.json` of a folder; defaults when it has none.
    ///
    /// # Errors
    /// A file that is there and cannot be used.
    pub fn read(folder: &Path) -> Result<Settings, SettingsError> {
        let path = folder.join(FILE_NAME);
        let text = bounded_file::read_text_if_present(&path, bounded_file::SMALL_FILE)
            .map_err(SettingsError::Read)?;
        match text {
            None => Ok(Settings::default()),
            Some(text) => {
                Settings::parse(&text).map_err(|problem| SettingsError::Parse { path, problem })
            }
        }
    }

    /// The text of the file: members that say nothing are left out.
    pub fn render(&self) -> String {
        let text = serde_json::to_string_pretty(self)
            .expect("numbers, strings and maps with string keys always become JSON");
        format!("{text}\n")
    }

    /// Writes the file into a folder in one step.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, folder: &Path) -> Result<(), SettingsError> {
        let path = folder.join(FILE_NAME);
        write_atomically(&path, self.render().as_bytes())
            .map_err(|source| SettingsError::Write { path, source })
    }

    /// Whether nothing differs from having no file.
    pub fn is_default(&self) -> bool {
        *self == Settings::default()
    }

    /// These settings with everything that `overrides` gives.
    pub fn merged(self, overrides: &SettingsOverrides) -> Settings {
        let SettingsOverrides {
            matryoshka,
            max_input_tokens,
            max_batch_inputs,
            max_concurrent_requests,
            prompts,
            device_fallback,
            weight_decompression,
        } = overrides;
        let mut merged_prompts = self.prompts;
        merged_prompts.extend(prompts.clone());
        Settings {
            matryoshka: sorted_unique(matryoshka.clone().unwrap_or(self.matryoshka)),
            max_input_tokens: max_input_tokens.or(self.max_input_tokens),
            max_batch_inputs: max_batch_inputs.or(self.max_batch_inputs),
            max_concurrent_requests: max_concurrent_requests.or(self.max_concurrent_requests),
            prompts: merged_prompts,
            device_fallback: device_fallback.or(self.device_fallback),
            weight_decompression: weight_decompression.or(self.weight_decompression),
            weight_format: self.weight_format,
            fingerprint: self.fingerprint,
        }
    }
}

fn sorted_unique(mut values: Vec<usize>) -> Vec<usize> {
    values.sort_unstable();
    values.dedup();
    values
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match Option::<usize>::deserialize(deserializer)? {
        Some(0) => Err(D::Error::custom("a limit must be at least 1; leave it out for no limit")),
        limit => Ok(limit),
    }
}

fn dimensions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    let values = Vec::<usize>::deserialize(deserializer)?;
    if values.contains(&0) {
        return Err(D::Error::custom("a vector must keep at least 1 dimension"));
    }
    Ok(sorted_unique(values))
}

#[cfg(test)]
mod tests;
