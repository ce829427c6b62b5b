//! Published models by their shapes: configuration, and names and sizes of their tensors.
//!
//! The exporter refuses tensors that are missing or too many, so a slip here ends the program.

use serde_json::{Value, json};

/// Element type of published weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Single precision.
    F32,
    /// bfloat16.
    Bf16,
}

/// One model.
pub struct Shape {
    /// As the hub names it, where it is one model.
    pub name: &'static str,
    /// As the table names it.
    pub architecture: &'static str,
    /// How the names of the fixtures begin that compare this architecture with PyTorch.
    pub fixtures: &'static [&'static str],
    /// How it is published to be pooled.
    pub pooling: &'static str,
    /// How its weights are stored.
    pub stored: Stored,
    /// `config.json`.
    pub config: Value,
    /// Names and sizes of its tensors, in the file's order.
    pub tensors: Vec<(String, Vec<u64>)>,
}

/// Tensors under construction.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<u64>)>);

impl Tensors {
    fn weight(&mut self, name: &str, sizes: &[u64]) {
        self.0.push((format!("{name}.weight"), sizes.to_vec()));
    }

    /// `[to, from]` with a bias.
    fn linear(&mut self, name: &str, from: u64, to: u64) {
        self.weight(name, &[to, from]);
        self.0.push((format!("{name}.bias"), vec![to]));
    }

    fn norm(&mut self, name: &str, size: u64) {
        self.weight(name, &[size]);
        self.0.push((format!("{name}.bias"), vec![size]));
    }
}

/// Sizes that encoders share.
#[derive(Clone, Copy)]
struct Encoder {
    vocabulary: u64,
    hidden: u64,
    layers: u64,
    heads: u64,
    intermediate: u64,
    positions: u64,
}

const BASE: Encoder = Encoder {
    vocabulary: 30_522,
    hidden: 768,
    layers: 12,
    heads: 12,
    intermediate: 3_072,
    positions: 512,
};
const LARGE: Encoder =
    Encoder { hidden: 1_024, layers: 24, heads: 16, intermediate: 4_096, ..BASE };
const SMALL: Encoder = Encoder { hidden: 384, intermediate: 1_536, ..BASE };

fn config(architecture: &str, model_type: &str, encoder: Encoder) -> Value {
    json!({
        "architectures": [architecture], "model_type": model_type,
        "vocab_size": encoder.vocabulary, "hidden_size": encoder.hidden,
        "num_hidden_layers": encoder.layers, "num_attention_heads": encoder.heads,
        "intermediate_size": encoder.intermediate,
        "max_position_embeddings": encoder.positions,
    })
}

/// BERT, RoBERTa and XLM-RoBERTa, with this many segments.
fn bert(encoder: Encoder, segments: u64) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, intermediate, positions, .. } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.word_embeddings", &[vocabulary, hidden]);
    tensors.weight("embeddings.position_embeddings", &[positions, hidden]);
    tensors.weight("embeddings.token_type_embeddings", &[segments, hidden]);
    tensors.norm("embeddings.LayerNorm", hidden);
    for layer in 0..layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            tensors.linear(&name(&format!("attention.{part}")), hidden, hidden);
        }
        tensors.norm(&name("attention.output.LayerNorm"), hidden);
        tensors.linear(&name("intermediate.dense"), hidden, intermediate);
        tensors.linear(&name("output.dense"), intermediate, hidden);
        tensors.norm(&name("output.LayerNorm"), hidden);
    }
    tensors.0
}

fn distilbert(encoder: Encoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, intermediate, positions, .. } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.word_embeddings", &[vocabulary, hidden]);
    tensors.weight("embeddings.position_embeddings", &[positions, hidden]);
    tensors.norm("embeddings.LayerNorm", hidden);
    for layer in 0..layers {
        let name = |part: &str| format!("transformer.layer.{layer}.{part}");
        for part in ["q_lin", "k_lin", "v_lin", "out_lin"] {
            tensors.linear(&name(&format!("attention.{part}")), hidden, hidden);
        }
        tensors.norm(&name("sa_layer_norm"), hidden);
        tensors.linear(&name("ffn.lin1"), hidden, intermediate);
        tensors.linear(&name("ffn.lin2"), intermediate, hidden);
        tensors.norm(&name("output_layer_norm"), hidden);
    }
    tensors.0
}

