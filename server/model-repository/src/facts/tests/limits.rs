//! Usable positions and sentence-transformers' cut.

use super::*;

#[test]
fn usable_positions_follow_the_family() {
    for (config, expected) in [
        (r#"{"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}"#, Some(512)),
        (r#"{"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 3}"#, Some(512)),
        (
            r#"{"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}"#,
            Some(512),
        ),
        (r#"{"model_type": "roberta", "max_position_embeddings": 514}"#, Some(512)),
        (
            r#"{"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}"#,
            Some(513),
        ),
        (
            r#"{"model_type": "xlm-roberta", "max_position_embeddings": 8194, "pad_token_id": 1}"#,
            Some(8192),
        ),
        (
            r#"{"model_type": "camembert", "max_position_embeddings": 514, "pad_token_id": 1}"#,
            Some(512),
        ),
        (
            r#"{"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}"#,
            Some(512),
        ),
        (
            r#"{"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 0}"#,
            Some(512),
        ),
        (
            r#"{"model_type": "xlm_roberta_xl", "max_position_embeddings": 514, "pad_token_id": 1}"#,
            Some(512),
        ),
        (r#"{"architectures": ["XLMRobertaModel"], "max_position_embeddings": 514}"#, Some(512)),
        (
            r#"{"architectures": ["MPNetModel"], "max_position_embeddings": 514, "pad_token_id": 0}"#,
            Some(512),
        ),
        (r#"{"architectures": ["BertModel"], "max_position_embeddings": 512}"#, Some(512)),
        (
            r#"{"model_type": "modernbert", "max_position_embeddings": 8192, "local_attention": 128}"#,
            Some(8192),
        ),
        (
            r#"{"model_type": "nomic_bert", "n_positions": 8192, "max_trained_positions": 2048}"#,
            Some(8192),
        ),
        (
            r#"{"model_type": "nomic_bert", "n_positions": 8192, "max_trained_positions": 2048,
                "rotary_scaling_factor": null}"#,
            Some(8192),
        ),
        (
            r#"{"model_type": "nomic_bert", "n_positions": 8192, "max_trained_positions": 2048,
                "rotary_scaling_factor": 2}"#,
            Some(2048),
        ),
        (r#"{"model_type": "nomic_bert", "max_trained_positions": 2048}"#, Some(2048)),
        (r#"{"model_type": "gpt2", "n_positions": 1024, "n_ctx": 512}"#, Some(1024)),
        (r#"{"model_type": "x", "seq_len": 100, "seq_length": 200, "n_ctx": 300}"#, Some(100)),
        (r#"{"model_type": "x", "seq_length": 200, "n_ctx": 300}"#, Some(200)),
        (
            r#"{"model_type": "mistral", "max_position_embeddings": 32768, "sliding_window": 4096}"#,
            Some(32768),
        ),
        (
            r#"{"model_type": "mistral", "sliding_window": 4096, "max_position_embeddings": 1024}"#,
            Some(1024),
        ),
        (r#"{"model_type": "mistral", "sliding_window": 4096}"#, Some(4096)),
        (
            r#"{"model_type": "distilbert", "max_position_embeddings": 512, "pad_token_id": 0, "sinusoidal_pos_embds": false}"#,
            Some(512),
        ),
        (
            r#"{"model_type": "qwen3", "max_position_embeddings": 32768, "sliding_window": null, "max_window_layers": 28}"#,
            Some(32768),
        ),
        (
            r#"{"model_type": "gemma3_text", "max_position_embeddings": 2048, "sliding_window": 512}"#,
            Some(2048),
        ),
        (
            r#"{"model_type": "gemma3", "text_config": {"hidden_size": 768, "max_position_embeddings": 2048}}"#,
            Some(2048),
        ),
        (
            r#"{"model_type": "new", "max_position_embeddings": 8192, "rope_theta": 500000}"#,
            Some(8192),
        ),
        (r#"{"architectures": ["DistilBertModel"], "max_position_embeddings": 512}"#, Some(512)),
        (
            r#"{"architectures": ["RobertaModel"], "max_position_embeddings": 514, "pad_token_id": 1}"#,
            Some(512),
        ),
        (r#"{"model_type": "xlnet", "max_position_embeddings": -1}"#, None),
        (r#"{"model_type": "x", "max_position_embeddings": 0, "n_ctx": 7}"#, Some(7)),
        (r#"{"model_type": "x", "max_position_embeddings": null}"#, None),
        ("{}", None),
    ] {
        let facts = facts_of(&[("config.json", config)]);
        assert_eq!(facts.usable_tokens, expected, "{config}");
        assert_eq!(facts.token_limit(), expected.unwrap_or(1_024), "{config}");
    }
}

#[test]
fn the_cut_is_the_one_of_sentence_transformers() {
    let modules = ("modules.json", MINILM_MODULES);
    let tokenizer = ("tokenizer_config.json", r#"{"model_max_length": 384}"#);
    let unlimited =
        ("tokenizer_config.json", r#"{"model_max_length": 1000000000000000019884624838656}"#);
    let silent = ("sentence_bert_config.json", r#"{"transformer_task": "feature-extraction"}"#);
    for (texts, expected) in [
        (
            vec![("sentence_bert_config.json", r#"{"max_seq_length": 256}"#), tokenizer, modules],
            Some(256),
        ),
        (vec![("sentence_roberta_config.json", r#"{"max_seq_length": 128}"#)], Some(128)),
        (vec![silent, tokenizer, modules], Some(384)),
        (vec![tokenizer, modules], Some(384)),
        (
            vec![("sentence_bert_config.json", r#"{"max_seq_length": null}"#), unlimited, modules],
            None,
        ),
        (
            vec![
                ("tokenizer_config.json", r#"{"model_max_length": 4611686018427387904}"#),
                modules,
            ],
            None,
        ),
        // Without sentence-transformers' modules nothing cuts.
        (vec![tokenizer], None),
        (vec![], None),
    ] {
        assert_eq!(facts_of(&texts).max_seq_length, expected, "{texts:?}");
    }
}

#[test]
fn the_cut_is_found_beside_a_transformer_in_its_own_folder() {
    let modules =
        r#"[{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]"#;
    let texts = [
        ("modules.json", modules),
        ("0_Transformer/sentence_bert_config.json", r#"{"max_seq_length": 75}"#),
    ];
    assert_eq!(facts_of(&texts).max_seq_length, Some(75));
}
