//! NomicBERT: BERT's layers with rotary positions and a gated feed-forward part.
//!
//! Paper: <https://arxiv.org/abs/2402.01613>. Settings and weights have two spellings: that of the
//! repositories' own code (`nomic-ai/nomic-bert-2048`), which joins the projections of a layer,
//! and that of transformers' `NomicBertModel`.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port, Unary};

use super::blocks::{Bias, Blocks, Frequencies, Heads, Rotation, Sight, Theta};
use super::{Encoded, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] = &[
    "pooler.dense.weight",
    "pooler.dense.bias",
    "cls.",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

/// The repositories' own code, which is implemented here.
pub(super) const OWN_CODE: &str = "modeling_hf_nomic_bert.NomicBertModel";

/// Settings of the own code that change the model, with the only values that are implemented.
const OFF: [&str; 7] = [
    "prenorm",
    "use_rms_norm",
    "parallel_block",
    "rotary_emb_interleaved",
    "rotary_emb_scale_base",
    "causal",
    "is_decoder",
];

#[derive(Debug)]
struct NomicBert {
    hidden: u64,
    heads: Heads,
    intermediate: u64,
    epsilon: f32,
    projection_bias: Bias,
    inner_bias: Bias,
    outer_bias: Bias,
}

/// Names of settings in one spelling.
struct Names {
    hidden: &'static str,
    heads: &'static str,
    layers: &'static str,
    intermediate: &'static str,
    epsilon: &'static str,
    theta: &'static str,
}

const OWN: Names = Names {
    hidden: "n_embd",
    heads: "n_head",
    layers: "n_layer",
    intermediate: "n_inner",
    epsilon: "layer_norm_epsilon",
    theta: "rotary_emb_base",
};
const TRANSFORMERS: Names = Names {
    hidden: "hidden_size",
    heads: "num_attention_heads",
    layers: "num_hidden_layers",
    intermediate: "intermediate_size",
    epsilon: "layer_norm_eps",
    theta: "rope_theta",
};

/// Makes the graph of a NomicBERT model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    for setting in OFF {
        config.require_off(setting)?;
    }
    config.require_number("rotary_emb_fraction", 1.0)?;
    // It changes positions beyond those the model was trained with, which are the limit then.
    if config.has("rotary_scaling_factor") && !config.has("max_trained_positions") {
        return Err(config.unsupported("rotary_scaling_factor"));
    }
    config.require_name("activation_function", "swiglu")?;
    config.require_name("hidden_act", "silu")?;
    let names = if config.has(OWN.hidden) { OWN } else { TRANSFORMERS };
    let hidden = config.count(names.hidden, 1, 768)?;
    let model = NomicBert {
        hidden,
        heads: super::equal_heads(config, names.heads, names.hidden, hidden)?,
        intermediate: config.count(names.intermediate, 1, 3_072)?,
        epsilon: config.positive(names.epsilon, 1e-12)?,
        projection_bias: Bias::when(config.flag("qkv_proj_bias", false)?),
        inner_bias: Bias::when(config.flag("mlp_fc1_bias", false)?),
        outer_bias: Bias::when(config.flag("mlp_fc2_bias", false)?),
    };
    let theta =
        Theta { layers: None, setting: names.theta, default: 1_000.0, takes_scaling: false };
    let frequencies = Frequencies::read(config, model.heads.size, theta)?;
    let input_ids = blocks.token_input("input_ids");
    let attention_mask = blocks.token_input("attention_mask");
    let mut state = model.embeddings(config, blocks, input_ids)?;
    let bias = blocks.attention_bias(attention_mask, Sight::All)?;
    let rotation = blocks.rotation(input_ids, &frequencies)?;
    for layer in 0..config.count(names.layers, 1, 12)? {
        let name = format!("encoder.layers.{layer}");
        state = model.self_attention(blocks, &name, state, bias, rotation)?;
        state = model.feed_forward(blocks, &name, state)?;
    }
    Ok(Encoded { state, attention_mask, hidden })
}

impl NomicBert {
    fn embeddings(
        &self,
        config: &Config,
        blocks: &mut Blocks,
        input_ids: Port,
    ) -> Result<Port, ExportError> {
        let vocabulary = config.count("vocab_size", 1, 30_528)?;
        let segments = config.count("type_vocab_size", 0, 2)?;
        let words =
            blocks.matrix("embeddings.word_embeddings.weight", [vocabulary, self.hidden])?;
        let words = blocks.graph.gather(words, input_ids, 0)?;
        let sum = blocks.add_segments(words, [segments, self.hidden])?;
        self.norm(blocks, sum, "emb_ln")
    }

    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        bias: Port,
        rotation: Rotation,
    ) -> Result<Port, ExportError> {
        let square = [self.hidden, self.hidden];
        let joined = format!("{layer}.attn.Wqkv");
        let parts = if blocks.weights.has(&format!("{joined}.weight")) {
            let size = [self.hidden, 3 * self.hidden];
            let joined = blocks.linear(input, &joined, size, self.projection_bias)?;
            blocks.thirds(joined, self.hidden)?
        } else {
            let mut project = |part: &str| {
                blocks.linear(input, &format!("{layer}.attn.{part}"), square, Bias::Absent)
            };
            [project("q_proj")?, project("k_proj")?, project("v_proj")?]
        };
        let attended = blocks.attention(parts, bias, self.heads, Some(rotation))?;
        let name = format!("{layer}.attn.out_proj");
        let output = blocks.linear(attended, &name, square, self.projection_bias)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{layer}.norm1"))
    }

    fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let (narrow, wide) = (self.hidden, self.intermediate);
        let mut widen = |part: &str| {
            blocks.linear(input, &format!("{layer}.mlp.{part}"), [narrow, wide], self.inner_bias)
        };
        let (plain, gate) = (widen("fc11")?, widen("fc12")?);
        let gate = blocks.graph.unary(Unary::Swish, gate)?;
        let inner = blocks.graph.arithmetic(Arithmetic::Multiply, plain, gate)?;
        let name = format!("{layer}.mlp.fc2");
        let output = blocks.linear(inner, &name, [wide, narrow], self.outer_bias)?;
        let sum = blocks.graph.arithmetic(Arithmetic::Add, output, input)?;
        self.norm(blocks, sum, &format!("{layer}.norm2"))
    }

    fn norm(&self, blocks: &mut Blocks, input: Port, name: &str) -> Result<Port, ExportError> {
        blocks.layer_norm(input, name, self.hidden, self.epsilon, Bias::Present)
    }
}

/// The name in the own code's spelling; models with heads put `bert.` or `nomic_bert.` before it.
pub(super) fn weight_name(stored: &str) -> String {
    let name = strip_prefix(&strip_prefix(stored, "bert."), "nomic_bert.");
    if let Some(norm) = name.strip_prefix("embeddings.LayerNorm.") {
        return format!("emb_ln.{norm}");
    }
    let Some(rest) = name.strip_prefix("layers.") else { return name };
    let rest = rest
        .replace(".self_attn.o_proj.", ".attn.out_proj.")
        .replace(".self_attn.", ".attn.")
        .replace(".mlp.up_proj.", ".mlp.fc11.")
        .replace(".mlp.gate_proj.", ".mlp.fc12.")
        .replace(".mlp.down_proj.", ".mlp.fc2.")
        .replace(".post_attention_layernorm.", ".norm1.")
        .replace(".post_mlp_layernorm.", ".norm2.");
    format!("encoder.layers.{rest}")
}
