//! Several texts in one row.

use openvino::InferenceError;

use super::model::{Model, Rows};

/// The name that an attention mask has beside its own if it may say where texts begin.
const TEXT_STARTS: &str = "text_starts";

/// The vectors of the tokens of texts that are together in one row, one after another; an error where a model has no
/// such mask.
pub(crate) fn packed_states(model: &Model, texts: &[Vec<i64>]) -> Result<Rows, InferenceError> {
    let mut row = Vec::new();
    for text in texts {
        let mask = 1 + row.len() as i64;
        row.extend(text.iter().map(|token| Some((*token, mask))));
    }
    let (values, shape) = model.infer(&[row], TEXT_STARTS)?;
    let hidden = shape.last().copied().expect("a shape");
    Ok(values.chunks_exact(hidden).map(<[f32]>::to_vec).collect())
}
