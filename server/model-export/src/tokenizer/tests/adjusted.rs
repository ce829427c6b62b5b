//! A `tokenizer.json` that the settings contradict.

use super::*;

/// Settings of a class that brings no special tokens of its own.
fn with(class: &str, settings: Value) -> String {
    let mut settings = settings;
    settings["tokenizer_class"] = json!(class);
    for name in ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] {
        let name = format!("{name}_token");
        if settings.get(&name).is_none() {
            settings[name] = Value::Null;
        }
    }
    settings.to_string()
}

fn bert_normalizer(lowercase: bool, strip_accents: Option<bool>, chinese: bool) -> Value {
    json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": chinese,
        "strip_accents": strip_accents,
        "lowercase": lowercase,
    })
}

#[test]
fn the_settings_and_defaults_of_bert_win_over_the_normalizer_of_the_file() {
    let before = bert_normalizer(true, None, true);
    for (class, settings, expected) in [
        ("BertTokenizer", json!({}), None),
        ("BertTokenizer", json!({"do_lower_case": true, "strip_accents": null}), None),
        (
            "BertTokenizerFast",
            json!({"do_lower_case": false}),
            Some(bert_normalizer(false, None, true)),
        ),
        (
            "DistilBertTokenizer",
            json!({"strip_accents": false}),
            Some(bert_normalizer(true, Some(false), true)),
        ),
        (
            "ElectraTokenizer",
            json!({"tokenize_chinese_chars": false}),
            Some(bert_normalizer(true, None, false)),
        ),
        (
            "MPNetTokenizer",
            json!({"do_lower_case": false}),
            Some(bert_normalizer(false, None, true)),
        ),
        ("MPNetTokenizer", json!({"tokenize_chinese_chars": false}), None),
        ("PreTrainedTokenizerFast", json!({"do_lower_case": false}), None),
        ("SomebodysTokenizer", json!({"do_lower_case": false}), None),
    ] {
        let text = document(&before, &Value::Null, &Value::Null);
        let settings = with(class, settings);
        let made = made_of(&[("tokenizer.json", &text), ("tokenizer_config.json", &settings)]);
        assert_eq!(made["normalizer"], expected.unwrap_or_default(), "{settings}");
    }
}

#[test]
fn a_normalizer_of_another_kind_is_left_alone() {
    for normalizer in [
        Value::Null,
        json!({"type": "NFC"}),
        json!({"type": "Sequence", "normalizers": [bert_normalizer(true, None, true)]}),
    ] {
        let text = document(&normalizer, &Value::Null, &Value::Null);
        let settings = with("BertTokenizer", json!({"do_lower_case": false}));
        let made = made_of(&[("tokenizer.json", &text), ("tokenizer_config.json", &settings)]);
        assert_eq!(made, Value::Null, "{normalizer}");
    }
}

