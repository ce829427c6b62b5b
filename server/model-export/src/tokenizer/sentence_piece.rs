//! Sentencepiece models: Unigram with the ids of fairseq (XLM-RoBERTa, CamemBERT) or with sentinels
//! (T5), and BPE with bytes for unknown letters (Llama, Mistral, Gemma).

mod merges;
mod proto;
mod steps;

use serde_json::value::{RawValue, to_raw_value};

use super::TokenizerError;
use super::added_token::AddedToken;
use super::class::Class;
use super::document::{Document, Parts};
use super::files::Files;
use super::model::{BytePairs, Ids, Unigram};
use super::settings::Settings;
use super::vocabulary::Vocabulary;
use proto::{Kind, ModelType, SentencePieceModel};

/// The longest piece that is taken apart, in bytes; trainers make none beyond some dozens of
/// letters.
const LONGEST_PIECE: usize = 4096;

/// What makes a piece one that is not used: the score of unlikely words lies far above.
const NOT_USED: f32 = -100.0;

/// Builds the tokenizer.
pub(super) fn build(files: &Files<'_>, settings: &Settings) -> Result<Document, TokenizerError> {
    let class = settings.class();
    let name = match class {
        Class::XlmRoberta | Class::Camembert => "sentencepiece.bpe.model",
        Class::T5 => "spiece.model",
        _ => "tokenizer.model",
    };
    let bytes = files.bytes(name)?.ok_or_else(|| settings.missing(name))?;
    let source = SentencePieceModel::parse(&bytes)
        .map_err(|source| TokenizerError::ParseSentencePiece { file: name.to_owned(), source })?;
    if let Some(piece) = source.pieces.iter().find(|piece| piece.text.len() > LONGEST_PIECE) {
        let problem = format!("it has a piece of {} bytes", piece.text.len());
        return Err(TokenizerError::content(name, problem));
    }
    let reserved = match class {
        Class::Camembert => 1,
        Class::T5 => 0,
        _ => 3,
    };
    if source.pieces.len() <= reserved {
        return Err(TokenizerError::content(
            name,
            format!("it has only {} pieces", source.pieces.len()),
        ));
    }
    let extra_ids = sentinels(settings);
    let scored = scored_pieces(&source, settings, &extra_ids);
    let json_error = |source| TokenizerError::damaged(name, source);
    let (model, vocabulary) = match source.model_type {
        ModelType::Unigram => {
            let unknown = unknown_id(class, &source);
            (unigram(class, &scored, unknown).map_err(json_error)?, list(&scored))
        }
        ModelType::BytePairs => byte_pairs(class, &source, &scored).map_err(json_error)?,
        ModelType::Other(number) => {
            return Err(TokenizerError::content(
                name,
                format!("it is of type {number}, neither Unigram nor BPE"),
            ));
        }
    };
    let post_processor = steps::post_processor(class, &vocabulary)
        .map_err(|token| TokenizerError::content(name, format!("it has no {token}")))?;
    Document::of(Parts {
        normalizer: steps::normalizer(class, settings, &source.charsmap),
        pre_tokenizer: steps::pre_tokenizer(class, settings),
        post_processor,
        decoder: steps::decoder(class, settings),
        model,
        added: added(class, &source),
        vocabulary,
    })
    .map_err(json_error)
}

/// The sentinels of T5, which are no pieces: `<extra_id_99>` comes first.
fn sentinels(settings: &Settings) -> Vec<String> {
    if settings.class() != Class::T5 {
        return Vec::new();
    }
    let is_sentinel = |content: &&str| content.contains("<extra_id_");
    let count =
        settings.special_tokens().iter().map(|token| token.content()).filter(is_sentinel).count();
    (0..count).rev().map(|id| format!("<extra_id_{id}>")).collect()
}

