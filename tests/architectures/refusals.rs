//! Settings that would make other vectors than the code does: refused by name, with the command
//! that exports the model in Python.

use std::path::Path;

use model_export::{ExportOptions, export};
use serde_json::{Value, json};

/// Exports a fixture with one member of its `file` changed; the refusal.
fn refusal(name: &str, file: &str, member: &str, value: &Value) -> String {
    let source = tempfile::tempdir().expect("a folder");
    copy(&super::fixture(name), source.path());
    let path = source.path().join(file);
    let mut content: Value = super::states::read_json(&path);
    content[member] = value.clone();
    std::fs::write(&path, content.to_string()).expect("written");
    let target = source.path().join("target");
    let error = export(source.path(), &target, &ExportOptions::default(), &mut |_, _| {})
        .expect_err(&format!("{name} with {member} = {value}"));
    assert!(!target.join("openvino_model.xml").exists());
    error.to_string()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn settings_that_are_not_implemented_are_refused_by_name() {
    for (name, member, value, shown) in [
        (
            "qwen3-embedding",
            "rope_scaling",
            json!({"rope_type": "yarn", "factor": 4.0}),
            r#"rope_scaling.rope_type = "yarn""#,
        ),
        ("qwen3-embedding", "hidden_act", json!("selu"), r#"hidden_act = "selu""#),
        (
            "qwen3-rope-parameters",
            "layer_types",
            json!(["full_attention", "chunked_attention"]),
            "layer_types = [",
        ),
        ("qwen2-causal", "auto_map", json!({"AutoModel": "modeling_qwen.Qwen2Model"}), "auto_map"),
        ("llama-scaled", "partial_rotary_factor", json!(0.5), "partial_rotary_factor = 0.5"),
        ("mistral-window", "is_causal", json!(false), "is_causal = false"),
        ("gemma3-causal", "attn_logit_softcapping", json!(50.0), "attn_logit_softcapping = 50.0"),
        ("modernbert-biases", "hidden_activation", json!("selu"), r#"hidden_activation = "selu""#),
        ("nomic-bert-hub", "prenorm", json!(true), "prenorm = true"),
        ("nomic-bert-hub", "rotary_emb_fraction", json!(0.5), "rotary_emb_fraction = 0.5"),
        ("nomic-bert-hub", "activation_function", json!("geglu"), r#"= "geglu""#),
        ("nomic-bert-hub", "auto_map", json!({"AutoModel": "other.Model"}), r#""other.Model""#),
        ("new-ntk", "position_embedding_type", json!("absolute"), r#"= "absolute""#),
        ("new-ntk", "logn_attention_scale", json!(true), "logn_attention_scale = true"),
        (
            "new-ntk",
            "rope_scaling",
            json!({"type": "ntk", "factor": 2.0, "mixed_b": 0.5}),
            "rope_scaling.mixed_b = 0.5",
        ),
        (
            "mpnet-long",
            "relative_attention_num_buckets",
            json!(64),
            "relative_attention_num_buckets = 64",
        ),
        ("roberta-offset", "position_embedding_type", json!("relative_key"), r#"= "relative_key""#),
        ("distilbert-learnt", "pruned_heads", json!({"0": [1]}), r#"pruned_heads = {"0":[1]}"#),
        ("xlm-roberta-heads", "quantization_config", json!({"bits": 4}), "quantization_config"),
    ] {
        let refusal = refusal(name, "config.json", member, &value);
        assert!(refusal.contains(shown), "{name}: {refusal}");
        assert!(refusal.contains("cannot be exported here; with Python: optimum-cli"), "{refusal}");
    }
}

/// Values that no model can have: the message says what they should be.
#[test]
fn impossible_settings_are_named_with_what_they_should_be() {
    for (name, member, value, expected) in [
        ("qwen3-embedding", "num_key_value_heads", json!(3), "it must divide num_attention_heads"),
        ("distilbert-learnt", "n_heads", json!(7), "it must divide dim"),
        ("roberta-offset", "max_position_embeddings", json!(3), "it must leave two rows after"),
        ("modernbert-biases", "layer_types", json!(["full_attention"]), "it must name"),
        ("llama-scaled", "attention_bias", json!("yes"), "it must be true or false"),
    ] {
        let refusal = refusal(name, "config.json", member, &value);
        assert!(refusal.contains(member) && refusal.contains(expected), "{name}: {refusal}");
    }
}

#[test]
fn dense_modules_that_are_not_implemented_are_refused() {
    let softmax = json!("torch.nn.modules.activation.Softmax");
    let refusal = refusal("bert-dense-cls", "2_Dense/config.json", "activation_function", &softmax);
    assert!(refusal.contains("the module `2_Dense` of modules.json"), "{refusal}");
    assert!(refusal.contains("Softmax") && refusal.contains("optimum-cli"), "{refusal}");
}
