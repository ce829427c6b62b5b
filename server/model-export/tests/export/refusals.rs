//! Models that are not implemented, or whose parts contradict each other: each is refused by
//! name and value, and nothing is written.

use model_export::WeightFormat;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::source::{Source, Stored};

const OPTIMUM: &str = "with Python: optimum-cli export openvino --task feature-extraction \
                       --library sentence_transformers --model SOURCE TARGET";

fn with(setting: &str, value: Value) -> String {
    let mut source = Source::new();
    source.config[setting] = value;
    source.refusal()
}

#[test]
fn an_unknown_architecture_is_named_with_the_command_that_exports_it() {
    let refusal = with("architectures", json!(["T5EncoderModel"]));
    let expected = format!("the architecture T5EncoderModel cannot be exported here; {OPTIMUM}");
    assert_eq!(refusal, expected);
}

#[test]
fn a_model_without_architectures_goes_by_its_type() {
    let mut source = Source::new();
    source.config["architectures"] = Value::Null;
    assert!(source.export(WeightFormat::Fp32).is_ok());
    source.config["model_type"] = json!("mamba");
    let refusal = source.export(WeightFormat::Fp32).expect_err("unknown").to_string();
    assert!(refusal.starts_with("the architecture mamba cannot"), "{refusal}");
    source.config["model_type"] = Value::Null;
    let refusal = source.export(WeightFormat::Fp32).expect_err("nothing").to_string();
    assert!(
        refusal.ends_with("has architectures = null, but it must name the model's architecture")
    );
}

#[test]
fn settings_that_are_not_implemented_are_named_with_their_values() {
    for (setting, value) in [
        ("hidden_act", json!("gelu_10")),
        ("position_embedding_type", json!("relative_key")),
        ("is_decoder", json!(true)),
        ("add_cross_attention", json!(true)),
        ("pruned_heads", json!({"0": [1]})),
        ("model_type", json!("xlm-roberta")),
        ("quantization_config", json!({"bits": 8})),
    ] {
        let expected =
            format!("BertModel with {setting} = {value} cannot be exported here; {OPTIMUM}");
        assert_eq!(with(setting, value), expected);
    }
    let refusal = with("auto_map", json!({"AutoModel": "own--modeling.OwnBert"}));
    let start = "BertModel with auto_map.AutoModel = \"own--modeling.OwnBert\" cannot";
    assert!(refusal.starts_with(start), "{refusal}");
}

#[test]
fn settings_that_make_no_sense_are_named_with_what_is_expected() {
    for (setting, value, expected) in [
        ("hidden_size", json!(0), "it must be a whole number of 1 or more"),
        ("hidden_size", json!("4"), "it must be a whole number of 1 or more"),
        ("num_hidden_layers", json!(-1), "it must be a whole number of 1 or more"),
        ("vocab_size", json!(u64::MAX), "it must be a whole number of 1 or more"),
        ("num_attention_heads", json!(3), "it must divide hidden_size = 4"),
        ("max_position_embeddings", json!(1), "it must be a whole number of 2 or more"),
        ("type_vocab_size", json!(null), "it must be a whole number of 1 or more"),
        ("layer_norm_eps", json!(0.0), "it must be a number above zero"),
        ("layer_norm_eps", json!(1e300), "it must be a number above zero"),
        ("hidden_act", json!(7), "it must be a string"),
        ("architectures", json!("BertModel"), "it must be a list of names"),
    ] {
        let start = "the model config at SOURCE/config.json has";
        let text = format!("{start} {setting} = {value}, but {expected}");
        assert_eq!(with(setting, value), text);
    }
}

#[test]
fn a_config_that_is_absent_or_no_json_object_is_refused() {
    let source = Source::new();
    let refusal = source.refusal_as_it_is();
    assert!(refusal.starts_with("failed to read the model config at SOURCE/config.json: No such"));
    for text in ["", "{", "[]", "7", "{\"architectures\": [\"BertModel\"]} x"] {
        source.add("config.json", text);
        let refusal = source.refusal_as_it_is();
        let start = "failed to parse the model config at SOURCE/config.json; the file is \
                     damaged, download it again: ";
        assert!(refusal.starts_with(start), "{text}: {refusal}");
    }
}

