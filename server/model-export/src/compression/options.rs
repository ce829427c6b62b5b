//! What a caller chooses about compression.

use std::fmt;

use super::plan::{DEFAULT_INT4_GROUP, DEFAULT_INT8_GROUP};
use crate::WeightFormat;

/// Values that share a scale and a zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// All values of a row, which make one output channel.
    PerChannel,
    /// So many neighbours in a row.
    Of(u64),
}

/// Whether codes have a zero point of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symmetry {
    /// They have, so that the range need not be centred at zero.
    #[default]
    Asymmetric,
    /// Zero is the middle code.
    Symmetric,
}

/// How layers are stored that int4 would hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backup {
    /// In half precision.
    None,
    /// In 8 bits with zero as the middle code.
    Int8Symmetric,
    /// In 8 bits with zero points.
    #[default]
    Int8Asymmetric,
}

/// Choices for int8 and int4 weights.
#[derive(Debug, Clone, PartialEq)]
pub struct CompressionOptions {
    /// Size of groups in linear layers: 64 for int8 and 32 for int4 by default.
    pub grouping: Option<Grouping>,
    /// Share of the values that may be stored in int4 which is; the rest is taken from the end
    /// of the model and stored as the backup says.
    pub ratio: f32,
    /// Whether codes have zero points.
    pub symmetry: Symmetry,
    /// Whether int4 takes embedding tables, the layers of attention's values and the last layer
    /// too, which are stored as the backup says otherwise.
    pub all_layers: bool,
    /// What is not stored in int4.
    pub backup: Backup,
}

impl Default for CompressionOptions {
    fn default() -> Self {
        CompressionOptions {
            grouping: None,
            ratio: 1.0,
            symmetry: Symmetry::default(),
            all_layers: false,
            backup: Backup::default(),
        }
    }
}

impl CompressionOptions {
    /// The settings that take part in a weight format, by name; none for fp32 and fp16.
    pub fn facts(&self, format: WeightFormat) -> Vec<(&'static str, String)> {
        let group = |default| self.grouping.unwrap_or(Grouping::Of(default)).to_string();
        let symmetric = ("sym", (self.symmetry == Symmetry::Symmetric).to_string());
        match format {
            WeightFormat::Fp32 | WeightFormat::Fp16 => vec![],
            WeightFormat::Int8 => vec![("group_size", group(DEFAULT_INT8_GROUP)), symmetric],
            WeightFormat::Int4 => vec![
                ("group_size", group(DEFAULT_INT4_GROUP)),
                symmetric,
                ("ratio", self.ratio.to_string()),
                ("all_layers", self.all_layers.to_string()),
                ("backup_precision", self.backup.to_string()),
            ],
        }
    }

    /// What [`CompressionOptions::parse`] reads as these settings, without those that have their
    /// defaults.
    pub(crate) fn words(&self, format: WeightFormat) -> Vec<String> {
        let defaults = CompressionOptions::default().facts(format);
        let changed = self.facts(format).into_iter().zip(defaults);
        let changed = changed.filter_map(|(fact, default)| (fact != default).then_some(fact));
        let word = |(name, value): (&str, String)| {
            let name = name.replace('_', "-");
            match value.as_str() {
                "true" => format!("--{name}"),
                value => format!("--{name} {value}"),
            }
        };
        changed.map(word).collect()
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grouping::PerChannel => formatter.write_str("-1"),
            Grouping::Of(size) => size.fmt(formatter),
        }
    }
}

impl fmt::Display for Backup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Backup::None => "none",
            Backup::Int8Symmetric => "int8_sym",
            Backup::Int8Asymmetric => "int8_asym",
        })
    }
}
