//! What Llama, Mistral, Qwen2 and Qwen3 are: decoders whose tokens see those before them, with
//! root mean square norms before each part, rotary positions, shared key and value heads, and
//! gated feed-forward parts.
//!
//! Names and defaults are those of transformers. Each family's file says what is special.

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, Port};

use super::blocks::{
    Activation, Bias, Blocks, Frequencies, Heads, RmsNorm, Rotation, Sight, Theta,
};
use super::{Encoded, LayerKind, strip_prefix};

/// Tensors of parts that come after the last hidden state, or that are not weights.
pub(super) const IGNORED: &[&str] = &["lm_head.", "score."];

/// One model.
#[derive(Debug)]
pub(super) struct Decoder {
    pub(super) vocabulary: u64,
    pub(super) hidden: u64,
    pub(super) heads: Heads,
    pub(super) intermediate: u64,
    pub(super) activation: Activation,
    pub(super) norm: RmsNorm,
    pub(super) frequencies: Frequencies,
    /// Of the projections to queries, keys and values.
    pub(super) projection_bias: Bias,
    /// Of the projection of what was attended.
    pub(super) output_bias: Bias,
    /// Of the feed-forward parts.
    pub(super) inner_bias: Bias,
    /// Whether heads of queries and keys are normalised.
    pub(super) head_norms: HeadNorms,
    /// What tokens see of those after them.
    pub(super) direction: Direction,
    /// How far each layer's tokens see.
    pub(super) layers: Vec<LayerKind>,
    /// Tokens that the sliding kind sees, the own one included.
    pub(super) window: Option<u64>,
}

/// Whether the heads of queries and keys are normalised before they are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadNorms {
    Present,
    Absent,
}

/// Which way tokens see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Those before them, as decoders are trained.
    Back,
    /// Both ways, as some decoders are trained anew for embeddings.
    Both,
}

/// Defaults that differ between the families.
#[derive(Debug)]
pub(super) struct Defaults {
    pub(super) vocabulary: u64,
    pub(super) hidden: u64,
    pub(super) intermediate: u64,
    pub(super) heads: u64,
    /// As many as `heads` where nothing is said.
    pub(super) shared: Option<u64>,
    pub(super) head_size: Option<u64>,
    pub(super) layers: u64,
}

impl Decoder {
    /// Reads what all families name alike; biases and norms of heads are absent, and every token
    /// sees all before it.
    pub(super) fn read(config: &Config, defaults: &Defaults) -> Result<Self, ExportError> {
        config.require_off("pruned_heads")?;
        let hidden = config.count("hidden_size", 1, defaults.hidden)?;
        let heads = read_heads(config, hidden, defaults)?;
        let theta =
            Theta { layers: None, setting: "rope_theta", default: 10_000.0, takes_scaling: true };
        let layers = config.count("num_hidden_layers", 1, defaults.layers)?;
        Ok(Decoder {
            vocabulary: config.count("vocab_size", 1, defaults.vocabulary)?,
            hidden,
            heads,
            intermediate: config.count("intermediate_size", 1, defaults.intermediate)?,
            activation: Activation::read(config, "hidden_act", "silu")?,
            norm: RmsNorm { epsilon: config.positive("rms_norm_eps", 1e-6)?, offset: 0.0 },
            frequencies: Frequencies::read(config, heads.size, theta)?,
            projection_bias: Bias::Absent,
            output_bias: Bias::Absent,
            inner_bias: Bias::Absent,
            head_norms: HeadNorms::Absent,
            direction: match config.flag("is_causal", true)? {
                true => Direction::Back,
                false => Direction::Both,
            },
            layers: vec![LayerKind::Full; layers as usize],
            window: None,
        })
    }

    /// Makes the graph.
    pub(super) fn build(
        &self,
        config: &Config,
        blocks: &mut Blocks,
    ) -> Result<Encoded, ExportError> {
        let everything = match (self.direction, self.window) {
            (Direction::Back, _) => Sight::Before { window: None },
            (Direction::Both, None) => Sight::All,
            (Direction::Both, Some(_)) => return Err(config.unsupported("is_causal")),
        };
        let input_ids = blocks.token_input("input_ids");
        let attention_mask = blocks.token_input("attention_mask");
        let words = blocks.matrix("embed_tokens.weight", [self.vocabulary, self.hidden])?;
        let mut state = blocks.graph.gather(words, input_ids, 0)?;
        let rotation = blocks.rotation(input_ids, &self.frequencies)?;
        let mut bias = |kind, sight| {
            let is_there = self.layers.contains(&kind);
            is_there.then(|| blocks.attention_bias(attention_mask, sight)).transpose()
        };
        let full = bias(LayerKind::Full, everything)?;
        let window = self.window.map(|window| window.saturating_sub(1));
        let sliding = bias(LayerKind::Sliding, Sight::Before { window })?;
        for (layer, kind) in self.layers.iter().enumerate() {
            let bias = match kind {
                LayerKind::Full => full,
                LayerKind::Sliding => sliding,
            };
            let bias = bias.expect("made for every kind that a layer has");
            let name = format!("layers.{layer}");
            state = self.self_attention(blocks, &name, state, bias, rotation)?;
            state = self.feed_forward(blocks, &name, state)?;
        }
        let state = blocks.rms_norm(state, "norm", self.hidden, self.norm)?;
        Ok(Encoded { state, attention_mask, hidden: self.hidden })
    }

