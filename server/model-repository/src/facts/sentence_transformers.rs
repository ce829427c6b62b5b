//! The files that sentence-transformers adds to a model.

use serde_json::Value;

use super::members::{Members, read_json};
use super::pooling::{self, PoolingMode};
use super::{FactsError, SourceFacts, SourceFiles};
use crate::json;
use crate::manifest::is_inside;

const MODULES: &str = "modules.json";
const MODEL: &str = "config_sentence_transformers.json";
const TOKENIZER: &str = "tokenizer_config.json";

/// The names that sentence-transformers' settings of a transformer module have had.
pub const TRANSFORMER_SETTINGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Modules that leave vectors as they are when a model is used and not trained.
const WITHOUT_EFFECT: [&str; 4] = ["Transformer", "Pooling", "Normalize", "Dropout"];

/// One entry of `modules.json`.
struct Module {
    path: String,
    kind: String,
}

pub(super) fn read(files: &dyn SourceFiles, facts: &mut SourceFacts) -> Result<(), FactsError> {
    let modules = read_modules(files)?;
    let of_kind = |kind: &str| modules.iter().flatten().find(|module| module.kind == kind);
    facts.normalize_module = of_kind("Normalize").is_some();
    facts.other_modules = modules
        .iter()
        .flatten()
        .filter(|module| !WITHOUT_EFFECT.contains(&module.kind.as_str()))
        .map(|module| if module.path.is_empty() { &module.kind } else { &module.path }.clone())
        .collect();

    let folder = of_kind("Pooling").map_or("1_Pooling", |module| module.path.as_str());
    read_pooling(files, &join(folder, "config.json"), facts)?;
    let transformer = of_kind("Transformer").map_or("", |module| module.path.as_str());
    facts.max_seq_length = read_max_seq_length(files, transformer, modules.is_some())?;
    read_prompts(files, facts)
}

/// The modules in order; `None` when the model has no such file.
fn read_modules(files: &dyn SourceFiles) -> Result<Option<Vec<Module>>, FactsError> {
    let Some(document) = read_json(files, MODULES)? else { return Ok(None) };
    let Value::Array(entries) = &document else {
        return Err(FactsError::WrongType {
            file: MODULES.to_owned(),
            member: "the document".to_owned(),
            expected: "a list",
            found: json::kind(&document).to_owned(),
        });
    };
    entries
        .iter()
        .enumerate()
        .map(|(index, entry)| read_module(index, entry))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn read_module(index: usize, entry: &Value) -> Result<Module, FactsError> {
    let module = Members::at(MODULES, format!("[{index}]"), entry)?;
    let path = module.string("path")?.unwrap_or_default();
    let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
    if !path.is_empty() && !is_inside(&path) {
        return Err(module.impossible(
            "path",
            format!("{path:?}"),
            "which is no folder inside of the model's",
        ));
    }
    let class = module.string("type")?.unwrap_or_default();
    let kind = class.rsplit('.').next().unwrap_or_default().to_owned();
    Ok(Module { path, kind })
}

fn read_pooling(
    files: &dyn SourceFiles,
    file: &str,
    facts: &mut SourceFacts,
) -> Result<(), FactsError> {
    // A pooling module without a folder of its own would name the model's config.json.
    if file == "config.json" {
        return Ok(());
    }
    let Some(document) = read_json(files, file)? else { return Ok(()) };
    let config = Members::of(file, &document)?;
    match pooling::read(&config)? {
        PoolingMode::Silent => {}
        PoolingMode::Supported(pooling) => facts.pooling = Some(pooling),
        PoolingMode::Unsupported(mode) => facts.unsupported_pooling = Some(mode),
    }
    facts.pooling_excludes_prompt = config.boolean("include_prompt")? == Some(false);
    Ok(())
}

/// `max_seq_length` of the transformer module; releases from 6 on leave it out and rely on the
/// tokenizer's `model_max_length`, which says nothing without sentence-transformers.
fn read_max_seq_length(
    files: &dyn SourceFiles,
    folder: &str,
    has_modules: bool,
) -> Result<Option<usize>, FactsError> {
    for name in TRANSFORMER_SETTINGS {
        let file = join(folder, name);
        let Some(document) = read_json(files, &file)? else { continue };
        let limit = Members::of(&file, &document)?.positive("max_seq_length")?;
        if limit.is_some() {
            return Ok(limit);
        }
        break;
    }
    let document = if has_modules { read_json(files, TOKENIZER)? } else { None };
    let Some(document) = document else { return Ok(None) };
    let tokenizer = Members::of(TOKENIZER, &document)?;
    match tokenizer.get("model_max_length") {
        // transformers writes 1e30 for "no limit".
        Some(Value::Number(number)) if number.is_f64() || number.as_u64() > Some(1 << 31) => {
            Ok(None)
        }
        _ => tokenizer.positive("model_max_length"),
    }
}

fn read_prompts(files: &dyn SourceFiles, facts: &mut SourceFacts) -> Result<(), FactsError> {
    let Some(document) = read_json(files, MODEL)? else { return Ok(()) };
    let config = Members::of(MODEL, &document)?;
    if let Some(prompts) = config.object("prompts")? {
        for (name, _) in prompts.iter() {
            if let Some(prompt) = prompts.string(name)? {
                facts.prompts.insert(name.clone(), prompt);
            }
        }
    }
    facts.default_prompt_name = config.string("default_prompt_name")?;
    Ok(())
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}
