//! What a model's own files say about it: limits, pooling, prompts, sizes, and which files are there.
//!
//! Read are the files of transformers (`config.json`, `tokenizer_config.json`) and of
//! sentence-transformers (`modules.json`, the pooling module's `config.json`,
//! `sentence_bert_config.json`, `config_sentence_transformers.json`), in the spellings of all their
//! releases. All of them may be absent. The same works on a folder and on files of a hub that were
//! not downloaded to a folder: see [`SourceFiles`].

mod error;
mod files;
mod graph_modules;
mod members;
mod pooling;
mod positions;
mod sentence_transformers;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::FactsError;
pub use files::{PresentFiles, SourceFiles};
pub use graph_modules::{DENSE_FACT, DIMENSIONS_FACT, END_OF_GRAPH, GraphModules, POOLING_FACT};
pub use positions::UNKNOWN_LIMIT;
pub use sentence_transformers::TRANSFORMER_SETTINGS;

use crate::Pooling;
use crate::sizing::ModelSize;
use files::Folder;
use members::Members;

/// What a model's files say. Members are `None` where no file says anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFacts {
    /// The first of `architectures`, e.g. `BertModel`.
    pub architecture: Option<String>,
    /// `model_type`, e.g. `bert`.
    pub model_type: Option<String>,
    /// Length of a token's vector.
    pub hidden_size: Option<usize>,
    /// Width of the feed-forward part.
    pub intermediate_size: Option<usize>,
    /// Layers.
    pub layers: Option<usize>,
    /// Attention heads of a layer.
    pub attention_heads: Option<usize>,
    /// Token ids are below this.
    pub vocabulary_size: Option<usize>,
    /// The id that fills rows up.
    pub pad_token_id: Option<u32>,
    /// `dtype` or `torch_dtype` of the source weights, e.g. `float32`.
    pub precision: Option<String>,
    /// The most tokens of a text, special tokens included, that the model has positions for.
    pub usable_tokens: Option<usize>,
    /// Where sentence-transformers cuts texts, in tokens.
    pub max_seq_length: Option<usize>,
    /// The pooling mode of sentence-transformers' pooling module.
    pub pooling: Option<Pooling>,
    /// Its mode when it is one that is not served, e.g. `max` or `cls+mean`.
    pub unsupported_pooling: Option<String>,
    /// Whether the pooling module leaves the tokens of a prompt out of the mean.
    pub pooling_excludes_prompt: bool,
    /// Whether sentence-transformers scales vectors to length 1.
    pub normalize_module: bool,
    /// Whether vectors are scaled to length 1, as the `graph.pbtxt` of a folder that is served where it is says.
    pub normalize: Option<bool>,
    /// Whether texts that are too long are cut, as such a file says.
    pub truncate: Option<bool>,
    /// Modules after pooling that change vectors and are not served, e.g. `2_Dense`.
    pub other_modules: Vec<String>,
    /// Pooling and modules that are part of the OpenVINO model itself.
    pub graph_modules: Option<GraphModules>,
    /// Prompts by name.
    pub prompts: BTreeMap<String, String>,
    /// The prompt that sentence-transformers uses when none is named.
    pub default_prompt_name: Option<String>,
    /// `tokenizer_class` of `tokenizer_config.json`, e.g. `BertTokenizer`; for information only.
    pub tokenizer_class: Option<String>,
    /// The files for serving and exporting that are there.
    pub files: PresentFiles,
}

impl SourceFacts {
    /// Reads the files of a model folder.
    ///
    /// # Errors
    /// A file that is there and cannot be read, is not JSON, or has a member of the wrong type or
    /// with an impossible value; the message names file and member.
    pub fn read(folder: &Path) -> Result<SourceFacts, FactsError> {
        SourceFacts::from_files(&Folder(folder))
    }

    /// As [`SourceFacts::read`], from anything that has files by name.
    ///
    /// # Errors
    /// As [`SourceFacts::read`].
    pub fn from_files(files: &dyn SourceFiles) -> Result<SourceFacts, FactsError> {
        let mut facts = SourceFacts { files: PresentFiles::of(files), ..SourceFacts::default() };
        if let Some(document) = members::read_json(files, "config.json")? {
            facts.read_config(&Members::of("config.json", &document)?)?;
        }
        sentence_transformers::read(files, &mut facts)?;
        facts.graph_modules = graph_modules::read(files)?;
        facts.tokenizer_class = tokenizer_class(files);
        Ok(facts)
    }

    /// The most tokens of a text: what the positions allow, else [`UNKNOWN_LIMIT`].
    pub fn token_limit(&self) -> usize {
        self.usable_tokens.unwrap_or(UNKNOWN_LIMIT)
    }

    /// Modules after pooling that change vectors and that neither the graph nor a server applies.
    pub fn missing_modules(&self) -> Vec<&str> {
        let in_graph = |name: &&String| {
            self.graph_modules.as_ref().is_some_and(|modules| modules.dense.contains(name))
        };
        self.other_modules.iter().filter(|name| !in_graph(name)).map(String::as_str).collect()
    }

    /// Numbers of a vector, as far as they are known.
    pub fn dimensions(&self) -> Option<usize> {
        let in_graph = self.graph_modules.as_ref().and_then(|modules| modules.dimensions);
        in_graph.or(self.hidden_size)
    }

    /// The sizes that [`crate::sizing::memory`] asks for.
    pub fn model_size(&self, weights_bytes: u64) -> ModelSize {
        ModelSize {
            weights_bytes,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            attention_heads: self.attention_heads,
        }
    }

    /// The members of transformers' `config.json`, in the spellings of its model families.
    fn read_config(&mut self, config: &Members<'_>) -> Result<(), FactsError> {
        self.architecture = config.first_string_of("architectures")?;
        self.model_type = config.string("model_type")?;
        // Models of several modalities keep the numbers of their text part below.
        let text_part = config.object("text_config")?;
        let numbers = match &text_part {
            Some(text_part) if !config.has("hidden_size") => text_part,
            _ => config,
        };
        self.hidden_size = numbers.first_positive(&["hidden_size", "n_embd", "d_model", "dim"])?;
        self.intermediate_size =
            numbers.first_positive(&["intermediate_size", "n_inner", "d_ff", "hidden_dim"])?;
        self.layers =
            numbers.first_positive(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"])?;
        self.attention_heads =
            numbers.first_positive(&["num_attention_heads", "n_head", "n_heads", "num_heads"])?;
        self.vocabulary_size = numbers.first_positive(&["vocab_size"])?;
        self.pad_token_id = numbers.token_id("pad_token_id")?;
        self.precision = match config.string("dtype")? {
            Some(precision) => Some(precision),
            None => config.string("torch_dtype")?,
        }
        .map(|precision| precision.trim_start_matches("torch.").to_owned());
        let family =
            positions::Family::of(self.model_type.as_deref(), self.architecture.as_deref());
        self.usable_tokens = positions::usable_tokens(numbers, family, self.pad_token_id)?;
        Ok(())
    }
}

/// Whoever tokenizes says what is wrong with the file; here it is only looked at.
fn tokenizer_class(files: &dyn SourceFiles) -> Option<String> {
    let document = members::read_json(files, "tokenizer_config.json").ok()??;
    document.get("tokenizer_class")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
