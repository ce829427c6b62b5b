//! Reads a model folder; the only part of `resolve` that touches files.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Overrides, Place, ResolveError, Servable, resolve};
use crate::bounded_file;
use crate::config::ServableEntry;
use crate::facts::SourceFacts;
use crate::graph::{self, Graph};
use crate::manifest::Manifest;
use crate::settings::Settings;

/// Which folder to serve, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRequest {
    /// The name that requests will use.
    pub name: String,
    /// The folder that the graph's `models_path` is relative to.
    pub base_path: PathBuf,
    /// The graph; `None`: `graph.pbtxt` in the base path or in its folder `1`, which then is the
    /// base path.
    pub graph_path: Option<PathBuf>,
    /// Options that win over the files.
    pub overrides: Overrides,
}

impl FolderRequest {
    /// The request for an entry of a `config.json`.
    pub fn from_entry(entry: &ServableEntry, overrides: Overrides) -> FolderRequest {
        FolderRequest {
            name: entry.name.clone(),
            base_path: entry.base_path.clone(),
            graph_path: Some(entry.graph_path.clone()),
            overrides,
        }
    }
}

/// Reads graph, settings, manifest and the model's own files, checks that the files for serving are
/// there, and puts everything together. Settings lie beside the graph, all else beside the model.
///
/// # Errors
/// The first thing that keeps the model from being served; the message names the remedy.
pub fn resolve_folder(request: &FolderRequest) -> Result<Servable, ResolveError> {
    let (base_path, graph_path) = locate_graph(request)?;
    let text = bounded_file::read_text(&graph_path, bounded_file::GRAPH_FILE)
        .map_err(ResolveError::ReadGraph)?;
    let graph = Graph::parse(&text)
        .map_err(|source| ResolveError::Graph { path: graph_path.clone(), source })?;
    let settings_folder = graph_path.parent().unwrap_or(Path::new(""));
    let settings = Settings::read(settings_folder).map_err(ResolveError::Settings)?;

    let directory = base_path.join(&graph.options.models_path);
    if !directory.is_dir() {
        return Err(ResolveError::NoFolder { path: directory });
    }
    let facts = SourceFacts::read(&directory)
        .map_err(|source| ResolveError::Facts { directory: directory.clone(), source })?;
    let (manifest, notices) = read_manifest(&directory);
    let place = locate_files(&request.name, directory, &facts, manifest)?;
    let mut servable = resolve(place, facts, &graph.options, settings, &request.overrides)?;
    servable.notices.extend(notices);
    Ok(servable)
}

/// The graph of a model's folder; `None` where it has none.
///
/// # Errors
/// A graph that cannot be read or is wrong.
pub fn graph_of(folder: &Path) -> Result<Option<Graph>, ResolveError> {
    let path = folder.join(graph::FILE_NAME);
    match bounded_file::read_text(&path, bounded_file::GRAPH_FILE) {
        Ok(text) => {
            Graph::parse(&text).map(Some).map_err(|source| ResolveError::Graph { path, source })
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(ResolveError::ReadGraph(error)),
    }
}

fn locate_graph(request: &FolderRequest) -> Result<(PathBuf, PathBuf), ResolveError> {
    let base_path = &request.base_path;
    if let Some(graph_path) = &request.graph_path {
        return Ok((base_path.clone(), graph_path.clone()));
    }
    if !base_path.is_dir() {
        return Err(ResolveError::NoFolder { path: base_path.clone() });
    }
    [base_path.clone(), base_path.join("1")]
        .into_iter()
        .map(|folder| (folder.clone(), folder.join(graph::FILE_NAME)))
        .find(|(_, graph_path)| graph_path.is_file())
        .ok_or_else(|| ResolveError::NoGraph { path: base_path.clone() })
}

/// A manifest that cannot be read, or that the folder does not match, keeps nobody from serving.
fn read_manifest(directory: &Path) -> (Option<Manifest>, Vec<String>) {
    match Manifest::read(directory) {
        Ok(Some(manifest)) => {
            let notices = manifest
                .verify_sizes(directory)
                .iter()
                .map(|mismatch| format!("{mismatch}, says the manifest: pull the model again"))
                .collect();
            (Some(manifest), notices)
        }
        Ok(None) => (None, Vec::new()),
        Err(error) => (None, vec![error.to_string()]),
    }
}

fn locate_files(
    name: &str,
    directory: PathBuf,
    facts: &SourceFacts,
    manifest: Option<Manifest>,
) -> Result<Place, ResolveError> {
    let files = &facts.files;
    let Some(model) = &files.model else {
        return Err(match files.safetensors {
            true => ResolveError::NotExported { directory },
            false => ResolveError::NoModel { directory },
        });
    };
    let model_file = directory.join(model);
    let weights = match model_file.extension().is_some_and(|extension| extension == "xml") {
        true => model_file.with_extension("bin"),
        false => model_file.clone(),
    };
    if files.weights_missing {
        return Err(ResolveError::NoWeights { path: weights });
    }
    if !files.tokenizer_json {
        let has_openvino_tokenizer = files.openvino_tokenizer;
        return Err(ResolveError::NoTokenizer { directory, has_openvino_tokenizer });
    }
    let weights_bytes = fs::metadata(&weights)
        .map_err(|source| ResolveError::Look { path: weights, source })?
        .len();
    Ok(Place {
        name: name.to_owned(),
        tokenizer_json: directory.join("tokenizer.json"),
        directory,
        model_file,
        weights_bytes,
        manifest,
    })
}