#[test]
fn modules_that_would_change_the_vectors_are_refused() {
    let modules = |kind: &str, path: &str| {
        let source = Source::new();
        source.add("modules.json", json!([{"path": path, "type": kind}]).to_string());
        source.export(WeightFormat::Fp32).map_err(|error| error.to_string())
    };
    for (kind, path) in [
        ("sentence_transformers.models.Transformer", ""),
        ("sentence_transformers.models.Pooling", "1_Pooling"),
        ("sentence_transformers.sentence_transformer.modules.normalize.Normalize", "2"),
    ] {
        assert!(modules(kind, path).is_ok(), "{kind}");
    }
    for (kind, path) in [
        ("sentence_transformers.models.Dense", "2_Dense"),
        ("sentence_transformers.models.Transformer", "0_Transformer"),
        ("own_code.Pooling", "1_Pooling"),
    ] {
        let refusal = modules(kind, path).expect_err("must be refused");
        let start =
            format!("BertModel with the module `{path}` of modules.json = \"{kind}\" cannot");
        assert!(refusal.starts_with(&start), "{refusal}");
    }
}

#[test]
fn weight_formats_that_nobody_defines_are_refused() {
    let error = "int2".parse::<WeightFormat>().expect_err("unknown").to_string();
    assert_eq!(error, "unknown weight format `int2`; use fp32, fp16, int8 or int4");
}

#[test]
fn weights_in_other_formats_only_are_refused_with_the_remedy() {
    for file in ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5"] {
        let source = Source::new();
        source.write_config();
        source.add(file, "");
        let refusal = source.refusal_as_it_is();
        let start = format!("the weights in SOURCE are only there as {file}, which is not read");
        assert!(refusal.starts_with(&start), "{refusal}");
        assert!(refusal.contains("convert them to safetensors: python -c"), "{refusal}");
    }
    let source = Source::new();
    source.write_config();
    let expected = "found neither model.safetensors nor model.safetensors.index.json in SOURCE; \
                    download the model's safetensors weights";
    assert_eq!(source.refusal_as_it_is(), expected);
}

#[test]
fn a_missing_weight_is_named_with_its_shape() {
    let mut source = Source::new();
    source.tensors.retain(|tensor| !tensor.name.ends_with("output.dense.bias"));
    let expected = "the weight `encoder.layer.0.attention.output.dense.bias` of shape [4] is \
                    missing from SOURCE; config.json and the weights are not of the same model: get \
                    both again, or choose another revision";
    assert_eq!(source.refusal(), expected);
}

#[test]
fn more_layers_than_there_are_weights_end_at_the_first_missing_one() {
    let refusal = with("num_hidden_layers", json!(i64::MAX));
    let start =
        "the weight `encoder.layer.1.attention.self.query.weight` of shape [4, 4] is missing";
    assert!(refusal.starts_with(start), "{refusal}");
}

#[test]
fn tensors_that_the_config_does_not_describe_are_counted_and_named() {
    let mut source = Source::new();
    for name in ["encoder.layer.1.output.dense.bias", "adapter.weight"] {
        source.tensors.push(Stored::new(name, &[4]));
    }
    let expected = "2 tensors in SOURCE are no part of the model as config.json describes it, the \
                    first is `adapter.weight`; config.json and the weights are not of the same \
                    model: get both again, or choose another revision";
    assert_eq!(source.refusal(), expected);
}

#[test]
fn a_shape_that_contradicts_the_config_is_named_with_both() {
    let expected = "the tensor `embeddings.word_embeddings.weight` has the shape [11, 4], but \
                    config.json makes it [12, 4]; they \
                    are not of the same model: get both again, or choose another revision";
    assert_eq!(with("vocab_size", json!(12)), expected);
    let mut source = Source::new();
    source.tensor("encoder.layer.0.intermediate.dense.weight").shape = vec![4, 3];
    let expected = "the tensor `encoder.layer.0.intermediate.dense.weight` has the shape [4, 3], \
                    but config.json makes it [3, 4]; they \
                    are not of the same model: get both again, or choose another revision";
    assert_eq!(source.refusal(), expected);
}

#[test]
fn elements_that_are_no_floats_are_named() {
    let mut source = Source::new();
    source.tensor("embeddings.LayerNorm.bias").dtype = Dtype::I32;
    let expected = "the tensor `embeddings.LayerNorm.bias` holds I32 elements; only F32, F16 and \
                    BF16 weights can be exported; save the model in one of them: \
                    AutoModel.from_pretrained(...).float().save_pretrained(folder)";
    assert_eq!(source.refusal(), expected);
}

#[test]
fn two_tensors_for_one_weight_are_refused() {
    let mut source = Source::new();
    source.tensors.push(Stored::new("bert.embeddings.LayerNorm.gamma", &[4]));
    let refusal = source.refusal();
    let end = "both stand for the weight `embeddings.LayerNorm.weight`; remove one of them from \
               the weights";
    assert!(refusal.ends_with(end), "{refusal}");
}
