//! What a model says about itself before it is pulled: its small files, read from where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model_hub::{
    HubError, HubOptions, Part, RepoFile, Resolved, Selection, WeightsKind, read_parts,
};
use model_repository::facts::{END_OF_GRAPH, FactsError, GraphModules, SourceFacts, SourceFiles};
use model_repository::{Pooling, ReadFileError, decode};
use serde_json::Value;

/// The largest file that is read: a `tokenizer_config.json` lists added tokens.
const LARGEST: u64 = 4 << 20;

/// JSON files that say nothing about how a model is served, and may be large.
const NOT_FACTS: [&str; 4] =
    ["tokenizer.json", "vocab.json", "added_tokens.json", "model.safetensors.index.json"];

/// The files of a selection, by the names that they will have in the model's folder.
pub(super) struct ListedFiles {
    places: BTreeSet<String>,
    /// What was read, by path in the repository: SHA-256 demands are about these.
    pub(super) read: BTreeMap<String, Vec<u8>>,
    /// Path in the repository by place.
    paths: BTreeMap<String, String>,
}

impl ListedFiles {
    /// Reads the small files of `selection`.
    pub(super) async fn read(
        resolved: &Resolved,
        selection: &Selection,
        options: &HubOptions,
    ) -> Result<Self, HubError> {
        let part = |file: &RepoFile| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let is_small = file.size <= LARGEST && !NOT_FACTS.contains(&name);
            match file.path.rsplit_once('.') {
                Some((_, "json")) if is_small => Some(Part::Whole),
                Some((_, "xml")) if file.path == selection.model => Some(Part::End(END_OF_GRAPH)),
                _ => None,
            }
        };
        let parts = selection.files.iter().filter_map(|file| Some((file.clone(), part(file)?)));
        let read = read_parts(resolved, parts.collect(), options).await?;
        let mut paths: BTreeMap<String, String> =
            selection.files.iter().map(|file| (file.path.clone(), file.path.clone())).collect();
        for (path, place) in selection.served_files() {
            paths.remove(path);
            paths.insert(place.to_owned(), path.to_owned());
        }
        Ok(Self { places: paths.keys().cloned().collect(), read, paths })
    }

    /// The facts that the model's folder will have, `pooling` being what an export is to do.
    pub(super) fn facts(
        &self,
        kind: WeightsKind,
        pooling: Option<Pooling>,
    ) -> Result<SourceFacts, FactsError> {
        let mut facts = SourceFacts::from_files(self)?;
        if kind == WeightsKind::Safetensors && !facts.other_modules.is_empty() {
            // An export puts pooling and what follows it into the graph.
            facts.graph_modules = Some(GraphModules {
                pooling: pooling.or(facts.pooling).unwrap_or(Pooling::Cls),
                dense: facts.other_modules.clone(),
                dimensions: facts.other_modules.last().and_then(|last| self.outputs_of(last)),
            });
        }
        Ok(facts)
    }

    /// Numbers that a `Dense` module gives.
    fn outputs_of(&self, module: &str) -> Option<usize> {
        let text = self.bytes(&format!("{module}/config.json"))?;
        let config: Value = serde_json::from_slice(text).ok()?;
        config.get("out_features")?.as_u64()?.try_into().ok()
    }

    fn bytes(&self, place: &str) -> Option<&[u8]> {
        self.read.get(self.paths.get(place)?).map(Vec::as_slice)
    }
}

impl SourceFiles for ListedFiles {
    fn text(&self, path: &str) -> Result<Option<String>, ReadFileError> {
        let text = self.bytes(path).map(|bytes| decode(Path::new(path), bytes.to_vec()));
        text.transpose()
    }

    fn end(&self, path: &str, length: u64) -> Result<Option<String>, ReadFileError> {
        let Some(bytes) = self.bytes(path) else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
        let end = &bytes[bytes.len() - length..];
        Ok(Some(String::from_utf8_lossy(end).into_owned()))
    }

    fn has(&self, path: &str) -> bool {
        self.places.contains(path)
    }
}
