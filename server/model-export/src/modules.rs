//! What sentence-transformers does after the model: `modules.json` and the folders it names.
//!
//! Pooling and normalisation are the server's. `Dense` modules lie between the two, so a model
//! that has them pools inside its graph: see [`Tail`].

use std::io;
use std::path::{Path, PathBuf};

use model_repository::Pooling;
use model_repository::facts::{FactsError, SourceFacts};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{Config, read_json};
use crate::{ExportError, Pooled};

/// The function at the end of a `Dense` module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DenseActivation {
    Identity,
    Gelu,
    Relu,
    Sigmoid,
    Silu,
    Tanh,
}

impl DenseActivation {
    /// PyTorch's classes, by the last part of their names.
    fn of(class: &str) -> Option<Self> {
        Some(match class.rsplit('.').next()? {
            "Identity" => DenseActivation::Identity,
            "GELU" => DenseActivation::Gelu,
            "ReLU" => DenseActivation::Relu,
            "Sigmoid" => DenseActivation::Sigmoid,
            "SiLU" => DenseActivation::Silu,
            "Tanh" => DenseActivation::Tanh,
            _ => return None,
        })
    }
}

/// One `Dense` module: activation(x · weightᵀ + bias).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dense {
    /// Folder below the source, e.g. `2_Dense`.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) inputs: u64,
    pub(crate) outputs: u64,
    pub(crate) has_bias: bool,
    pub(crate) activation: DenseActivation,
}

/// Pooling and the modules after it, where they have to be part of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) pooling: Pooling,
    /// At least one.
    pub(crate) dense: Vec<Dense>,
}

impl From<Tail> for Pooled {
    fn from(tail: Tail) -> Self {
        Pooled {
            pooling: tail.pooling,
            dimensions: tail.dense.last().map_or(0, |dense| dense.outputs),
            modules: tail.dense.into_iter().map(|dense| dense.name).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Reads what follows the model in `folder`; nothing where the server does all of it. Modules
/// that are not known, or that stand where they change what the server does, are refused.
///
/// `pooling` decides over the model's own files.
pub(crate) fn read_tail(
    folder: &Path,
    config: &Config,
    pooling: Option<Pooling>,
) -> Result<Option<Tail>, ExportError> {
    let path = folder.join("modules.json");
    let modules: Vec<Module> = match read_json(&path) {
        Err(ExportError::ReadConfig { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    let (mut dense, mut is_pooled, mut is_normalized) = (Vec::new(), false, false);
    for Module { path, kind } in modules {
        let class = kind.rsplit('.').next().unwrap_or_default();
        let is_known = match class {
            "Transformer" => path.is_empty() && !is_pooled,
            "Pooling" => !std::mem::replace(&mut is_pooled, true),
            "Dense" if is_pooled && !is_normalized => {
                dense.push(read_dense(folder, &path, config)?);
                true
            }
            "Normalize" => {
                is_normalized = true;
                true
            }
            "Dropout" => true,
            _ => false,
        };
        if !is_known || !kind.starts_with("sentence_transformers.") {
            let place = format!("the module `{path}` of modules.json");
            return Err(config.unsupported_value(&place, Value::from(kind).to_string()));
        }
    }
    if dense.is_empty() {
        return Ok(None);
    }
    let pooling = match pooling {
        Some(pooling) => pooling,
        None => own_pooling(folder, config)?,
    };
    Ok(Some(Tail { pooling, dense }))
}

/// The pooling of the model's own files.
fn own_pooling(folder: &Path, config: &Config) -> Result<Pooling, ExportError> {
    let read_error = |source: FactsError| ExportError::ReadModules { source: Box::new(source) };
    let facts = SourceFacts::read(folder).map_err(read_error)?;
    match (facts.pooling, facts.unsupported_pooling) {
        (Some(pooling), _) => Ok(pooling),
        (None, Some(mode)) => {
            Err(config
                .unsupported_value("the pooling of modules.json", Value::from(mode).to_string()))
        }
        (None, None) => Ok(Pooling::Cls),
    }
}

fn read_dense(folder: &Path, name: &str, config: &Config) -> Result<Dense, ExportError> {
    #[derive(Deserialize)]
    struct Settings {
        in_features: u64,
        out_features: u64,
        #[serde(default = "with_bias")]
        bias: bool,
        #[serde(default = "default_activation")]
        activation_function: Option<String>,
    }
    // sentence-transformers' defaults.
    fn with_bias() -> bool {
        true
    }
    fn default_activation() -> Option<String> {
        Some("torch.nn.modules.activation.Tanh".to_owned())
    }
    let is_plain = !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let place = format!("the module `{name}` of modules.json");
    if !is_plain {
        return Err(config.unsupported_value(&place, Value::from("Dense").to_string()));
    }
    let folder = folder.join(name);
    let settings: Settings = read_json(&folder.join("config.json"))?;
    let activation = match &settings.activation_function {
        None => Some(DenseActivation::Identity),
        Some(class) => DenseActivation::of(class),
    };
    let activation = activation.ok_or_else(|| {
        let value = settings.activation_function.map_or(Value::Null, Value::from);
        config.unsupported_value(&format!("activation_function of {place}"), value.to_string())
    })?;
    Ok(Dense {
        name: name.to_owned(),
        folder,
        inputs: settings.in_features,
        outputs: settings.out_features,
        has_bias: settings.bias,
        activation,
    })
}
