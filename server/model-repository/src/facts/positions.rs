//! How many tokens a model has positions for.

use super::FactsError;
use super::members::Members;

/// The limit when a model says none; OpenVINO Model Server's default.
pub const UNKNOWN_LIMIT: usize = 1_024;

/// The members that may hold the number of positions, in OpenVINO Model Server's order, with
/// nomic's second name. A sliding window limits how far a token sees, not how long a text may be, so
/// it counts only where nothing else is said.
const POSITION_MEMBERS: [&str; 7] = [
    "max_position_embeddings",
    "n_positions",
    "seq_len",
    "seq_length",
    "n_ctx",
    "max_trained_positions",
    "sliding_window",
];

/// `model_type` of the models whose positions start after the padding id: fairseq's RoBERTa numbers
/// them so, and the position table has rows that no token ever uses. transformers'
/// `create_position_ids_from_input_ids` is what they share.
const OFFSET_TYPES: [&str; 17] = [
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "layoutlmv3",
    "lilt",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-flash",
    "xlm-roberta-xl",
    "xmod",
    "altclip",
];

/// How a model numbers its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// From 0.
    FromZero,
    /// From the padding id + 1.
    AfterPadding,
    /// MPNet: after a padding id that is fixed to 1, whatever the configuration says.
    Mpnet,
}

impl Family {
    /// By `model_type`, else by the name of the architecture.
    pub(super) fn of(model_type: Option<&str>, architecture: Option<&str>) -> Family {
        let is_offset = |name: &str| OFFSET_TYPES.contains(&name);
        match (model_type, architecture) {
            (Some(model_type), _) => match model_type.replace('_', "-").as_str() {
                "mpnet" => Family::Mpnet,
                name if is_offset(name) => Family::AfterPadding,
                _ => Family::FromZero,
            },
            (None, Some(architecture)) => {
                let name = architecture.to_lowercase();
                if name.starts_with("mpnet") {
                    Family::Mpnet
                } else if ["roberta", "camembert", "longformer"]
                    .iter()
                    .any(|word| name.contains(word))
                {
                    Family::AfterPadding
                } else {
                    Family::FromZero
                }
            }
            (None, None) => Family::FromZero,
        }
    }
}

/// The usable positions; `None` when the configuration says nothing.
pub(super) fn usable_tokens(
    config: &Members<'_>,
    family: Family,
    pad_token_id: Option<u32>,
) -> Result<Option<usize>, FactsError> {
    for name in POSITION_MEMBERS {
        let Some(mut positions) = config.positive(name)? else { continue };
        // NomicBERT's own code stretches its rotary positions beyond those by the length of the
        // longest text of a batch, so that a text's vector would depend on its neighbours.
        if name == "n_positions"
            && config.has("rotary_scaling_factor")
            && let Some(trained) = config.positive("max_trained_positions")?
        {
            positions = positions.min(trained);
        }
        let unused = match family {
            _ if name != "max_position_embeddings" => 0,
            Family::FromZero => 0,
            Family::Mpnet => 2,
            Family::AfterPadding => pad_token_id.map_or(2, |pad| pad as usize + 1),
        };
        return match positions.checked_sub(unused).filter(|usable| *usable > 0) {
            Some(usable) => Ok(Some(usable)),
            None => Err(config.impossible(
                name,
                positions.to_string(),
                "which leaves no position for a token after the padding id",
            )),
        };
    }
    Ok(None)
}