#[test]
fn sentence_transformers_lowers_the_case_once_and_first() {
    let lowercase = json!({"type": "Lowercase"});
    let nfc = json!({"type": "NFC"});
    let sequence = |steps: &[&Value]| json!({"type": "Sequence", "normalizers": steps});
    for (before, expected) in [
        (Value::Null, Some(sequence(&[&lowercase]))),
        (nfc.clone(), Some(sequence(&[&lowercase, &nfc]))),
        (sequence(&[&nfc, &nfc]), Some(sequence(&[&lowercase, &nfc, &nfc]))),
        (lowercase.clone(), None),
        (sequence(&[&nfc, &lowercase]), None),
    ] {
        let text = document(&before, &Value::Null, &Value::Null);
        for name in ["sentence_bert_config.json", "sentence_xlm-roberta_config.json"] {
            let with_setting =
                |setting: &str| made_of(&[("tokenizer.json", &text), (name, setting)]);
            let made = with_setting(r#"{"do_lower_case": true}"#);
            assert_eq!(made["normalizer"], expected.clone().unwrap_or_default(), "{before}");
            for setting in [r#"{"do_lower_case": false}"#, r#"{"max_seq_length": 128}"#] {
                assert_eq!(with_setting(setting), Value::Null, "{before} {setting}");
            }
        }
    }
}

#[test]
fn settings_that_sentence_transformers_hands_to_the_tokenizer_come_last() {
    let text = document(&bert_normalizer(true, None, true), &Value::Null, &Value::Null);
    let settings = with("BertTokenizer", json!({"do_lower_case": true}));
    for name in ["tokenizer_args", "processor_kwargs"] {
        let further = json!({ name: {"do_lower_case": false} }).to_string();
        let made = made_of(&[
            ("tokenizer.json", &text),
            ("tokenizer_config.json", &settings),
            ("sentence_bert_config.json", &further),
        ]);
        assert_eq!(made["normalizer"]["lowercase"], false, "{name}");
    }
}

#[test]
fn the_special_tokens_around_a_text_follow_the_settings_of_llama_and_gemma_only() {
    let both = json!({"add_bos_token": true, "add_eos_token": true});
    for (class, settings, expected) in [
        ("LlamaTokenizer", json!({}), Some("<s> A")),
        ("LlamaTokenizerFast", both.clone(), Some("<s> A </s>")),
        ("GemmaTokenizer", json!({"add_bos_token": false, "add_eos_token": true}), Some("A </s>")),
        ("GemmaTokenizer", json!({"add_bos_token": false}), Some("A")),
        ("LlamaTokenizer", json!({"add_eos_token": true, "eos_token": null}), Some("<s> A")),
        ("Qwen2Tokenizer", both.clone(), None),
        ("PreTrainedTokenizerFast", both.clone(), None),
        ("BertTokenizer", both, None),
    ] {
        let mut named = json!({"bos_token": "<s>", "eos_token": "</s>"});
        named
            .as_object_mut()
            .expect("an object")
            .extend(settings.as_object().cloned().expect("an object"));
        let settings = with(class, named);
        let other = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        let text = document(&Value::Null, &Value::Null, &other);
        let made = made_of(&[("tokenizer.json", &text), ("tokenizer_config.json", &settings)]);
        match expected {
            Some(expected) => assert_eq!(single(&made), expected, "{settings}"),
            // Special tokens are added; the processor stays.
            None => assert_eq!(made["post_processor"], other, "{settings}"),
        }
    }
}

/// The template for one text, in words.
fn single(made: &Value) -> String {
    assert_eq!(made["post_processor"]["type"], "TemplateProcessing");
    let places = made["post_processor"]["single"].as_array().expect("a list");
    let word = |place: &Value| {
        let place = place.get("SpecialToken").or_else(|| place.get("Sequence")).expect("a place");
        place["id"].as_str().expect("a name").to_owned()
    };
    places.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn files_of_transformers_5_keep_the_special_tokens_of_tokenizer_json() {
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}},
    });
    let text = document(&Value::Null, &Value::Null, &template);
    let named = json!({"bos_token": "<s>", "eos_token": "</s>", "backend": "tokenizers"});
    let settings = with("LlamaTokenizer", named);
    let made = made_of(&[("tokenizer.json", &text), ("tokenizer_config.json", &settings)]);
    assert_eq!(single(&made), "A </s>");
}

#[test]
fn a_blank_before_byte_level_words_is_a_matter_of_the_settings() {
    let words = |prefix: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true});
    for (class, setting, expected) in [
        ("RobertaTokenizer", json!({}), Some(false)),
        ("GPT2Tokenizer", json!({}), Some(false)),
        ("RobertaTokenizer", json!({"add_prefix_space": true}), None),
        ("RobertaTokenizer", json!({"backend": "tokenizers"}), None),
        ("PreTrainedTokenizerFast", json!({}), None),
        ("PreTrainedTokenizerFast", json!({"add_prefix_space": false}), Some(false)),
    ] {
        let text = document(&Value::Null, &words(true), &Value::Null);
        let settings = with(class, setting);
        let made = made_of(&[("tokenizer.json", &text), ("tokenizer_config.json", &settings)]);
        assert_eq!(made["pre_tokenizer"], expected.map(words).unwrap_or_default(), "{settings}");
    }
}

