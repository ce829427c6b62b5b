//! Settings that several families share: how many heads, and what each layer's tokens see.

use crate::ExportError;
use crate::config::Config;

use super::blocks::Heads;

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
