//! Tokenizers built from vocabularies.

use super::*;

const BERT: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n";
const ROBERTA: &str =
    r#"{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6, "<mask>": 7}"#;

#[test]
fn the_class_is_what_a_file_names_or_the_model_type_means() {
    let by_name = |class: &str| json!({"tokenizer_class": class}).to_string();
    let by_type = |model_type: &str| json!({"model_type": model_type}).to_string();
    for (settings, config) in [
        (by_name("BertTokenizer"), "{}".to_owned()),
        (by_name("BertTokenizerFast"), by_type("xlm-roberta")),
        ("{}".to_owned(), by_name("BertTokenizer")),
        ("{}".to_owned(), by_type("bert")),
        (by_name("DistilBertTokenizer"), "{}".to_owned()),
        ("{}".to_owned(), by_type("distilbert")),
    ] {
        let made = made_of(&[
            ("vocab.txt", BERT),
            ("tokenizer_config.json", &settings),
            ("config.json", &config),
        ]);
        assert_eq!(made["model"]["type"], "WordPiece", "{settings} {config}");
    }
}

/// Line numbers are ids, whatever the line ends, and the last of equal lines counts.
#[test]
fn a_line_of_vocab_txt_is_a_token_and_its_number_the_id() {
    let config = ("config.json", r#"{"model_type": "bert"}"#);
    for ends in ["\n", "\r\n", "\r"] {
        let text = BERT.replace('\n', ends);
        for text in [text.as_str(), text.trim_end(), &format!("\u{feff}{text}")] {
            let made = made_of(&[("vocab.txt", text), config]);
            let expected = json!({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "b": 6, "a": 7});
            assert_eq!(made["model"]["vocab"], expected, "{text:?}");
        }
    }
}

#[test]
fn names_of_special_tokens_come_from_the_files_and_then_from_the_class() {
    let vocabulary = "<s>\n</s>\n[CLS]\n[SEP]\n[UNK]\n<pad>\n<mask>\n";
    for (class, named, expected) in [
        ("BertTokenizer", json!({}), "[CLS] 2 [SEP] 3"),
        ("MPNetTokenizer", json!({}), "<s> 0 </s> 1"),
        ("BertTokenizer", json!({"cls_token": "<s>", "sep_token": "</s>"}), "<s> 0 </s> 1"),
        ("BertTokenizer", json!({"cls_token": {"content": "<s>"}}), "<s> 0 [SEP] 3"),
    ] {
        for file in ["tokenizer_config.json", "special_tokens_map.json"] {
            let config = json!({"tokenizer_class": class}).to_string();
            let named = match file {
                "tokenizer_config.json" => {
                    let mut both = named.clone();
                    both["tokenizer_class"] = json!(class);
                    both
                }
                _ => named.clone(),
            };
            let made = made_of(&[
                ("vocab.txt", vocabulary),
                ("config.json", &config),
                (file, &named.to_string()),
            ]);
            let processor = &made["post_processor"];
            let words = [&processor["single"][0], &processor["single"][2]].map(|place| {
                let name = place["SpecialToken"]["id"].as_str().expect("a name");
                format!("{name} {}", processor["special_tokens"][name]["ids"][0])
            });
            assert_eq!(words.join(" "), expected, "{class} {named}");
        }
    }
}

#[test]
fn the_first_and_last_lines_of_merges_txt_are_read_as_each_class_reads_them() {
    let merges = |class: &str, text: &str| {
        let config = json!({"tokenizer_class": class}).to_string();
        made_of(&[("vocab.json", ROBERTA), ("merges.txt", text), ("config.json", &config)])["model"]
            ["merges"]
            .clone()
    };
    let (one, two) = (json!(["a", "b"]), json!(["ab", "a"]));
    for (text, roberta, qwen2) in [
        ("#version: 0.2\na b\nab a\n", vec![&one, &two], vec![&one, &two]),
        ("#version: 0.2\r\na b\r\nab a\r\n", vec![&one, &two], vec![&one, &two]),
        ("a b\nab a\n", vec![&two], vec![&one, &two]),
        ("#version: 0.2\na b\nab a", vec![&one], vec![&one, &two]),
        ("#version: 0.2\na b\na b\nab a\n", vec![&one, &two], vec![&one, &two]),
        ("#version: 0.2\n", vec![], vec![]),
        ("", vec![], vec![]),
    ] {
        assert_eq!(merges("RobertaTokenizer", text), json!(roberta), "{text:?}");
        assert_eq!(merges("GPT2Tokenizer", text), json!(roberta), "{text:?}");
        assert_eq!(merges("Qwen2Tokenizer", text), json!(qwen2), "{text:?}");
    }
}

#[test]
fn byte_level_classes_differ_in_what_is_around_a_text_and_in_its_words() {
    let parts = |settings: Value| {
        let settings = settings.to_string();
        let made = made_of(&[
            ("vocab.json", ROBERTA),
            ("merges.txt", "#version: 0.2\na b\n"),
            ("tokenizer_config.json", &settings),
        ]);
        let kind = |name: &str| made[name]["type"].as_str().unwrap_or("none").to_owned();
        ["normalizer", "pre_tokenizer", "post_processor"].map(kind)
    };
    for (settings, expected) in [
        (
            json!({"tokenizer_class": "RobertaTokenizer"}),
            ["none", "ByteLevel", "RobertaProcessing"],
        ),
        (json!({"tokenizer_class": "Qwen2Tokenizer"}), ["NFC", "Sequence", "ByteLevel"]),
        (json!({"tokenizer_class": "GPT2Tokenizer"}), ["none", "ByteLevel", "ByteLevel"]),
        (
            json!({"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": "<s>"}),
            ["none", "ByteLevel", "TemplateProcessing"],
        ),
    ] {
        assert_eq!(parts(settings.clone()), expected, "{settings}");
    }
}