#[test]
fn tokens_that_only_the_settings_name_are_added_with_ids_that_go_on() {
    let text = document(&Value::Null, &Value::Null, &Value::Null);
    let token = |content: &str| json!({"content": content, "special": true});
    let settings = with(
        "PreTrainedTokenizerFast",
        json!({
            "cls_token": "<s>",
            "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": true, "special": true},
            "additional_special_tokens": ["<x>"],
            "added_tokens_decoder": {"7": token("late"), "6": {"content": "early", "rstrip": true}, "3": token("a")},
        }),
    );
    let files = [("tokenizer.json", text.as_str()), ("tokenizer_config.json", settings.as_str())];
    let all = [
        ("<s>", 1, "s"),
        ("a", 3, "s"),
        ("early", 5, "rn"),
        ("late", 6, "s"),
        ("<mask>", 7, "ls"),
        ("<x>", 8, "s"),
    ]
    .map(|(content, id, flags)| (content.to_owned(), id, flags.to_owned()));
    assert_eq!(added_tokens(&made_of(&files)), all);
    // The model has no embedding for more.
    for config in [r#"{"vocab_size": 7}"#, r#"{"text_config": {"vocab_size": 7}}"#] {
        let limited = [files[0], files[1], ("config.json", config)];
        assert_eq!(added_tokens(&made_of(&limited)), all[..4], "{config}");
    }
}

#[test]
fn added_tokens_json_counts_unless_the_settings_list_tokens_themselves() {
    let text = document(&Value::Null, &Value::Null, &Value::Null);
    let files = [
        ("tokenizer.json", text.as_str()),
        ("added_tokens.json", r#"{"two": 6, "<one>": 5}"#),
        (
            "special_tokens_map.json",
            r#"{"additional_special_tokens": ["<one>"], "cls_token": {"content": "<s>", "lstrip": true}}"#,
        ),
    ];
    let expected = [("<s>", 1, "ls"), ("<one>", 5, "s"), ("two", 6, "n")];
    let expected = expected.map(|(content, id, flags)| (content.to_owned(), id, flags.to_owned()));
    assert_eq!(added_tokens(&made_of(&files)), expected);
    let settings = ("tokenizer_config.json", r#"{"added_tokens_decoder": {}}"#);
    assert_eq!(made_of(&[files[0], files[1], files[2], settings]), Value::Null);
}

#[test]
fn what_is_made_needs_no_more_making_and_keeps_unknown_members_and_numbers() {
    let text = document(&bert_normalizer(false, None, true), &Value::Null, &Value::Null);
    let text = text.replacen('{', r#"{"further": [1.0, 1e-7],"#, 1);
    let settings = r#"{"tokenizer_class": "BertTokenizer", "unk_token": "[UNK]"}"#;
    let lower = r#"{"do_lower_case": true}"#;
    let folder = folder(&[
        ("tokenizer.json", &text),
        ("tokenizer_config.json", settings),
        ("sentence_bert_config.json", lower),
    ]);
    let TokenizerFile::Made(bytes) = effective_tokenizer(folder.path()).expect("a tokenizer")
    else {
        panic!("kept");
    };
    let written = String::from_utf8(bytes.clone()).expect("text");
    assert!(written.starts_with("{\n \"further\": [1.0, 1e-7],\n \"version\""), "{written}");
    std::fs::write(folder.path().join("tokenizer.json"), bytes).expect("written");
    assert_eq!(effective_tokenizer(folder.path()).expect("a tokenizer"), TokenizerFile::AsItIs);
}
