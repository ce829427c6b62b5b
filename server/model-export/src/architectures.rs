//! The table of architectures: which ones can be exported, and by which file.

mod bert;
mod blocks;
mod decoder;
mod distilbert;
mod gemma3;
mod gte;
mod layers;
mod llama;
mod mistral;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod qwen2;
mod qwen3;
mod roberta;
mod tail;

pub(crate) use blocks::store_half;

use crate::config::Config;
use crate::graph::{Graph, Port};
use crate::modules::Tail;
use crate::weights::Weights;
use crate::{ExportError, WeightFormat};

use blocks::Blocks;
use layers::{LayerKind, equal_heads, layer_kinds};

/// A model's graph, whose weights are still in their files.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) graph: Graph,
    /// Values in all weights.
    pub(crate) parameters: u64,
}

/// What an architecture makes of its inputs.
#[derive(Debug, Clone, Copy)]
struct Encoded {
    /// The last hidden state, `[batch, tokens, hidden]`.
    state: Port,
    /// The model's input, `[batch, tokens]`.
    attention_mask: Port,
    /// Numbers per token.
    hidden: u64,
}

/// One row of the table.
pub(crate) struct Architecture {
    /// Names in `architectures` of config.json; heads that embeddings do not use are ignored.
    names: &'static [&'static str],
    /// transformers runs a model by its type: another type is another model.
    model_type: &'static str,
    /// Code in repositories, `file.Class`, that this file does the same as.
    own_code: Option<&'static str>,
    /// The name that the file uses for a stored tensor.
    weight_name: fn(&str) -> String,
    /// How names of tensors begin that take no part in embeddings.
    ignored: &'static [&'static str],
    build: fn(&Config, &mut Blocks) -> Result<Encoded, ExportError>,
}

const ARCHITECTURES: [Architecture; 13] = [
    Architecture {
        names: &["BertModel", "BertForMaskedLM", "BertForPreTraining"],
        model_type: "bert",
        own_code: None,
        weight_name: bert::weight_name,
        ignored: bert::IGNORED,
        build: bert::build,
    },
    Architecture {
        names: &["RobertaModel", "RobertaForMaskedLM"],
        model_type: "roberta",
        own_code: None,
        weight_name: roberta::weight_name,
        ignored: bert::IGNORED,
        build: roberta::build,
    },
    Architecture {
        names: &["XLMRobertaModel", "XLMRobertaForMaskedLM"],
        model_type: "xlm-roberta",
        own_code: None,
        weight_name: roberta::weight_name,
        ignored: bert::IGNORED,
        build: roberta::build,
    },
    Architecture {
        names: &["DistilBertModel", "DistilBertForMaskedLM"],
        model_type: "distilbert",
        own_code: None,
        weight_name: distilbert::weight_name,
        ignored: distilbert::IGNORED,
        build: distilbert::build,
    },
    Architecture {
        names: &["MPNetModel", "MPNetForMaskedLM"],
        model_type: "mpnet",
        own_code: None,
        weight_name: mpnet::weight_name,
        ignored: mpnet::IGNORED,
        build: mpnet::build,
    },
    Architecture {
        names: &["ModernBertModel", "ModernBertForMaskedLM"],
        model_type: "modernbert",
        own_code: None,
        weight_name: modernbert::weight_name,
        ignored: modernbert::IGNORED,
        build: modernbert::build,
    },
    Architecture {
        names: &["NomicBertModel", "NomicBertForPreTraining", "NomicBertForMaskedLM"],
        model_type: "nomic_bert",
        own_code: Some(nomic_bert::OWN_CODE),
        weight_name: nomic_bert::weight_name,
        ignored: nomic_bert::IGNORED,
        build: nomic_bert::build,
    },
    Architecture {
        names: &["NewModel", "NewForMaskedLM", "NewForTokenClassification"],
        model_type: "new",
        own_code: Some(gte::OWN_CODE),
        weight_name: gte::weight_name,
        ignored: gte::IGNORED,
        build: gte::build,
    },
    Architecture {
        names: &["Gemma3TextModel", "Gemma3ForCausalLM"],
        model_type: "gemma3_text",
        own_code: None,
        weight_name: decoder::weight_name,
        ignored: decoder::IGNORED,
        build: gemma3::build,
    },
    Architecture {
        names: &["Qwen3Model", "Qwen3ForCausalLM"],
        model_type: "qwen3",
        own_code: None,
        weight_name: decoder::weight_name,
        ignored: decoder::IGNORED,
        build: qwen3::build,
    },
    Architecture {
        names: &["Qwen2Model", "Qwen2ForCausalLM"],
        model_type: "qwen2",
        own_code: None,
        weight_name: decoder::weight_name,
        ignored: decoder::IGNORED,
        build: qwen2::build,
    },
    Architecture {
        names: &["MistralModel", "MistralForCausalLM"],
        model_type: "mistral",
        own_code: None,
        weight_name: decoder::weight_name,
        ignored: decoder::IGNORED,
        build: mistral::build,
    },
    Architecture {
        names: &["LlamaModel", "LlamaForCausalLM"],
        model_type: "llama",
        own_code: None,
        weight_name: decoder::weight_name,
        ignored: decoder::IGNORED,
        build: llama::build,
    },
];

/// Finds what exports a configuration's architecture.
pub(crate) fn find(config: &Config) -> Result<&'static Architecture, ExportError> {
    let name = config.architecture();
    let is_this = |architecture: &&Architecture| {
        architecture.names.contains(&name) || architecture.model_type == name
    };
    let Some(architecture) = ARCHITECTURES.iter().find(is_this) else {
        return Err(config.unsupported_architecture());
    };
    config.require_name("model_type", architecture.model_type)?;
    config.require_no_own_code(architecture.own_code)?;
    config.require_off("quantization_config")?;
    Ok(architecture)
}

impl Architecture {
    /// Makes the graph of a model: its last hidden state, or, with a tail, one vector per row.
    pub(crate) fn build(
        &self,
        config: &Config,
        weights: Weights,
        weight_format: WeightFormat,
        tail: Option<&Tail>,
    ) -> Result<Model, ExportError> {
        let weights = weights.renamed(self.weight_name)?;
        let graph = Graph::new(config.architecture());
        let mut blocks = Blocks { graph, weights, weight_format };
        let encoded = (self.build)(config, &mut blocks)?;
        let mut parameters = blocks.weights.parameters();
        match tail {
            None => blocks.graph.result(encoded.state, "last_hidden_state")?,
            Some(tail) => {
                let (vector, dense_parameters) = tail::build(&mut blocks, encoded, tail)?;
                blocks.graph.result(vector, "sentence_embedding")?;
                parameters += dense_parameters;
            }
        }
        // Frequencies that follow from the configuration are stored by older versions.
        let is_derived = |name: &str| name.ends_with("rotary_emb.inv_freq");
        let is_ignored = |name: &str| {
            is_derived(name) || self.ignored.iter().any(|start| name.starts_with(start))
        };
        blocks.weights.finish(is_ignored)?;
        Ok(Model { graph: blocks.graph, parameters })
    }
}

/// A tensor's name without what models with heads put before it.
fn strip_prefix(stored: &str, prefix: &str) -> String {
    stored.strip_prefix(prefix).unwrap_or(stored).to_owned()
}
