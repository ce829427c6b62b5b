//! The small files beside the weights: tokenizer, configuration, pooling.

use model_repository::facts::TRANSFORMER_SETTINGS;

use super::{SelectError, WeightsKind};

/// Files of the top folder that are taken if they are there.
const NEEDED: [&str; 15] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "modules.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "preprocessor_config.json",
];

/// Files that a tokenizer is made of where there is no `tokenizer.json`; one line of them is enough.
const VOCABULARIES: [&[&str]; 5] = [
    &["vocab.txt"],
    &["vocab.json", "merges.txt"],
    &["sentencepiece.bpe.model"],
    &["spiece.model"],
    &["tokenizer.model"],
];

/// Beginnings of the names of licence files, in upper case.
const LICENCES: [&str; 4] = ["LICENSE", "LICENCE", "NOTICE", "COPYING"];

/// Files that a pull or an export writes into the model's folder.
const RESERVED: [&str; 3] = ["graph.pbtxt", "embedserve.json", "embedserve-manifest.json"];

/// Whether `path` is needed besides the weights.
pub(super) fn is_needed(path: &str) -> bool {
    match path.split_once('/') {
        None => {
            let upper = path.to_ascii_uppercase();
            NEEDED.contains(&path)
                || TRANSFORMER_SETTINGS.contains(&path)
                || LICENCES.iter().any(|licence| upper.starts_with(licence))
        }
        Some((folder, name)) => {
            is_module(folder) && matches!(name, "config.json" | "model.safetensors")
        }
    }
}

/// Whether a pull writes `path` itself.
pub(super) fn is_reserved(path: &str) -> bool {
    RESERVED.contains(&path)
}

/// Folders of sentence-transformers' modules: `1_Pooling`, `2_Dense`, `3_Normalize`. `modules.json` lists them, by
/// these names.
fn is_module(folder: &str) -> bool {
    match folder.split_once('_') {
        Some((number, name)) => {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        None => false,
    }
}

/// Refuses listings without the files that serving cannot do without.
pub(super) fn require(repo: &str, paths: &[&str], kind: WeightsKind) -> Result<(), SelectError> {
    let missing = |path, remedy| Err(SelectError::Missing { repo: repo.to_owned(), path, remedy });
    let has_all = |names: &[&str]| names.iter().all(|name| paths.contains(name));
    if !has_all(&["tokenizer.json"]) && !VOCABULARIES.iter().any(|names| has_all(names)) {
        return missing(
            "tokenizer.json, and no vocabulary to make one from (vocab.txt, vocab.json with merges.txt, sentencepiece.bpe.model, spiece.model or tokenizer.model)",
            "save one with transformers: AutoTokenizer.from_pretrained(...).save_pretrained(folder), and pull the folder",
        );
    }
    if kind == WeightsKind::Safetensors && !paths.contains(&"config.json") {
        return missing(
            "config.json",
            "without it the architecture is not known; choose another repository",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_are_the_known_names_at_the_top_and_the_modules_parts() {
        for path in [
            "config.json",
            "sentencepiece.bpe.model",
            "LICENSE",
            "license.md",
            "NOTICE.txt",
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "10_Dense/config.json",
        ] {
            assert!(is_needed(path), "{path}");
        }
        for path in [
            "README.md",
            "onnx/config.json",
            "2_Dense/pytorch_model.bin",
            "1_Pooling/deep/config.json",
            "_Pooling/config.json",
            "1_/config.json",
            "adapter_config.json",
            "training_args.bin",
        ] {
            assert!(!is_needed(path), "{path}");
        }
    }

    #[test]
    fn a_tokenizer_is_always_required_and_a_configuration_for_export() {
        let require = |paths: &[&str], kind| {
            require("org/name", paths, kind).map_err(|error| error.to_string())
        };
        assert_eq!(require(&["tokenizer.json"], WeightsKind::OpenVinoIr), Ok(()));
        assert_eq!(require(&["tokenizer.json", "config.json"], WeightsKind::Safetensors), Ok(()));
        let error =
            require(&["tokenizer.json"], WeightsKind::Safetensors).expect_err("no configuration");
        assert!(error.starts_with("org/name has no config.json"), "{error}");
        let error = require(&["config.json"], WeightsKind::Onnx).expect_err("no tokenizer");
        assert!(error.starts_with("org/name has no tokenizer.json, and no vocabulary"), "{error}");
        assert!(error.contains("AutoTokenizer"), "{error}");
    }

    #[test]
    fn a_vocabulary_is_as_good_as_a_tokenizer_if_it_is_complete() {
        for (paths, is_enough) in [
            (&["vocab.txt"][..], true),
            (&["vocab.json", "merges.txt"], true),
            (&["sentencepiece.bpe.model"], true),
            (&["spiece.model"], true),
            (&["tokenizer.model"], true),
            (&["vocab.json"], false),
            (&["merges.txt"], false),
            (&["tekken.json"], false),
            (&["tokenizer_config.json", "special_tokens_map.json"], false),
            (&["onnx/vocab.txt"], false),
        ] {
            let outcome = require("org/name", paths, WeightsKind::Onnx);
            assert_eq!(outcome.is_ok(), is_enough, "{paths:?}");
            assert!(!is_enough || paths.iter().all(|path| is_needed(path)), "{paths:?}");
        }
    }
}
