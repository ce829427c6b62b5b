//! Ids, scores and joins of small sentencepiece models.

use serde_json::{Value, json};

use super::proto::tests::file;
use crate::tokenizer::{TokenizerFile, effective_tokenizer};

const FIRST: [(&str, f32, i32); 3] = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)];
const UNIGRAM: i32 = 1;
const BPE: i32 = 2;

fn made(name: &str, bytes: &[u8], settings: Value) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(name), bytes).expect("written");
    std::fs::write(folder.path().join("tokenizer_config.json"), settings.to_string())
        .expect("written");
    match effective_tokenizer(folder.path()).expect("a tokenizer") {
        TokenizerFile::Made(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
        TokenizerFile::AsItIs => panic!("there was no tokenizer.json"),
    }
}

fn pieces(further: &[(&'static str, f32, i32)]) -> Vec<(&'static str, f32, i32)> {
    [&FIRST[..], further].concat()
}

/// A wrong offset would shift every token of every text.
#[test]
fn the_ids_of_fairseq_are_those_of_xlm_roberta_and_camembert() {
    let bytes = file(&pieces(&[("a", -1.5, 1), ("b", -2.0, 1)]), UNIGRAM, b"");
    for (class, expected) in [
        (
            "XLMRobertaTokenizer",
            json!([
                ["<s>", 0.0],
                ["<pad>", 0.0],
                ["</s>", 0.0],
                ["<unk>", 0.0],
                ["a", -1.5],
                ["b", -2.0],
                ["<mask>", 0.0]
            ]),
        ),
        (
            "CamembertTokenizer",
            json!([
                ["<s>NOTUSED", 0.0],
                ["<pad>", 0.0],
                ["</s>NOTUSED", 0.0],
                ["<unk>", 0.0],
                ["<unk>NOTUSED", -100.0],
                ["<s>", 0.0],
                ["</s>", 0.0],
                ["a", -1.5],
                ["b", -2.0],
                ["<mask>", 0.0]
            ]),
        ),
    ] {
        let made = made("sentencepiece.bpe.model", &bytes, json!({"tokenizer_class": class}));
        assert_eq!(made["model"]["vocab"], expected, "{class}");
        assert_eq!(made["model"]["unk_id"], 3, "{class}");
    }
}

#[test]
fn t5_has_its_sentinels_after_the_pieces_the_last_one_first() {
    let bytes = file(&pieces(&[("a", -1.5, 1)]), UNIGRAM, b"");
    let made =
        made("spiece.model", &bytes, json!({"tokenizer_class": "T5Tokenizer", "extra_ids": 2}));
    let vocabulary = made["model"]["vocab"].as_array().expect("a list");
    let last: Vec<&Value> = vocabulary.iter().skip(4).map(|entry| &entry[0]).collect();
    assert_eq!(last, ["<extra_id_1>", "<extra_id_0>"]);
    assert_eq!(made["model"]["unk_id"], 2);
}

#[test]
fn replacements_of_letters_come_first_if_the_model_has_any() {
    for (charsmap, expected) in [(&b"map"[..], json!("bWFw")), (b"", Value::Null)] {
        let bytes = file(&pieces(&[("a", -1.5, 1)]), UNIGRAM, charsmap);
        let made = made(
            "sentencepiece.bpe.model",
            &bytes,
            json!({"tokenizer_class": "XLMRobertaTokenizer"}),
        );
        assert_eq!(made["normalizer"]["normalizers"][0]["precompiled_charsmap"], expected);
    }
}

/// Best piece first; of one piece all ways to make it, the parts that come first in the vocabulary
/// first.
#[test]
fn joins_are_ordered_by_score_and_then_by_the_length_of_the_left_part() {
    let bytes = file(
        &pieces(&[
            ("abc", -2.0, 1),
            ("ab", -1.0, 1),
            ("bc", -1.0, 1),
            ("a", -5.0, 1),
            ("b", -6.0, 1),
            ("c", -7.0, 1),
            ("ac", -1.0, 1),
        ]),
        BPE,
        b"",
    );
    let made = made("tokenizer.model", &bytes, json!({"tokenizer_class": "LlamaTokenizer"}));
    let expected = json!([["a", "b"], ["b", "c"], ["a", "c"], ["ab", "c"], ["a", "bc"]]);
    assert_eq!(made["model"]["merges"], expected);
    assert_eq!(
        (&made["model"]["byte_fallback"], &made["model"]["fuse_unk"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn gemma_takes_the_byte_of_a_tab_for_a_tab_unless_it_has_one() {
    let settings = json!({"tokenizer_class": "GemmaTokenizer"});
    let first = [("<pad>", 0.0, 3), ("<eos>", 0.0, 3), ("<bos>", 0.0, 3), ("<unk>", 0.0, 2)];
    let vocabulary = |further: &[(&'static str, f32, i32)]| {
        let bytes = file(&[&first[..], further].concat(), BPE, b"");
        made("tokenizer.model", &bytes, settings.clone())["model"]["vocab"].clone()
    };
    let without = vocabulary(&[("<0x09>", 0.0, 6), ("a", -1.0, 1)]);
    assert_eq!(
        (&without["\t"], &without["<0x09>"], &without["a"]),
        (&json!(4), &Value::Null, &json!(5))
    );
    let with = vocabulary(&[("<0x09>", 0.0, 6), ("\t", -1.0, 1)]);
    assert_eq!((&with["\t"], &with["<0x09>"]), (&json!(5), &json!(4)));
}

#[test]
fn the_settings_decide_where_a_blank_is_put_before_a_text() {
    let bytes = file(&pieces(&[("a", -1.0, 1)]), BPE, b"");
    for (setting, normalizers, scheme) in [
        (json!({}), json!(["Prepend", "Replace"]), Value::Null),
        (json!({"legacy": true, "add_prefix_space": false}), json!(["Replace"]), Value::Null),
        (json!({"legacy": false}), json!([]), json!("first")),
        (json!({"legacy": false, "add_prefix_space": false}), json!([]), json!("never")),
    ] {
        let mut settings = setting.clone();
        settings["tokenizer_class"] = json!("LlamaTokenizer");
        let made = made("tokenizer.model", &bytes, settings);
        let steps = made["normalizer"]["normalizers"].as_array().cloned().unwrap_or_default();
        let kinds: Vec<&Value> = steps.iter().map(|step| &step["type"]).collect();
        assert_eq!(json!(kinds), normalizers, "{setting}");
        assert_eq!(made["pre_tokenizer"]["prepend_scheme"], scheme, "{setting}");
    }
}

#[test]
fn models_of_other_algorithms_and_endless_pieces_are_refused() {
    let long = "a".repeat(5000);
    for (bytes, expected) in [
        (file(&pieces(&[("a", 0.0, 1)]), 3, b""), "it is of type 3, neither Unigram nor BPE"),
        (file(&FIRST, UNIGRAM, b""), "it has only 3 pieces"),
        (
            file(&[&FIRST[..], &[(long.as_str(), 0.0, 1)]].concat(), BPE, b""),
            "it has a piece of 5000 bytes",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("sentencepiece.bpe.model"), bytes).expect("written");
        std::fs::write(folder.path().join("config.json"), r#"{"model_type": "xlm-roberta"}"#)
            .expect("written");
        let error = effective_tokenizer(folder.path()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
