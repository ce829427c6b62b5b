//! Reads a source folder's `config.json`, refusing what is not implemented.
//!
//! Values are asked for one by one, with transformers' defaults for absent ones; what a value
//! means is left to `architectures`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ExportError;
use crate::error::OptimumCommand;

/// Configurations are a few kilobytes long.
const LONGEST: u64 = 16 << 20;

/// The configuration of one model.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    path: PathBuf,
    /// What stands before the names of the members in messages, as `rope_parameters.`.
    prefix: String,
    members: Map<String, Value>,
    architecture: String,
    command: OptimumCommand,
}

impl Config {
    /// Reads the configuration of the model in `folder`.
    pub(crate) fn read(folder: &Path, command: OptimumCommand) -> Result<Self, ExportError> {
        let path = folder.join("config.json");
        let members: Map<String, Value> = read_json(&path)?;
        let mut config =
            Config { path, prefix: String::new(), members, architecture: String::new(), command };
        config.architecture = config.read_architecture()?;
        Ok(config)
    }

    /// The architecture, or the model type where no architecture is named.
    pub(crate) fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The model type, by which transformers chooses the code that runs a model.
    pub(crate) fn model_type(&self) -> Option<&str> {
        self.members.get("model_type").and_then(Value::as_str)
    }

    /// The object that a member holds, to be asked like the whole; nothing when absent or null.
    pub(crate) fn section(&self, setting: &str) -> Result<Option<Config>, ExportError> {
        match self.members.get(setting) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Config {
                prefix: format!("{}{setting}.", self.prefix),
                members: members.clone(),
                ..self.clone()
            })),
            Some(_) => Err(self.wrong_value(setting, "it must be an object".to_owned())),
        }
    }

    /// Whether a member is there and not null.
    pub(crate) fn has(&self, setting: &str) -> bool {
        !matches!(self.members.get(setting), None | Some(Value::Null))
    }

    /// Whether a member is there and is null.
    pub(crate) fn is_null(&self, setting: &str) -> bool {
        matches!(self.members.get(setting), Some(Value::Null))
    }

    /// A count, at least `least`; nothing when absent or null.
    pub(crate) fn optional_count(
        &self,
        setting: &str,
        least: u64,
    ) -> Result<Option<u64>, ExportError> {
        if self.has(setting) { self.count(setting, least, least).map(Some) } else { Ok(None) }
    }

    /// Yes or no; `default` when absent or null.
    pub(crate) fn flag(&self, setting: &str, default: bool) -> Result<bool, ExportError> {
        match self.members.get(setting) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong_value(setting, "it must be true or false".to_owned())),
        }
    }

    /// A list of names; nothing when absent or null.
    pub(crate) fn names(&self, setting: &str) -> Result<Option<Vec<&str>>, ExportError> {
        let expected = || self.wrong_value(setting, "it must be a list of names".to_owned());
        match self.members.get(setting) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().ok_or_else(expected));
                names.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(expected()),
        }
    }

    /// Refuses a number other than `only`; absent and null pass.
    pub(crate) fn require_number(&self, setting: &str, only: f64) -> Result<(), ExportError> {
        match self.members.get(setting) {
            None | Some(Value::Null) => Ok(()),
            Some(value) if value.as_f64() == Some(only) => Ok(()),
            Some(_) => Err(self.unsupported(setting)),
        }
    }

    /// A count, at least `least`; `default` when absent.
    pub(crate) fn count(
        &self,
        setting: &str,
        least: u64,
        default: u64,
    ) -> Result<u64, ExportError> {
        let Some(value) = self.members.get(setting) else {
            return Ok(default);
        };
        // Signed in the IR, hence the upper bound.
        let in_range = |count: &u64| (least..=i64::MAX.cast_unsigned()).contains(count);
        value.as_u64().filter(in_range).ok_or_else(|| {
            self.wrong_value(setting, format!("it must be a whole number of {least} or more"))
        })
    }

    /// A number above zero in single precision; `default` when absent.
    pub(crate) fn positive(&self, setting: &str, default: f32) -> Result<f32, ExportError> {
        let number = self.positive_number(setting, f64::from(default))?;
        Ok(number as f32)
    }

    /// A number above zero, in single precision too; `default` when absent.
    pub(crate) fn positive_number(&self, setting: &str, default: f64) -> Result<f64, ExportError> {
        let Some(value) = self.members.get(setting) else {
            return Ok(default);
        };
        let is_positive = |number: &f64| {
            let single = *number as f32;
            single.is_finite() && single > 0.0
        };
        value
            .as_f64()
            .filter(is_positive)
            .ok_or_else(|| self.wrong_value(setting, "it must be a number above zero".to_owned()))
    }

    /// A name; `default` when absent.
    pub(crate) fn name<'a>(
        &'a self,
        setting: &str,
        default: &'a str,
    ) -> Result<&'a str, ExportError> {
        match self.members.get(setting) {
            None => Ok(default),
            Some(value) => value
                .as_str()
                .ok_or_else(|| self.wrong_value(setting, "it must be a string".to_owned())),
        }
    }

    /// Refuses a setting that asks for something: only absent, null, false and empty pass.
    pub(crate) fn require_off(&self, setting: &str) -> Result<(), ExportError> {
        let is_off = match self.members.get(setting) {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Bool(true) | Value::Number(_) | Value::String(_)) => false,
        };
        if is_off { Ok(()) } else { Err(self.unsupported(setting)) }
    }

    /// Refuses a name other than `only`; absent and null pass.
    pub(crate) fn require_name(&self, setting: &str, only: &str) -> Result<(), ExportError> {
        match self.members.get(setting) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(name)) if name == only => Ok(()),
            Some(_) => Err(self.unsupported(setting)),
        }
    }

    /// Refuses a model whose code is Python in its repository, unless it is the code `known`,
    /// which is implemented here.
    pub(crate) fn require_no_own_code(&self, known: Option<&str>) -> Result<(), ExportError> {
        let own_model = self.members.get("auto_map").and_then(|map| map.get("AutoModel"));
        let is_known = |code: &str| {
            // Code of another repository is named `org/name--file.Class`.
            let code = code.rsplit_once("--").map_or(code, |(_, code)| code);
            known == Some(code)
        };
        match own_model {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(code)) if is_known(code) => Ok(()),
            Some(code) => Err(self.unsupported_value("auto_map.AutoModel", code.to_string())),
        }
    }

    /// The error for a setting whose value is not implemented.
    pub(crate) fn unsupported(&self, setting: &str) -> ExportError {
        self.unsupported_value(setting, self.value_text(setting))
    }

    /// The error for the architecture itself.
    pub(crate) fn unsupported_architecture(&self) -> ExportError {
        ExportError::UnsupportedArchitecture {
            architecture: self.architecture.clone(),
            command: self.command.clone(),
        }
    }

    /// The error for a value that makes no sense.
    pub(crate) fn wrong_value(&self, setting: &str, expected: String) -> ExportError {
        ExportError::ConfigValue {
            path: self.path.clone(),
            setting: format!("{}{setting}", self.prefix),
            value: self.value_text(setting),
            expected,
        }
    }

    pub(crate) fn unsupported_value(&self, setting: &str, value: String) -> ExportError {
        ExportError::UnsupportedSetting {
            architecture: self.architecture.clone(),
            setting: format!("{}{setting}", self.prefix),
            value,
            command: Box::new(self.command.clone()),
        }
    }

    fn value_text(&self, setting: &str) -> String {
        let value = self.members.get(setting);
        value.map_or_else(|| "nothing".to_owned(), Value::to_string)
    }

    fn read_architecture(&self) -> Result<String, ExportError> {
        let first = match self.members.get("architectures") {
            None | Some(Value::Null) => None,
            Some(Value::Array(names)) if names.is_empty() => None,
            Some(Value::Array(names)) => Some(names[0].as_str().ok_or_else(|| {
                self.wrong_value("architectures", "it must be a list of names".to_owned())
            })?),
            Some(_) => {
                let expected = "it must be a list of names".to_owned();
                return Err(self.wrong_value("architectures", expected));
            }
        };
        first.or_else(|| self.model_type()).map(str::to_owned).ok_or_else(|| {
            let expected = "it must name the model's architecture".to_owned();
            self.wrong_value("architectures", expected)
        })
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ExportError> {
    let bytes = read_bounded(path)
        .map_err(|source| ExportError::ReadConfig { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|source| ExportError::ParseConfig { path: path.to_owned(), source })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.len() > LONGEST {
        return Err(io::Error::other(format!("it is over {LONGEST} bytes long")));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