/// The vocabulary: tokens in the order of their ids, with scores.
fn scored_pieces<'a>(
    source: &'a SentencePieceModel,
    settings: &'a Settings,
    extra_ids: &'a [String],
) -> Vec<(&'a str, f32)> {
    let pieces = |first: usize| {
        source.pieces.iter().skip(first).map(|piece| (piece.text.as_str(), piece.score))
    };
    let named = |attribute: &str| (settings.token(attribute).unwrap_or_default(), 0.0);
    match settings.class() {
        Class::XlmRoberta => [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
            .into_iter()
            .chain(pieces(3))
            .chain([("<mask>", 0.0)])
            .collect(),
        // The model's own <unk> must not be found in place of the added one.
        Class::Camembert => [
            ("<s>NOTUSED", 0.0),
            ("<pad>", 0.0),
            ("</s>NOTUSED", 0.0),
            ("<unk>", 0.0),
            ("<unk>NOTUSED", NOT_USED),
        ]
        .into_iter()
        .chain(pieces(1))
        .chain([("<mask>", 0.0)])
        .collect(),
        Class::T5 => pieces(0).chain(extra_ids.iter().map(|token| (token.as_str(), 0.0))).collect(),
        Class::Gemma => {
            let tokens = ["pad_token", "eos_token", "bos_token"].map(named);
            let mut tokens: Vec<_> = tokens.into_iter().chain(pieces(3)).collect();
            // Models of before have no tab but the byte.
            let has_tab = tokens.iter().any(|(token, _)| *token == "\t");
            let byte = tokens.iter_mut().find(|(token, _)| *token == merges::TAB_BYTE);
            if let Some(byte) = byte.filter(|_| !has_tab) {
                *byte = ("\t", 0.0);
            }
            tokens
        }
        _ => {
            // The settings may name the first tokens otherwise.
            let first = source.pieces.iter().take(3).zip(0..).map(|(piece, id)| {
                let declared = settings.declared().get(&id).map(|token| token.content.as_str());
                (declared.unwrap_or(&piece.text), 0.0)
            });
            first.chain(pieces(3)).collect()
        }
    }
}

fn unknown_id(class: Class, source: &SentencePieceModel) -> usize {
    match class {
        Class::XlmRoberta | Class::Camembert | Class::Gemma => 3,
        Class::Llama => 0,
        _ => source.unknown_id,
    }
}

/// Whether letters that are no piece are taken apart into bytes.
fn falls_back_to_bytes(class: Class) -> bool {
    matches!(class, Class::Llama | Class::Gemma)
}

fn list(scored: &[(&str, f32)]) -> Vocabulary {
    Vocabulary::of_list(scored.iter().map(|(token, _)| *token))
}

fn unigram(
    class: Class,
    scored: &[(&str, f32)],
    unknown: usize,
) -> Result<Box<RawValue>, serde_json::Error> {
    to_raw_value(&Unigram {
        unk_id: unknown,
        vocab: scored.iter().map(|(token, score)| (*token, f64::from(*score))).collect(),
        byte_fallback: falls_back_to_bytes(class),
    })
}

fn byte_pairs(
    class: Class,
    source: &SentencePieceModel,
    scored: &[(&str, f32)],
) -> Result<(Box<RawValue>, Vocabulary), serde_json::Error> {
    let all = list(scored);
    let ids: Vec<(&str, u32)> = scored
        .iter()
        .zip(0..)
        .map(|((token, _), id)| (*token, id))
        .filter(|(token, id)| all.id(token) == Some(*id))
        .collect();
    let vocabulary =
        Vocabulary::of_ids(ids.iter().map(|(token, id)| ((*token).to_owned(), *id)).collect());
    let model = BytePairs {
        dropout: None,
        unk_token: Some(&source.unknown_piece),
        continuing_subword_prefix: None,
        end_of_word_suffix: None,
        fuse_unk: true,
        byte_fallback: falls_back_to_bytes(class),
        ignore_merges: false,
        vocab: Ids::new(ids),
        merges: merges::merges(class, source, scored),
    };
    Ok((to_raw_value(&model)?, vocabulary))
}

/// Control pieces, which are special, and pieces that the model's maker defined.
fn added(class: Class, source: &SentencePieceModel) -> Vec<AddedToken> {
    let is_turn =
        |text: &str| class == Class::Gemma && matches!(text, "<start_of_turn>" | "<end_of_turn>");
    let token = |piece: &proto::Piece| AddedToken {
        normalized: false,
        special: piece.kind == Kind::Control || is_turn(&piece.text),
        ..AddedToken::ordinary(piece.text.as_str())
    };
    let is_added = |piece: &&proto::Piece| matches!(piece.kind, Kind::Control | Kind::UserDefined);
    source.pieces.iter().filter(is_added).map(token).collect()
}

#[cfg(test)]
mod tests;