    fn self_attention(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
        bias: Port,
        rotation: Rotation,
    ) -> Result<Port, ExportError> {
        let name = format!("{layer}.input_layernorm");
        let normal = blocks.rms_norm(input, &name, self.hidden, self.norm)?;
        let parts = GroupedProjections {
            hidden: self.hidden,
            heads: self.heads,
            bias: self.projection_bias,
            norm: match self.head_norms {
                HeadNorms::Present => Some(self.norm),
                HeadNorms::Absent => None,
            },
        }
        .project(blocks, &format!("{layer}.self_attn"), normal, rotation)?;
        let attended = blocks.attend(parts, bias, self.heads, None)?;
        let name = format!("{layer}.self_attn.o_proj");
        let size = [self.heads.width(), self.hidden];
        let output = blocks.linear(attended, &name, size, self.output_bias)?;
        Ok(blocks.graph.arithmetic(Arithmetic::Add, input, output)?)
    }

    fn feed_forward(
        &self,
        blocks: &mut Blocks,
        layer: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let name = format!("{layer}.post_attention_layernorm");
        let normal = blocks.rms_norm(input, &name, self.hidden, self.norm)?;
        let part = GatedPart {
            narrow: self.hidden,
            wide: self.intermediate,
            activation: self.activation,
            bias: self.inner_bias,
        };
        let output = part.apply(blocks, &format!("{layer}.mlp"), normal)?;
        Ok(blocks.graph.arithmetic(Arithmetic::Add, input, output)?)
    }
}

/// Projections to queries, keys and values, in heads, normalised where there are norms, rotated.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupedProjections {
    pub(super) hidden: u64,
    pub(super) heads: Heads,
    pub(super) bias: Bias,
    pub(super) norm: Option<RmsNorm>,
}

impl GroupedProjections {
    /// Query, key and value, each `[batch, heads, tokens, size]`.
    pub(super) fn project(
        self,
        blocks: &mut Blocks,
        name: &str,
        input: Port,
        rotation: Rotation,
    ) -> Result<[Port; 3], ExportError> {
        let GroupedProjections { hidden, heads, bias, norm } = self;
        let mut part = |letter: char, count: u64| {
            let size = [hidden, count * heads.size];
            let part = blocks.linear(input, &format!("{name}.{letter}_proj"), size, bias)?;
            let mut part = blocks.split_heads(part, count, heads.size)?;
            if letter != 'v' {
                if let Some(norm) = norm {
                    let name = format!("{name}.{letter}_norm");
                    part = blocks.rms_norm(part, &name, heads.size, norm)?;
                }
                part = blocks.rotate(part, rotation)?;
            }
            Ok::<_, ExportError>(part)
        };
        Ok([part('q', heads.count)?, part('k', heads.shared)?, part('v', heads.shared)?])
    }
}

/// A feed-forward part of which one half opens and closes the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct GatedPart {
    pub(super) narrow: u64,
    pub(super) wide: u64,
    pub(super) activation: Activation,
    pub(super) bias: Bias,
}

impl GatedPart {
    pub(super) fn apply(
        self,
        blocks: &mut Blocks,
        name: &str,
        input: Port,
    ) -> Result<Port, ExportError> {
        let GatedPart { narrow, wide, activation, bias } = self;
        let gate = blocks.linear(input, &format!("{name}.gate_proj"), [narrow, wide], bias)?;
        let plain = blocks.linear(input, &format!("{name}.up_proj"), [narrow, wide], bias)?;
        let gate = activation.apply(&mut blocks.graph, gate)?;
        let inner = blocks.graph.arithmetic(Arithmetic::Multiply, gate, plain)?;
        blocks.linear(inner, &format!("{name}.down_proj"), [wide, narrow], bias)
    }
}

/// Heads of queries, and of keys and values, which divide them.
pub(super) fn read_heads(
    config: &Config,
    hidden: u64,
    defaults: &Defaults,
) -> Result<Heads, ExportError> {
    let count = config.count("num_attention_heads", 1, defaults.heads)?;
    let shared = config.optional_count("num_key_value_heads", 1)?;
    let shared = shared.or(defaults.shared).unwrap_or(count);
    if !count.is_multiple_of(shared) {
        let expected = format!("it must divide num_attention_heads = {count}");
        return Err(config.wrong_value("num_key_value_heads", expected));
    }
    let size = match config.optional_count("head_dim", 1)?.or(defaults.head_size) {
        Some(size) => size,
        None => super::equal_heads(config, "num_attention_heads", "hidden_size", hidden)?.size,
    };
    Ok(Heads { count, shared, size })
}

/// Models with heads put `model.` before the names.
pub(super) fn weight_name(stored: &str) -> String {
    strip_prefix(stored, "model.")
}