fn mpnet(encoder: Encoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, heads, intermediate, positions } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.word_embeddings", &[vocabulary, hidden]);
    tensors.weight("embeddings.position_embeddings", &[positions, hidden]);
    tensors.norm("embeddings.LayerNorm", hidden);
    tensors.weight("encoder.relative_attention_bias", &[32, heads]);
    for layer in 0..layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["q", "k", "v", "o"] {
            tensors.linear(&name(&format!("attention.attn.{part}")), hidden, hidden);
        }
        tensors.norm(&name("attention.LayerNorm"), hidden);
        tensors.linear(&name("intermediate.dense"), hidden, intermediate);
        tensors.linear(&name("output.dense"), intermediate, hidden);
        tensors.norm(&name("output.LayerNorm"), hidden);
    }
    tensors.0
}

fn modernbert(encoder: Encoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, intermediate, .. } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.tok_embeddings", &[vocabulary, hidden]);
    tensors.weight("embeddings.norm", &[hidden]);
    for layer in 0..layers {
        let name = |part: &str| format!("layers.{layer}.{part}");
        if layer > 0 {
            tensors.weight(&name("attn_norm"), &[hidden]);
        }
        tensors.weight(&name("attn.Wqkv"), &[3 * hidden, hidden]);
        tensors.weight(&name("attn.Wo"), &[hidden, hidden]);
        tensors.weight(&name("mlp_norm"), &[hidden]);
        tensors.weight(&name("mlp.Wi"), &[2 * intermediate, hidden]);
        tensors.weight(&name("mlp.Wo"), &[hidden, intermediate]);
    }
    tensors.weight("final_norm", &[hidden]);
    tensors.0
}

fn nomic(encoder: Encoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, intermediate, .. } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.word_embeddings", &[vocabulary, hidden]);
    tensors.weight("embeddings.token_type_embeddings", &[2, hidden]);
    tensors.norm("emb_ln", hidden);
    for layer in 0..layers {
        let name = |part: &str| format!("encoder.layers.{layer}.{part}");
        tensors.weight(&name("attn.Wqkv"), &[3 * hidden, hidden]);
        tensors.weight(&name("attn.out_proj"), &[hidden, hidden]);
        tensors.weight(&name("mlp.fc11"), &[intermediate, hidden]);
        tensors.weight(&name("mlp.fc12"), &[intermediate, hidden]);
        tensors.weight(&name("mlp.fc2"), &[hidden, intermediate]);
        tensors.norm(&name("norm1"), hidden);
        tensors.norm(&name("norm2"), hidden);
    }
    tensors.0
}

fn gte(encoder: Encoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, intermediate, .. } = encoder;
    let mut tensors = Tensors::default();
    tensors.weight("embeddings.word_embeddings", &[vocabulary, hidden]);
    tensors.norm("embeddings.LayerNorm", hidden);
    for layer in 0..layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        tensors.linear(&name("attention.qkv_proj"), hidden, 3 * hidden);
        tensors.linear(&name("attention.o_proj"), hidden, hidden);
        tensors.weight(&name("mlp.up_gate_proj"), &[2 * intermediate, hidden]);
        tensors.linear(&name("mlp.down_proj"), intermediate, hidden);
        tensors.norm(&name("attn_ln"), hidden);
        tensors.norm(&name("mlp_ln"), hidden);
    }
    tensors.0
}

/// Sizes of decoders: those of encoders, and of heads that are shared.
struct Decoder {
    of: Encoder,
    shared: u64,
    head: u64,
    /// Norms of a layer, by name.
    norms: &'static [&'static str],
}

