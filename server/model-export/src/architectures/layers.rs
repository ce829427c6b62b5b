//! Settings that several families share: how many heads, and what each layer's tokens see.

use crate::ExportError;
use crate::config::Config;

use crate::graph::Port;

use super::blocks::{Blocks, Frequencies, Heads, Rotation, Sight, Theta};

/// Kinds of layers, by how far their tokens see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// To the end.
    Full,
    /// To the end of a window.
    Sliding,
}

impl LayerKind {
    /// Name in `layer_types` and `rope_parameters`.
    pub(super) fn name(self) -> &'static str {
        match self {
            LayerKind::Full => "full_attention",
            LayerKind::Sliding => "sliding_attention",
        }
    }
}

/// The kind of each layer: as `layer_types` lists them, else by the family's rule.
pub(super) fn layer_kinds(
    config: &Config,
    layers: u64,
    rule: impl Fn(u64) -> LayerKind,
) -> Result<Vec<LayerKind>, ExportError> {
    let Some(names) = config.names("layer_types")? else {
        return Ok((0..layers).map(rule).collect());
    };
    if names.len() as u64 != layers {
        let expected = format!("it must name num_hidden_layers = {layers} layers");
        return Err(config.wrong_value("layer_types", expected));
    }
    let kind = |name: &str| {
        let kinds = [LayerKind::Full, LayerKind::Sliding];
        kinds.into_iter().find(|kind| kind.name() == name)
    };
    let kinds: Option<Vec<_>> = names.into_iter().map(kind).collect();
    kinds.ok_or_else(|| config.unsupported("layer_types"))
}

/// What layers of one kind share.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// What is added to attention scores.
    pub(super) bias: Port,
    /// How queries and keys are turned.
    pub(super) rotation: Rotation,
}

/// What each kind of layers shares, for the kinds that a model has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Views {
    full: Option<View>,
    sliding: Option<View>,
}

/// How a kind of layers sees, and where the configuration says its frequencies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeing<'a> {
    pub(super) sight: Sight,
    pub(super) theta: Theta<'a>,
}

impl Views {
    /// Makes what the kinds share, for heads of `size`; each only if a layer is of that kind.
    pub(super) fn build(
        config: &Config,
        blocks: &mut Blocks,
        [input_ids, attention_mask]: [Port; 2],
        size: u64,
        kinds: &[LayerKind],
        [full, sliding]: [Seeing<'_>; 2],
    ) -> Result<Self, ExportError> {
        let mut view = |kind, Seeing { sight, theta }: Seeing<'_>| {
            if !kinds.contains(&kind) {
                return Ok::<_, ExportError>(None);
            }
            let frequencies = Frequencies::read(config, size, theta)?;
            let rotation = blocks.rotation(input_ids, &frequencies)?;
            Ok(Some(View { bias: blocks.attention_bias(attention_mask, sight)?, rotation }))
        };
        Ok(Views {
            full: view(LayerKind::Full, full)?,
            sliding: view(LayerKind::Sliding, sliding)?,
        })
    }

    /// That of a kind which a layer of the model has.
    pub(super) fn of(self, kind: LayerKind) -> View {
        let view = match kind {
            LayerKind::Full => self.full,
            LayerKind::Sliding => self.sliding,
        };
        view.expect("made for every kind that a layer has")
    }
}

/// Heads that divide the width of a model between them.
pub(super) fn equal_heads(
    config: &Config,
    setting: &str,
    width_setting: &str,
    width: u64,
) -> Result<Heads, ExportError> {
    let count = config.count(setting, 1, 12)?;
    if !width.is_multiple_of(count) {
        let expected = format!("it must divide {width_setting} = {width}");
        return Err(config.wrong_value(setting, expected));
    }
    Ok(Heads::new(count, width / count))
}
