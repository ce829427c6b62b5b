//! Source folders with a small BERT model, to be changed by each test.

use std::fs;
use std::path::{Path, PathBuf};

use model_export::{ExportError, ExportOptions, Exported, WeightFormat, export};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A tensor to be written: name, type, shape and bytes.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    /// A tensor of single precision whose values differ from each other.
    pub(crate) fn new(name: &str, shape: &[usize]) -> Self {
        let count: usize = shape.iter().product();
        let value = |index| index as f32 / 16.0 - 1.0 + name.len() as f32;
        Stored {
            name: name.to_owned(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: (0..count).flat_map(|index| value(index).to_le_bytes()).collect(),
        }
    }

    /// Overwrites one value.
    pub(crate) fn set(&mut self, index: usize, value: f32) {
        self.bytes[index * 4..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

/// A folder with a model in it, and a folder beside it to export to.
pub(crate) struct Source {
    folder: TempDir,
    pub(crate) config: Value,
    pub(crate) tensors: Vec<Stored>,
}

impl Source {
    /// One layer, hidden size 4, two heads, 11 words, 6 positions.
    pub(crate) fn new() -> Self {
        let config = json!({
            "architectures": ["BertModel"], "model_type": "bert", "vocab_size": 11,
            "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 3, "hidden_act": "gelu", "max_position_embeddings": 6,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12
        });
        let mut tensors = vec![
            Stored::new("embeddings.word_embeddings.weight", &[11, 4]),
            Stored::new("embeddings.position_embeddings.weight", &[6, 4]),
            Stored::new("embeddings.token_type_embeddings.weight", &[2, 4]),
            Stored::new("embeddings.LayerNorm.weight", &[4]),
            Stored::new("embeddings.LayerNorm.bias", &[4]),
        ];
        for (part, to, from) in [
            ("attention.self.query", 4, 4),
            ("attention.self.key", 4, 4),
            ("attention.self.value", 4, 4),
            ("attention.output.dense", 4, 4),
            ("intermediate.dense", 3, 4),
            ("output.dense", 4, 3),
        ] {
            let name = format!("encoder.layer.0.{part}");
            tensors.push(Stored::new(&format!("{name}.weight"), &[to, from]));
            tensors.push(Stored::new(&format!("{name}.bias"), &[to]));
        }
        for part in ["attention.output", "output"] {
            let name = format!("encoder.layer.0.{part}.LayerNorm");
            tensors.push(Stored::new(&format!("{name}.weight"), &[4]));
            tensors.push(Stored::new(&format!("{name}.bias"), &[4]));
        }
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("source")).expect("folder");
        Source { folder, config, tensors }
    }

    /// Gives the model another hidden size, intermediate size and number of words.
    pub(crate) fn widen(&mut self, hidden: usize, intermediate: usize, words: usize) {
        for (setting, value) in
            [("hidden_size", hidden), ("intermediate_size", intermediate), ("vocab_size", words)]
        {
            self.config[setting] = json!(value);
        }
        let widened = |size: &usize| match *size {
            4 => hidden,
            3 => intermediate,
            11 => words,
            other => other,
        };
        for tensor in &mut self.tensors {
            let shape: Vec<usize> = tensor.shape.iter().map(widened).collect();
            *tensor = Stored::new(&tensor.name, &shape);
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Stored {
        let mut tensors = self.tensors.iter_mut();
        tensors.find(|tensor| tensor.name == name).expect("tensor")
    }

    pub(crate) fn add(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).expect("file");
    }

    pub(crate) fn write_config(&self) {
        self.add("config.json", self.config.to_string());
    }

    /// Writes config.json and model.safetensors, then exports.
    pub(crate) fn export(&self, weight_format: WeightFormat) -> Result<Exported, ExportError> {
        self.write();
        self.export_as_it_is(weight_format)
    }

    /// Writes config.json and model.safetensors.
    pub(crate) fn write(&self) {
        self.write_config();
        self.add("model.safetensors", serialized(&self.tensors));
    }

    pub(crate) fn export_as_it_is(
        &self,
        weight_format: WeightFormat,
    ) -> Result<Exported, ExportError> {
        self.export_with(&ExportOptions::from(weight_format))
    }

    pub(crate) fn export_with(&self, options: &ExportOptions) -> Result<Exported, ExportError> {
        export(&self.path(), &self.target(), options, &mut |_, _| {})
    }

    /// The message of an export that must fail and leave nothing behind.
    pub(crate) fn refusal(&self) -> String {
        self.write_config();
        if !self.path().join("model.safetensors").exists() {
            self.add("model.safetensors", serialized(&self.tensors));
        }
        self.refusal_as_it_is()
    }

    pub(crate) fn refusal_as_it_is(&self) -> String {
        self.refusal_with(&ExportOptions::from(WeightFormat::Fp32))
    }

    pub(crate) fn refusal_with(&self, options: &ExportOptions) -> String {
        let error = self.export_with(options).expect_err("must be refused");
        assert_eq!(files(&self.target()), Vec::<String>::new());
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text.replace(&self.path().display().to_string(), "SOURCE")
            .replace(&self.target().display().to_string(), "TARGET")
    }
}

pub(crate) fn serialized(tensors: &[Stored]) -> Vec<u8> {
    let views = tensors.iter().map(|stored| {
        let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes);
        (stored.name.clone(), view.expect("view"))
    });
    safetensors::serialize(views, None).expect("safetensors")
}

/// Names of a folder's files, hidden ones too; none if there is no folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
        .collect();
    names.sort();
    names
}
