//! Exports safetensors models to OpenVINO IR without Python.
//!
//! [`export`] reads `config.json` and `model.safetensors` (or the shards that
//! `model.safetensors.index.json` names) of a folder and writes `openvino_model.xml` and
//! `openvino_model.bin`. The IR takes `input_ids`, `attention_mask` and, where the model has
//! segment embeddings, `token_type_ids` (all i64, `[batch, tokens]`) and answers
//! `last_hidden_state` (f32, `[batch, tokens, hidden]`). Pooling and normalisation stay outside,
//! except that a model with `Dense` modules after pooling pools in its graph and answers
//! `sentence_embedding` (f32, `[batch, size]`), not normalised.
//!
//! The parts: `config`, `modules` and [`weights`] check what the source folder holds, [`graph`]
//! builds and writes any OpenVINO graph, `architectures` has one file per model family,
//! `compression` makes int8 and int4 of its matrices, `publish` puts finished files in place.
//! [`tokenizer`] makes the `tokenizer.json` that a model's files mean. Pooling and limits are left
//! to others.

mod architectures;
mod compression;
mod config;
mod error;
pub mod graph;
mod modules;
mod options;
mod publish;
pub mod tokenizer;
pub mod weights;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use model_repository::facts::{DENSE_FACT, DIMENSIONS_FACT, POOLING_FACT};

pub use compression::{Backup, CompressionOptions, Grouping, ParametersError, Symmetry};
pub use error::{ExportError, OptimumCommand};
pub use options::{ExportOptions, Exported, ParseWeightFormatError, Pooled, WeightFormat};
pub use publish::PublishError;

use architectures::Model;
use config::Config;
use graph::{Graph, Placement, WriteConstantsError};
use publish::Part;
use weights::Weights;

/// Exports the model in `source_dir` to `openvino_model.xml` and `.bin` in `target_dir`, which
/// is made if need be and may be the same folder.
///
/// Weights are streamed: memory stays at a few megabytes whatever the model's size. `progress`
/// is told the bytes of weights written so far and in all. The same source and options give
/// the same bytes.
///
/// # Errors
/// When the source is incomplete, damaged or of a kind that is not implemented, or the target
/// cannot be written. Files appear whole or not at all, and an older export stays, unless the
/// very last step failed, the renaming: then there is none.
pub fn export(
    source_dir: &Path,
    target_dir: &Path,
    options: &ExportOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let format = options.weight_format;
    let config = Config::read(source_dir, OptimumCommand::new(source_dir, target_dir))?;
    let architecture = architectures::find(&config)?;
    let tail = modules::read_tail(source_dir, &config, options.pooling)?;
    let weights = Weights::open(source_dir)?;
    let Model { mut graph, parameters } =
        architecture.build(&config, weights, format, tail.as_ref())?;
    if matches!(format, WeightFormat::Int8 | WeightFormat::Int4) {
        graph = compression::compress(graph, format, &options.compression)?;
    }
    graph.add_fact("exporter", concat!("embedserve ", env!("CARGO_PKG_VERSION")));
    graph.add_fact("architecture", config.architecture());
    graph.add_fact("weight_format", format.as_str());
    for (name, value) in options.compression.facts(format) {
        graph.add_fact(name, value);
    }
    let pooled = tail.map(Pooled::from);
    if let Some(Pooled { pooling, modules, dimensions }) = &pooled {
        graph.add_fact(POOLING_FACT, pooling.as_str());
        graph.add_fact(DENSE_FACT, modules.join(" "));
        graph.add_fact(DIMENSIONS_FACT, dimensions.to_string());
    }
    let bytes = write(&graph, target_dir, progress)?;
    Ok(Exported { architecture: config.architecture().to_owned(), parameters, bytes, pooled })
}

fn write(
    graph: &Graph,
    target_dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, ExportError> {
    let constants = Part::create(target_dir, "openvino_model.bin")?;
    let structure = Part::create(target_dir, "openvino_model.xml")?;
    let total = graph::constant_bytes(graph);
    progress(0, total);
    let mut report = |done| progress(done, total);
    let (placements, constants_size) =
        write_constants(graph, &constants, &mut report).map_err(|source| {
            ExportError::WriteConstants {
                path: constants.target().to_owned(),
                source: Box::new(source),
            }
        })?;
    let structure_size = write_structure(graph, &placements, &structure).map_err(|source| {
        ExportError::WriteStructure { path: structure.target().to_owned(), source }
    })?;
    publish::publish(constants, structure)?;
    Ok(constants_size + structure_size)
}

fn write_constants(
    graph: &Graph,
    part: &Part,
    progress: &mut dyn FnMut(u64),
) -> Result<(Vec<Option<Placement>>, u64), WriteConstantsError> {
    let mut sink = BufWriter::new(part.file());
    let placements = graph::write_constants(graph, &mut sink, progress)?;
    sink.flush().map_err(WriteConstantsError::Write)?;
    let metadata = part.file().metadata().map_err(WriteConstantsError::Write)?;
    Ok((placements, metadata.len()))
}

fn write_structure(
    graph: &Graph,
    placements: &[Option<Placement>],
    part: &Part,
) -> io::Result<u64> {
    let mut sink = BufWriter::new(part.file());
    graph::write_xml(graph, placements, &mut sink)?;
    sink.flush()?;
    Ok(part.file().metadata()?.len())
}
