//! The parts of a sentencepiece model file that a tokenizer is built from. The format is a protocol
//! buffer, whose numbers are those of `sentencepiece_model.proto`.

use prost::{DecodeError, Message};

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SentencePieceModel {
    pub(super) pieces: Vec<Piece>,
    pub(super) model_type: ModelType,
    pub(super) unknown_id: usize,
    pub(super) unknown_piece: String,
    /// Replacements of letters, compiled; empty when there are none.
    pub(super) charsmap: Vec<u8>,
}

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: Kind,
}

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A token that no text can contain, such as `<s>`.
    Control,
    /// A token that its maker wanted to be whole wherever it is.
    UserDefined,
    /// A part of texts, the unknown token or a byte.
    Ordinary,
}

/// The algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelType {
    Unigram,
    BytePairs,
    Other(i32),
}

impl SentencePieceModel {
    /// Reads a file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let ModelProto { pieces, trainer_spec, normalizer_spec } = ModelProto::decode(bytes)?;
        let TrainerSpec { model_type, unk_id, unk_piece } = trainer_spec.unwrap_or_default();
        let piece = |PieceProto { piece, score, r#type }: PieceProto| Piece {
            text: piece.unwrap_or_default(),
            score: score.unwrap_or_default(),
            kind: match r#type {
                Some(3) => Kind::Control,
                Some(4) => Kind::UserDefined,
                _ => Kind::Ordinary,
            },
        };
        Ok(Self {
            pieces: pieces.into_iter().map(piece).collect(),
            model_type: match model_type.unwrap_or(1) {
                1 => ModelType::Unigram,
                2 => ModelType::BytePairs,
                number => ModelType::Other(number),
            },
            unknown_id: unk_id.and_then(|id| usize::try_from(id).ok()).unwrap_or_default(),
            unknown_piece: unk_piece.unwrap_or_else(|| "<unk>".to_owned()),
            charsmap: normalizer_spec.unwrap_or_default().precompiled_charsmap.unwrap_or_default(),
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    normalizer_spec: Option<NormalizerSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct PieceProto {
    #[prost(string, optional, tag = "1")]
    piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    r#type: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct TrainerSpec {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
    #[prost(int32, optional, tag = "40")]
    unk_id: Option<i32>,
    #[prost(string, optional, tag = "45")]
    unk_piece: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    precompiled_charsmap: Option<Vec<u8>>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A model file: pieces with their scores and kinds, the algorithm, and replacements of
    /// letters.
    pub(in crate::tokenizer::sentence_piece) fn file(
        pieces: &[(&str, f32, i32)],
        model_type: i32,
        charsmap: &[u8],
    ) -> Vec<u8> {
        let piece = |(piece, score, kind): &(&str, f32, i32)| PieceProto {
            piece: Some((*piece).to_owned()),
            score: Some(*score),
            r#type: Some(*kind),
        };
        ModelProto {
            pieces: pieces.iter().map(piece).collect(),
            trainer_spec: Some(TrainerSpec {
                model_type: Some(model_type),
                unk_id: Some(2),
                unk_piece: None,
            }),
            normalizer_spec: Some(NormalizerSpec { precompiled_charsmap: Some(charsmap.to_vec()) }),
        }
        .encode_to_vec()
    }

    #[test]
    fn parts_are_found_by_their_numbers_and_others_skipped() {
        // trainer_spec { model_type: BPE, vocab_size: 9, unk_piece: "?" }, self_test_data, pieces {
        // "a" 1.5 CONTROL }.
        let bytes = b"\x12\x08\x18\x02\x20\x09\xea\x02\x01?\x22\x00\x0a\x0a\x0a\x01a\x15\x00\x00\xc0\x3f\x18\x03";
        let model = SentencePieceModel::parse(bytes).expect("a model");
        assert_eq!((model.model_type, model.unknown_piece.as_str()), (ModelType::BytePairs, "?"));
        let piece = Piece { text: "a".into(), score: 1.5, kind: Kind::Control };
        assert_eq!((model.pieces, model.unknown_id, model.charsmap), (vec![piece], 0, Vec::new()));
    }

    #[test]
    fn a_file_that_is_cut_off_or_something_else_is_an_error() {
        let whole = file(&[("a", 0.0, 1)], 1, b"map");
        assert!(SentencePieceModel::parse(&whole).is_ok());
        assert!(SentencePieceModel::parse(&whole[..whole.len() - 1]).is_err());
        assert!(SentencePieceModel::parse(b"{\"model\": {}}").is_err());
    }
}
