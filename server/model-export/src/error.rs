//! What can go wrong in an export, by the action that failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use model_repository::facts::FactsError;
use thiserror::Error;

use crate::graph::{GraphError, WriteConstantsError};
use crate::publish::PublishError;
use crate::weights::WeightsError;

/// Why a model was not exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// `config.json` could not be read.
    #[error("failed to read the model config at {path}")]
    ReadConfig {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// `config.json` or `modules.json` is no JSON of the expected form.
    #[error("failed to parse the model config at {path}; the file is damaged, download it again")]
    ParseConfig {
        /// The file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: serde_json::Error,
    },
    /// What sentence-transformers does after the model could not be read.
    #[error("failed to read how the model is pooled")]
    ReadModules {
        /// What failed, with the file.
        #[source]
        source: Box<FactsError>,
    },
    /// A member of `config.json` has a value that no model can have.
    #[error("the model config at {path} has {setting} = {value}, but {expected}")]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// The member.
        setting: String,
        /// Its value, as JSON; `nothing` when absent.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// The architecture is not in the table.
    #[error("the architecture {architecture} cannot be exported here; with Python: {command}")]
    UnsupportedArchitecture {
        /// As `config.json` names it.
        architecture: String,
        /// What exports it.
        command: OptimumCommand,
    },
    /// The architecture is in the table, but not with this setting.
    #[error(
        "{architecture} with {setting} = {value} cannot be exported here; with Python: {command}"
    )]
    UnsupportedSetting {
        /// As `config.json` names it.
        architecture: String,
        /// Member of `config.json` or `modules.json`.
        setting: String,
        /// Its value, as JSON.
        value: String,
        /// What exports it.
        command: Box<OptimumCommand>,
    },
    /// The weights cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The graph could not be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The constants could not be written.
    #[error("failed to write {path}")]
    WriteConstants {
        /// The file that was to become.
        path: PathBuf,
        /// What failed.
        #[source]
        source: Box<WriteConstantsError>,
    },
    /// The graph's structure could not be written.
    #[error("failed to write {path}")]
    WriteStructure {
        /// The file that was to become.
        path: PathBuf,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// The finished files could not be put in place.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl ExportError {
    /// Makes the optimum-cli command of an error, if it has one, name this source (such as
    /// `org/name`) and this folder for the result, instead of the folders of the export, which
    /// may be there only for the moment.
    #[must_use]
    pub fn with_names(mut self, source: &str, target: &Path) -> Self {
        let command = match &mut self {
            ExportError::UnsupportedArchitecture { command, .. } => command,
            ExportError::UnsupportedSetting { command, .. } => command.as_mut(),
            _ => return self,
        };
        *command = OptimumCommand::new(Path::new(source), target);
        self
    }
}

/// The command that exports a model with Python, shown where this crate cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimumCommand {
    source: String,
    target: String,
}

impl OptimumCommand {
    pub(crate) fn new(source: &Path, target: &Path) -> Self {
        OptimumCommand {
            source: source.display().to_string(),
            target: target.display().to_string(),
        }
    }
}

impl fmt::Display for OptimumCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "optimum-cli export openvino --task feature-extraction --library sentence_transformers \
             --model {} {}",
            quoted(&self.source),
            quoted(&self.target)
        )
    }
}

/// A word as a POSIX shell must be given it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./@:+,=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_survives_a_shell_and_takes_the_names_of_source_and_target() {
        let command = OptimumCommand::new(Path::new("/models/my model's"), Path::new("out"));
        let error =
            ExportError::UnsupportedArchitecture { architecture: "GPT2Model".to_owned(), command };
        let start = "the architecture GPT2Model cannot be exported here; with Python: \
                     optimum-cli export openvino --task feature-extraction \
                     --library sentence_transformers --model";
        assert_eq!(error.to_string(), format!(r"{start} '/models/my model'\''s' out"));
        let named = error.with_names("org/name", Path::new("models/org/name"));
        assert_eq!(named.to_string(), format!("{start} org/name models/org/name"));
    }
}
