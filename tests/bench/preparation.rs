//! The model folder that all ways of embedding read, and what they share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use engine::TextTokenizer;
use integration_tests::shapes::Shape;
use integration_tests::{program, random_weights};
use model_export::{ExportOptions, WeightFormat, export};
use model_repository::Pooling;
use model_repository::graph::{self, EmbeddingsOptions, Graph};
use openvino_runtime::{
    ModelOptions, OpenVino, OpenVinoModel, WeightDecompression, find_libraries,
};
use tempfile::TempDir;

use crate::direct::Setting;

/// Files of MiniLM's that a server reads beside an exported model and its `config.json`.
const COPIED: [&str; 5] = [
    "1_Pooling/config.json",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// MiniLM's usable positions.
pub(crate) const MAX_TOKENS: usize = 512;

/// What every way of embedding shares.
pub(crate) struct Preparation {
    /// Where the report goes: `target/bench`.
    pub(crate) folder: PathBuf,
    /// The exported model in fp32, with everything a server needs.
    pub(crate) model: PathBuf,
    pub(crate) tokenizer: Arc<TextTokenizer>,
    pub(crate) openvino: Arc<OpenVino>,
    /// Cores that this process, and so a child of it, may use.
    pub(crate) cores: usize,
}

impl Preparation {
    /// Exports MiniLM's weights from the cache folder and loads OpenVINO.
    pub(crate) fn make() -> Result<Self> {
        let folder = target()?.join("bench");
        let model = folder.join("model");
        export_to(&minilm()?, &model, WeightFormat::Fp32, Pooling::Mean)?;

        let bytes =
            fs::read(model.join("tokenizer.json")).context("failed to read the tokenizer")?;
        let tokenizer =
            TextTokenizer::from_bytes(&bytes).context("failed to parse the tokenizer")?;
        let libraries = find_libraries(None).context("run `make deps` first")?;
        Ok(Self {
            folder,
            model,
            tokenizer: Arc::new(tokenizer),
            openvino: OpenVino::load(&libraries)?,
            cores: std::thread::available_parallelism()?.get(),
        })
    }

    /// The same model with its weights in another format, exported when it is asked for.
    pub(crate) fn model_in(&self, format: WeightFormat) -> Result<PathBuf> {
        let model = self.folder.join(format!("model-{format}"));
        export_to(&minilm()?, &model, format, Pooling::Mean)?;
        Ok(model)
    }

    /// A model of random weights, with MiniLM's tokenizer.
    pub(crate) fn random_model(
        &self,
        shape: &Shape,
        format: WeightFormat,
        pooling: Pooling,
    ) -> Result<TempDir> {
        let source = tempfile::tempdir_in(&self.folder).context("failed to make a folder")?;
        let model = tempfile::tempdir_in(&self.folder).context("failed to make a folder")?;
        random_weights::write(shape, source.path()).context("failed to write random weights")?;
        export_to(source.path(), model.path(), format, pooling)?;
        Ok(model)
    }

    /// Bytes of the weights in fp32.
    pub(crate) fn weights_bytes(&self) -> Result<u64> {
        Ok(self.model.join("openvino_model.bin").metadata()?.len())
    }

    /// The model in a folder, compiled for so many streams and threads.
    pub(crate) fn compile(&self, model: &Path, setting: Setting) -> Result<OpenVinoModel> {
        let options = ModelOptions {
            xml_or_onnx: model.join("openvino_model.xml"),
            device: "CPU".to_owned(),
            plugin_config: plugin_config(),
            streams: Some(setting.streams),
            threads: Some(setting.threads),
            wide_threads: None,
            cache_dir: None,
            weight_decompression: WeightDecompression::Never,
        };
        OpenVinoModel::load(&self.openvino, options)
            .with_context(|| format!("failed to load the model with {setting:?}"))
    }
}

/// MiniLM as it was published.
pub(crate) fn minilm() -> Result<PathBuf> {
    let folder = program::cache().join("all-MiniLM-L6-v2");
    let is_there = folder.join("model.safetensors").is_file();
    ensure!(is_there, "{} is missing: run `make deps` first", folder.display());
    Ok(folder)
}

/// Exports a source's weights into a folder, with everything that a server reads.
fn export_to(source: &Path, model: &Path, format: WeightFormat, pooling: Pooling) -> Result<()> {
    fs::create_dir_all(model.join("1_Pooling"))
        .with_context(|| format!("failed to make {}", model.display()))?;
    let options = ExportOptions::from(format);
    export(source, model, &options, &mut |_, _| {}).context("failed to export the model")?;
    let copy = |from: &Path, file: &str| {
        fs::copy(from.join(file), model.join(file))
            .with_context(|| format!("failed to copy {file}"))
    };
    copy(source, "config.json")?;
    let others = minilm()?;
    for file in COPIED {
        copy(&others, file)?;
    }
    let options = EmbeddingsOptions {
        pooling: Some(pooling),
        plugin_config: plugin_config(),
        ..EmbeddingsOptions::default()
    };
    let text = Graph { options, ..Graph::default() }.render();
    fs::write(model.join(graph::FILE_NAME), text).context("failed to write the graph")
}

/// Single precision for everybody: by default OpenVINO rounds to bf16 on processors that are fast at
/// it, and then figures of two machines could not be compared.
pub(crate) fn plugin_config() -> BTreeMap<String, String> {
    BTreeMap::from([("INFERENCE_PRECISION_HINT".to_owned(), "f32".to_owned())])
}

/// Cargo's target folder, of which this program is a part.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program's path is unknown")?;
    let target = program.ancestors().nth(2).context("not in cargo's target folder")?;
    Ok(target.to_path_buf())
}
