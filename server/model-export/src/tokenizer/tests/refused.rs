//! Folders that no tokenizer can be made of.

use super::*;

const REMEDY: &str = "AutoTokenizer.from_pretrained(...).save_pretrained(folder)";

#[test]
fn what_cannot_be_made_is_refused_by_file_with_the_remedy() {
    let bert = ("config.json", r#"{"model_type": "bert"}"#);
    let roberta = ("config.json", r#"{"model_type": "roberta"}"#);
    let mistral = ("config.json", r#"{"model_type": "mistral"}"#);
    let files: [(&[(&str, &str)], &str); 17] = [
        (&[], "there is no tokenizer.json, and no vocabulary to make one from"),
        (&[bert], "there is no tokenizer.json, and no vocabulary to make one from"),
        (&[("vocab.txt", "a")], "from vocab.txt without a tokenizer_class"),
        (
            &[
                ("vocab.txt", "a"),
                ("tokenizer_config.json", r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#),
            ],
            "from vocab.txt for the tokenizer class BertJapaneseTokenizer",
        ),
        (
            &[
                ("tokenizer.model", "a"),
                ("spiece.model", "a"),
                ("config.json", r#"{"model_type": "albert"}"#),
            ],
            "from spiece.model, tokenizer.model without a tokenizer_class",
        ),
        (
            &[("vocab.json", "{}"), bert],
            "neither tokenizer.json nor vocab.txt, which a Bert tokenizer is read from",
        ),
        (
            &[
                ("vocab.txt", "a"),
                ("tokenizer_config.json", r#"{"tokenizer_class": "XLMRobertaTokenizer"}"#),
            ],
            "nor sentencepiece.bpe.model, which XLMRobertaTokenizer is read from",
        ),
        (&[("vocab.json", "{}"), roberta], "nor merges.txt"),
        (&[("vocab.txt", "[UNK]\n[CLS]\n"), bert], "vocab.txt cannot be used: it has no [SEP]"),
        (&[("vocab.txt", ""), bert], "vocab.txt cannot be used: it has no [UNK]"),
        (&[("vocab.json", "[]"), ("merges.txt", ""), roberta], "vocab.json is damaged"),
        (
            &[("vocab.json", "{}"), ("merges.txt", ""), roberta],
            "vocab.json cannot be used: it has no \"</s>\", the sep_token",
        ),
        (
            &[
                ("vocab.json", r#"{"<s>": 0, "</s>": 1}"#),
                ("merges.txt", "#version\na b\na b c\n"),
                roberta,
            ],
            "merges.txt cannot be used: line 3 is no pair of tokens",
        ),
        (
            &[("tokenizer.model", "version https://git-lfs.github.com/spec/v1\n"), mistral],
            "tokenizer.model is no sentencepiece model",
        ),
        (
            &[("tokenizer.model", ""), mistral],
            "tokenizer.model cannot be used: it has only 0 pieces",
        ),
        (&[("tokenizer.json", "{}")], "tokenizer.json is damaged"),
        (
            &[("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n")],
            "tokenizer.json is damaged",
        ),
    ];
    for (files, expected) in files {
        let folder = folder(files);
        let error = effective_tokenizer(folder.path()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{files:?}: {error}");
        assert!(error.contains(REMEDY), "{files:?}: {error}");
    }
}

#[test]
fn settings_of_an_impossible_kind_are_named() {
    for (file, text, expected) in [
        ("tokenizer_config.json", "[]", "tokenizer_config.json is damaged"),
        ("config.json", "{", "config.json is damaged"),
        (
            "tokenizer_config.json",
            r#"{"cls_token": 3}"#,
            "cls_token must be a string or an object with content",
        ),
        (
            "special_tokens_map.json",
            r#"{"cls_token": {"text": "a"}}"#,
            "cls_token must be a string",
        ),
        (
            "tokenizer_config.json",
            r#"{"additional_special_tokens": "a"}"#,
            "additional_special_tokens must be a list",
        ),
        (
            "tokenizer_config.json",
            r#"{"added_tokens_decoder": []}"#,
            "added_tokens_decoder must be an object",
        ),
        (
            "tokenizer_config.json",
            r#"{"added_tokens_decoder": {"a": {"content": "b"}}}"#,
            "added_tokens_decoder must be",
        ),
        (
            "added_tokens.json",
            r#"{"a": -1}"#,
            "added_tokens.json cannot be used: a must be a token id",
        ),
    ] {
        let tokenizer = document(&Value::Null, &Value::Null, &Value::Null);
        let folder = folder(&[("tokenizer.json", &tokenizer), (file, text)]);
        let error = effective_tokenizer(folder.path()).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn text_that_is_no_utf_8_is_named_with_its_place() {
    let folder = folder(&[("config.json", r#"{"model_type": "bert"}"#)]);
    std::fs::write(folder.path().join("vocab.txt"), b"a\n\xff").expect("written");
    let error = effective_tokenizer(folder.path()).expect_err("no text").to_string();
    assert!(
        error.starts_with("vocab.txt cannot be used: it is not UTF-8 text (byte 2)"),
        "{error}"
    );
}