fn decoder(decoder: &Decoder) -> Vec<(String, Vec<u64>)> {
    let Encoder { vocabulary, hidden, layers, heads, intermediate, .. } = decoder.of;
    let (wide, narrow) = (heads * decoder.head, decoder.shared * decoder.head);
    let mut tensors = Tensors::default();
    tensors.weight("embed_tokens", &[vocabulary, hidden]);
    for layer in 0..layers {
        let name = |part: &str| format!("layers.{layer}.{part}");
        for norm in decoder.norms {
            tensors.weight(&name(norm), &[hidden]);
        }
        tensors.weight(&name("self_attn.q_proj"), &[wide, hidden]);
        tensors.weight(&name("self_attn.k_proj"), &[narrow, hidden]);
        tensors.weight(&name("self_attn.v_proj"), &[narrow, hidden]);
        tensors.weight(&name("self_attn.o_proj"), &[hidden, wide]);
        tensors.weight(&name("self_attn.q_norm"), &[decoder.head]);
        tensors.weight(&name("self_attn.k_norm"), &[decoder.head]);
        tensors.weight(&name("mlp.gate_proj"), &[intermediate, hidden]);
        tensors.weight(&name("mlp.up_proj"), &[intermediate, hidden]);
        tensors.weight(&name("mlp.down_proj"), &[hidden, intermediate]);
    }
    tensors.weight("norm", &[hidden]);
    tensors.0
}

fn with(mut config: Value, more: &Value) -> Value {
    let (Some(config_members), Some(more)) = (config.as_object_mut(), more.as_object()) else {
        return config;
    };
    config_members.extend(more.clone());
    config
}

/// A BERT of the sizes of base models.
pub fn base_bert() -> Shape {
    random_bert("a base BERT", BASE)
}

/// A BERT of the sizes of large models, with this vocabulary and so many layers.
pub fn large_bert(vocabulary: u64, layers: u64) -> Shape {
    random_bert("a large BERT", Encoder { vocabulary, layers, ..LARGE })
}

fn random_bert(name: &'static str, encoder: Encoder) -> Shape {
    Shape {
        name,
        architecture: "BERT",
        fixtures: &[],
        pooling: "mean",
        stored: Stored::F32,
        config: config("BertModel", "bert", encoder),
        tensors: bert(encoder, 2),
    }
}

