//! Reads manifests: YAML text in, checked `EmbeddingModel`s out. The only module of this crate that reads
//! YAML.
//!
//! A typing mistake is refused with the field and the line, as the API server would refuse it. Rules that
//! tie fields together are left to [`crate::validate()`].

use serde_json::Value;

use crate::definition::object_schema;
use crate::schema::{self, Mismatch};
use crate::{API_VERSION, EmbeddingModel, KIND};

mod document;
mod error;
mod locate;

pub use error::{ManifestError, Problem};

/// The longest text that is read, in bytes: about what a cluster takes for one object.
pub const MOST_BYTES: usize = 1024 * 1024;

/// The most problems that are reported at once.
const MOST_PROBLEMS: usize = 20;

/// What a text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// The models, in the order of the text; at least one.
    pub models: Vec<EmbeddingModel>,
    /// The objects of other kinds, which a caller names in a notice.
    pub skipped: Vec<Skipped>,
}

/// An object of another kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Its `metadata.name`, if it has one.
    pub name: Option<String>,
}

/// Reads all documents of a YAML (or JSON) text.
///
/// Defaults are applied, `null` members dropped and `1.0` read as `1`, as by the API server. A `status` is ignored.
pub fn read_manifests(text: &str) -> Result<Manifests, ManifestError> {
    if text.len() > MOST_BYTES {
        return Err(ManifestError::TooLong { bytes: text.len(), most: MOST_BYTES });
    }
    let mut manifests = Manifests::default();
    for (index, document) in document::read_all(text)?.into_iter().enumerate() {
        let line = || locate::first_line(text, index);
        let value = match document {
            Value::Null => continue,
            value @ Value::Object(_) => value,
            _ => return Err(ManifestError::NotAnObject { line: line() }),
        };
        let text_of = |field: &'static str| match &value[field] {
            Value::String(text) => Ok(text.clone()),
            _ => Err(ManifestError::NoType { line: line(), field }),
        };
        let (api_version, kind) = (text_of("apiVersion")?, text_of("kind")?);
        let group = |version: &str| version.split('/').next().unwrap_or_default().to_owned();
        if kind == KIND && api_version != API_VERSION {
            return Err(ManifestError::ApiVersion { line: line(), found: api_version });
        } else if kind == KIND {
            manifests.models.push(read_model(text, index, value)?);
        } else if group(&api_version) == group(API_VERSION) {
            return Err(ManifestError::Kind { line: line(), found: kind });
        } else {
            let name = value["metadata"]["name"].as_str().map(str::to_owned);
            manifests.skipped.push(Skipped { api_version, kind, name });
        }
    }
    match manifests.models.is_empty() {
        true => Err(ManifestError::NoModel { skipped: manifests.skipped }),
        false => Ok(manifests),
    }
}

fn read_model(text: &str, index: usize, mut value: Value) -> Result<EmbeddingModel, ManifestError> {
    if let Some(members) = value.as_object_mut() {
        members.remove("status");
    }
    schema::normalize(object_schema(), &mut value);
    let mismatches = schema::check(object_schema(), &value);
    if mismatches.is_empty() {
        return serde_json::from_value(value).map_err(|source| ManifestError::Decode {
            line: locate::first_line(text, index),
            source,
        });
    }
    let more = mismatches.len().saturating_sub(MOST_PROBLEMS);
    let problems = mismatches
        .into_iter()
        .take(MOST_PROBLEMS)
        .map(|Mismatch { path, message }| Problem {
            line: locate::line_of(text, index, &path),
            path: path.to_string(),
            message,
        })
        .collect();
    Err(ManifestError::Fields { problems, more })
}
