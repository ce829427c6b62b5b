//! transformers' tokenizer classes: how they are named, which special tokens they bring, and how
//! they flag them.

use super::added_token::{AddedToken, Named};

/// The attributes that hold one special token each, in transformers' order, which is the order of
/// adding.
pub(super) const ATTRIBUTES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// Where a tokenizer comes from: transformers reads the two by different classes, which differ in
/// the flags of special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadFrom {
    /// `tokenizer.json`.
    Document,
    /// A vocabulary file.
    Vocabulary,
}

/// A tokenizer class, or several that do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// WordPiece with `[CLS]` and `[SEP]`.
    Bert,
    /// WordPiece with `<s>` and `</s>`.
    Mpnet,
    /// Byte-level BPE with `<s>` and `</s>`.
    Roberta,
    /// Byte-level BPE without special tokens around a text.
    Gpt2,
    /// The same with another split into words.
    Qwen2,
    /// Unigram with the ids of fairseq.
    XlmRoberta,
    /// Unigram with other ids of fairseq.
    Camembert,
    /// Unigram with `</s>`.
    T5,
    /// BPE of sentencepiece with bytes for unknown letters.
    Llama,
    /// The same without a blank in front.
    Gemma,
    /// Any other: its `tokenizer.json` is all that is known.
    Other,
}

impl Class {
    /// By the name of the class.
    pub(super) fn of_name(name: &str) -> Self {
        match name.strip_suffix("Fast").unwrap_or(name) {
            "BertTokenizer"
            | "ConvBertTokenizer"
            | "DPRContextEncoderTokenizer"
            | "DPRQuestionEncoderTokenizer"
            | "DistilBertTokenizer"
            | "ElectraTokenizer"
            | "LxmertTokenizer"
            | "MobileBertTokenizer"
            | "RetriBertTokenizer"
            | "SqueezeBertTokenizer" => Self::Bert,
            "MPNetTokenizer" => Self::Mpnet,
            "LongformerTokenizer" | "RobertaTokenizer" => Self::Roberta,
            "GPT2Tokenizer" => Self::Gpt2,
            "Qwen2Tokenizer" => Self::Qwen2,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            "CamembertTokenizer" => Self::Camembert,
            "T5Tokenizer" => Self::T5,
            "LlamaTokenizer" => Self::Llama,
            "GemmaTokenizer" => Self::Gemma,
            _ => Self::Other,
        }
    }

    /// By `model_type` of `config.json`, for models that name no class.
    pub(super) fn of_model_type(model_type: &str) -> Self {
        match model_type {
            "bert" | "convbert" | "distilbert" | "dpr" | "electra" | "ernie" | "lxmert"
            | "megatron-bert" | "mobilebert" | "nezha" | "squeezebert" | "visual_bert" => {
                Self::Bert
            }
            "mpnet" => Self::Mpnet,
            "data2vec-text" | "ibert" | "longformer" | "roberta" | "roberta-prelayernorm" => {
                Self::Roberta
            }
            "gpt2" | "gpt_neo" | "gptj" => Self::Gpt2,
            "qwen2" | "qwen2_moe" | "qwen3" | "qwen3_moe" => Self::Qwen2,
            "xlm-roberta" | "xlm-roberta-xl" | "xmod" => Self::XlmRoberta,
            "camembert" => Self::Camembert,
            "t5" => Self::T5,
            "llama" | "mistral" | "mixtral" => Self::Llama,
            "gemma" | "gemma2" | "gemma3" | "gemma3_text" => Self::Gemma,
            _ => Self::Other,
        }
    }

    /// The special tokens of a class where no file names others.
    pub(super) fn default_token(self, attribute: &str) -> Option<&'static str> {
        Some(match (self, attribute) {
            (Self::Bert | Self::Mpnet, "unk_token") => "[UNK]",
            (Self::Bert, "sep_token") => "[SEP]",
            (Self::Bert, "pad_token") => "[PAD]",
            (Self::Bert, "cls_token") => "[CLS]",
            (Self::Bert, "mask_token") => "[MASK]",
            (Self::Mpnet | Self::Roberta | Self::XlmRoberta | Self::Camembert, attribute) => {
                match attribute {
                    "bos_token" | "cls_token" => "<s>",
                    "eos_token" | "sep_token" => "</s>",
                    "unk_token" => "<unk>",
                    "pad_token" => "<pad>",
                    "mask_token" => "<mask>",
                    _ => return None,
                }
            }
            (Self::Gpt2, "bos_token" | "eos_token" | "unk_token") => "<|endoftext|>",
            (Self::Qwen2, "eos_token" | "unk_token" | "pad_token") => "<|endoftext|>",
            (Self::Gemma, "bos_token") => "<bos>",
            (Self::Gemma, "eos_token") => "<eos>",
            (Self::Llama, "bos_token") => "<s>",
            (Self::Llama | Self::T5, "eos_token") => "</s>",
            (Self::Llama | Self::T5 | Self::Gemma, "unk_token") => "<unk>",
            (Self::T5 | Self::Gemma, "pad_token") => "<pad>",
            _ => return None,
        })
    }

    /// A special token of which only the text is given, with the flags that the class gives it.
    pub(super) fn named(self, attribute: &str, content: String, from: ReadFrom) -> Named {
        let has_lone_mask =
            matches!(self, Self::Mpnet | Self::Roberta | Self::XlmRoberta | Self::Camembert);
        match (self, from) {
            // A mask takes the blanks before it along.
            _ if has_lone_mask && attribute == "mask_token" => {
                let token = AddedToken { lstrip: true, ..AddedToken::special(content) };
                Named::Token(token)
            }
            (Self::Roberta | Self::Gpt2, ReadFrom::Vocabulary) => {
                Named::Token(AddedToken::ordinary(content))
            }
            (Self::Mpnet | Self::Qwen2, _)
            | (Self::T5 | Self::Llama | Self::Gemma, ReadFrom::Vocabulary) => {
                Named::Token(AddedToken::special(content))
            }
            _ => Named::Plain(content),
        }
    }

    /// Special tokens that the class adds to those that attributes hold; `given` is what files
    /// name.
    pub(super) fn additional(self, given: Option<Vec<Named>>, extra_ids: u32) -> Vec<Named> {
        let plain = |content: &str| Named::Plain(content.to_owned());
        match (self, given) {
            (Self::Camembert, None) => {
                ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"].map(plain).to_vec()
            }
            (Self::T5, given) => {
                let mut tokens = given.unwrap_or_default();
                if !tokens.iter().any(|token| token.content().contains("<extra_id_")) {
                    tokens
                        .extend((0..extra_ids).map(|id| Named::Plain(format!("<extra_id_{id}>"))));
                }
                tokens
            }
            (_, given) => given.unwrap_or_default(),
        }
    }
}