/// The models of OVMS's demo page, and those beyond it that users ask for.
pub fn all() -> Vec<Shape> {
    let roberta = Encoder { vocabulary: 50_265, layers: 6, positions: 514, ..BASE };
    let e5 = Encoder { vocabulary: 250_002, positions: 514, ..LARGE };
    let m3 = Encoder { positions: 8_194, ..e5 };
    let distil = Encoder { layers: 6, ..BASE };
    let mp = Encoder { vocabulary: 30_527, positions: 514, ..BASE };
    let modern =
        Encoder { vocabulary: 50_368, layers: 22, intermediate: 1_152, positions: 8_192, ..BASE };
    let nomic_sizes = Encoder { vocabulary: 30_528, ..BASE };
    let gte_sizes = Encoder { vocabulary: 30_528, positions: 8_192, ..BASE };
    let gemma = Decoder {
        of: Encoder {
            vocabulary: 262_144,
            hidden: 768,
            layers: 24,
            heads: 3,
            intermediate: 1_152,
            positions: 2_048,
        },
        shared: 1,
        head: 256,
        norms: &[
            "input_layernorm",
            "post_attention_layernorm",
            "pre_feedforward_layernorm",
            "post_feedforward_layernorm",
        ],
    };
    let qwen = Decoder {
        of: Encoder {
            vocabulary: 151_669,
            hidden: 1_024,
            layers: 28,
            heads: 16,
            intermediate: 3_072,
            positions: 32_768,
        },
        shared: 8,
        head: 128,
        norms: &["input_layernorm", "post_attention_layernorm"],
    };
    let bert_like = |name, encoder, pooling| Shape {
        name,
        architecture: "BERT",
        fixtures: &["tiny-bert-", "bert-dense-"],
        pooling,
        stored: Stored::F32,
        config: config("BertModel", "bert", encoder),
        tensors: bert(encoder, 2),
    };
    let roberta_like = |name, architecture, encoder, kind: (&str, &str), pooling, fixtures| Shape {
        name,
        architecture,
        fixtures,
        pooling,
        stored: Stored::F32,
        config: with(
            config(kind.0, kind.1, encoder),
            &json!({"type_vocab_size": 1, "pad_token_id": 1}),
        ),
        tensors: bert(encoder, 1),
    };
    let xlm = ("XLMRobertaModel", "xlm-roberta");
    let decoder_config = |architecture: &str, model_type: &str, sizes: &Decoder| {
        let more = json!({"num_key_value_heads": sizes.shared, "head_dim": sizes.head});
        with(config(architecture, model_type, sizes.of), &more)
    };
    vec![
        bert_like("thenlper/gte-small", SMALL, "mean"),
        bert_like("sentence-transformers/all-MiniLM-L12-v2", SMALL, "mean"),
        bert_like("BAAI/bge-large-en-v1.5", LARGE, "CLS"),
        roberta_like(
            "sentence-transformers/all-distilroberta-v1",
            "RoBERTa",
            roberta,
            ("RobertaModel", "roberta"),
            "mean",
            &["roberta-"],
        ),
        roberta_like("intfloat/multilingual-e5-large", "XLM-RoBERTa", e5, xlm, "mean", &["xlm-"]),
        roberta_like("BAAI/bge-m3", "XLM-RoBERTa", m3, xlm, "CLS", &["xlm-"]),
        Shape {
            name: "distilbert-base",
            architecture: "DistilBERT",
            fixtures: &["distilbert-"],
            pooling: "mean",
            stored: Stored::F32,
            config: json!({"architectures": ["DistilBertModel"], "model_type": "distilbert"}),
            tensors: distilbert(distil),
        },
        Shape {
            name: "sentence-transformers/all-mpnet-base-v2",
            architecture: "MPNet",
            fixtures: &["mpnet-"],
            pooling: "mean",
            stored: Stored::F32,
            config: config("MPNetModel", "mpnet", mp),
            tensors: mpnet(mp),
        },
        Shape {
            name: "ModernBERT-base",
            architecture: "ModernBERT",
            fixtures: &["modernbert-"],
            pooling: "CLS",
            stored: Stored::F32,
            config: config("ModernBertModel", "modernbert", modern),
            tensors: modernbert(modern),
        },
        Shape {
            name: "nomic-ai/nomic-embed-text-v1.5",
            architecture: "NomicBERT",
            fixtures: &["nomic-"],
            pooling: "mean",
            stored: Stored::F32,
            config: json!({
                "architectures": ["NomicBertModel"], "model_type": "nomic_bert",
                "n_embd": 768, "n_head": 12, "n_layer": 12, "n_inner": 3_072,
                "vocab_size": 30_528, "n_positions": 8_192, "activation_function": "swiglu",
            }),
            tensors: nomic(nomic_sizes),
        },
        Shape {
            name: "Alibaba-NLP/gte-base-en-v1.5",
            architecture: "gte (`new`)",
            fixtures: &["new-"],
            pooling: "CLS",
            stored: Stored::F32,
            config: with(config("NewModel", "new", gte_sizes), &json!({"type_vocab_size": 0})),
            tensors: gte(gte_sizes),
        },
        Shape {
            name: "google/embeddinggemma-300m",
            architecture: "Gemma 3",
            fixtures: &["gemma3-"],
            pooling: "mean",
            stored: Stored::Bf16,
            config: with(
                decoder_config("Gemma3TextModel", "gemma3_text", &gemma),
                &json!({"use_bidirectional_attention": true, "sliding_window": 512}),
            ),
            tensors: decoder(&gemma),
        },
        Shape {
            name: "Qwen/Qwen3-Embedding-0.6B",
            architecture: "Qwen3",
            fixtures: &["qwen3-"],
            pooling: "last",
            stored: Stored::Bf16,
            config: decoder_config("Qwen3Model", "qwen3", &qwen),
            tensors: decoder(&qwen),
        },
    ]
}
