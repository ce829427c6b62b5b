//! RoBERTa and XLM-RoBERTa: BERT's layers, with positions that are counted from the padding id on.
//!
//! Papers: <https://arxiv.org/abs/1907.11692>, <https://arxiv.org/abs/1911.02116>. Names and
//! defaults are those of transformers' `RobertaModel` and `XLMRobertaModel`.

use crate::ExportError;
use crate::config::Config;

use super::bert::{self, Bert, Defaults};
use super::blocks::{Blocks, OffsetPositions};
use super::{Encoded, strip_prefix};

/// Makes the graph of a RoBERTa or XLM-RoBERTa model.
pub(super) fn build(config: &Config, blocks: &mut Blocks) -> Result<Encoded, ExportError> {
    let bert = Bert::read(config, &Defaults { vocabulary: 50_265, positions: 512 })?;
    let padding = config.count("pad_token_id", 0, 1)?;
    let positions = OffsetPositions::new(config, padding, bert.positions)?;
    let input_ids = blocks.token_input("input_ids");
    let mask = blocks.text_mask(bert.positions);
    let table = bert.position_table(blocks)?;
    let positions = blocks.offset_positions(table, input_ids, positions, mask)?;
    let state = bert.encode(blocks, [input_ids, positions], mask)?;
    Ok(Encoded { state, attention_mask: mask.port, hidden: bert.parts.hidden })
}

/// As [`bert::weight_name`], under the prefix that models with heads use here.
pub(super) fn weight_name(stored: &str) -> String {
    bert::weight_name(&strip_prefix(stored, "roberta."))
}
