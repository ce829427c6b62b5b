//! The ways of embedding texts that are compared.

use model_export::WeightFormat;

/// A way of embedding texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Limit,
    Padded,
    Engine,
    Http,
    OvmsWay,
    Fp16,
    Int8,
    Int4,
    Infinity,
    SentenceTransformers,
}

impl System {
    /// Those with fp32 weights.
    pub(crate) const FP32: [Self; 5] =
        [Self::Limit, Self::Padded, Self::Engine, Self::Http, Self::OvmsWay];

    /// Those that are HTTP servers with other weights.
    pub(crate) const FORMATS: [Self; 3] = [Self::Fp16, Self::Int8, Self::Int4];

    /// Other projects' servers.
    pub(crate) const PEERS: [Self; 2] = [Self::Infinity, Self::SentenceTransformers];

    /// The HTTP server with weights in a format.
    pub(crate) fn of_format(format: WeightFormat) -> Self {
        match format {
            WeightFormat::Fp32 => Self::Http,
            WeightFormat::Fp16 => Self::Fp16,
            WeightFormat::Int8 => Self::Int8,
            WeightFormat::Int4 => Self::Int4,
        }
    }

    /// As the report's keys have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Padded => "padded",
            Self::Engine => "engine",
            Self::Http => "http",
            Self::OvmsWay => "ovms_way",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
            Self::Infinity => "infinity",
            Self::SentenceTransformers => "sentence_transformers",
        }
    }
}
