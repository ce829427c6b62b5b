//! From a batch of token ids to the integers of each input, and from an output's shape to vectors.

use engine::{RuntimeError, TokenBatch};

use crate::ports::{ModelOutput, OutputKind, Role};

/// Checks what every later step relies on: there are texts, each of at least one token and within a row.
pub(crate) fn check(batch: &TokenBatch) -> Result<(), RuntimeError> {
    if batch.texts.is_empty() || batch.texts.len() != batch.starts.len() {
        return Err(RuntimeError::new("a batch without texts, or without a place for each"));
    }
    let (rows, width) = (batch.rows, batch.width);
    let is_within = |start: usize, length: usize| {
        width > 0 && start / width < rows && (1..=width - start % width).contains(&length)
    };
    match batch.places().position(|(start, text)| !is_within(start, text.len())) {
        None => Ok(()),
        Some(text) => Err(RuntimeError::new(format!(
            "text {text} of a batch has {} tokens from {} on and is not within one of {rows} rows of {width}",
            batch.texts[text].len(),
            batch.starts[text],
        ))),
    }
}

/// Fills one input, `[rows, width]` zeros, for a checked batch.
///
/// Padding is `pad_token_id` in the ids, 0 elsewhere (a position of 0 is always within the model's table, and the
/// attention mask keeps padding out of the vectors). In the mask, a text is 1 more than the column in which it begins.
pub(crate) fn fill<Integer: Copy + TryFrom<u32>>(
    role: Role,
    batch: &TokenBatch,
    elements: &mut [Integer],
) -> Result<(), RuntimeError> {
    let convert = |value: u32| {
        Integer::try_from(value).map_err(|_| {
            RuntimeError::new(format!("{value} does not fit into the model's 32-bit token ids"))
        })
    };
    if role == Role::InputIds {
        elements.fill(convert(batch.pad_token_id)?);
    }
    for (start, text) in batch.places() {
        let slots = &mut elements[start..start + text.len()];
        match role {
            Role::InputIds => {
                for (slot, &token) in slots.iter_mut().zip(text) {
                    *slot = convert(token)?;
                }
            }
            Role::AttentionMask => {
                let column = u32::try_from(start % batch.width).unwrap_or(u32::MAX - 1);
                slots.fill(convert(column + 1)?);
            }
            Role::TokenTypeIds => {}
            Role::PositionIds => {
                for (slot, position) in slots.iter_mut().zip(0..) {
                    *slot = convert(position)?;
                }
            }
        }
    }
    Ok(())
}

/// The texts of a padded batch, those of equal length together, each batch without padding; with their rows.
pub(crate) fn by_length(batch: &TokenBatch) -> Vec<(Vec<usize>, TokenBatch)> {
    let mut groups = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (row, text) in batch.texts.iter().enumerate() {
        groups.entry(text.len()).or_default().push(row);
    }
    groups
        .into_iter()
        .map(|(width, rows)| {
            let texts = rows.iter().map(|&row| batch.texts[row].clone()).collect();
            (rows, TokenBatch::padded(texts, width, batch.pad_token_id))
        })
        .collect()
}

/// Checks an output's shape against the batch; the numbers per vector.
pub(crate) fn hidden_of(
    shape: &[usize],
    output: &ModelOutput,
    batch: &TokenBatch,
) -> Result<usize, RuntimeError> {
    let rows = batch.rows;
    let hidden = match (output.kind, shape) {
        (OutputKind::Tokens, &[r, w, hidden]) if r == rows && w == batch.width => hidden,
        (OutputKind::Sentences, &[r, hidden]) if r == batch.texts.len() => hidden,
        _ => 0,
    };
    if hidden == 0 || output.hidden.is_some_and(|declared| declared != hidden) {
        let name = &output.name;
        return Err(RuntimeError::new(format!(
            "the model's output {name} has the shape {shape:?} for {rows} rows of {} tokens",
            batch.width
        )));
    }
    Ok(hidden)
}

/// Refuses vectors with NaN or infinite numbers; what a model computes for padding does not matter.
pub(crate) fn check_finite(
    values: &[f32],
    kind: OutputKind,
    hidden: usize,
    batch: &TokenBatch,
) -> Result<(), RuntimeError> {
    for (number, (start, text)) in batch.places().enumerate() {
        let vectors = match kind {
            OutputKind::Tokens => start..start + text.len(),
            OutputKind::Sentences => number..number + 1,
        };
        if !all_finite(&values[vectors.start * hidden..vectors.end * hidden]) {
            return Err(RuntimeError::new(format!(
                "the model computed numbers that are not finite for text {number} of {}; with \
                 reduced precision set INFERENCE_PRECISION_HINT to f32 in plugin_config",
                batch.texts.len()
            )));
        }
    }
    Ok(())
}

/// Compares exponents as integers, which the compiler turns into vector instructions.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    values
        .chunks(4096)
        .all(|chunk| chunk.iter().map(|value| value.to_bits() & EXPONENT).max() < Some(EXPONENT))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn batch(rows: &[&[u32]], width: usize) -> TokenBatch {
        TokenBatch::padded(rows.iter().map(|row| Arc::from(*row)).collect(), width, 9)
    }

    fn filled(role: Role) -> Vec<i64> {
        let batch = batch(&[&[5, 6, 7], &[8]], 4);
        let mut elements = vec![0; 8];
        fill(role, &batch, &mut elements).expect("every id fits");
        elements
    }

    #[test]
    fn each_input_gets_its_numbers_padded_on_the_right() {
        assert_eq!(filled(Role::InputIds), [5, 6, 7, 9, 8, 9, 9, 9]);
        assert_eq!(filled(Role::AttentionMask), [1, 1, 1, 0, 1, 0, 0, 0]);
        assert_eq!(filled(Role::TokenTypeIds), [0; 8]);
        assert_eq!(filled(Role::PositionIds), [0, 1, 2, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn an_id_beyond_32_bits_is_an_error_for_a_32_bit_model_only() {
        let batch = batch(&[&[u32::MAX]], 1);
        assert!(fill(Role::InputIds, &batch, &mut [0i32]).is_err());
        let mut wide = [0i64];
        fill(Role::InputIds, &batch, &mut wide).expect("64 bits are enough");
        assert_eq!(wide, [i64::from(u32::MAX)]);
    }

    #[test]
    fn impossible_batches_are_errors() {
        assert!(check(&batch(&[], 4)).is_err());
        assert!(check(&batch(&[&[]], 4)).is_err());
        let error = check(&batch(&[&[1], &[1, 2, 3]], 2)).expect_err("too long");
        let message =
            "text 1 of a batch has 3 tokens from 2 on and is not within one of 2 rows of 2";
        assert_eq!(error.message, message);
        assert_eq!(check(&batch(&[&[1], &[1, 2]], 2)), Ok(()));
        for (starts, rows, width) in
            [(vec![2], 1, 3), (vec![3], 1, 3), (vec![0], 0, 3), (vec![0], 1, 0), (vec![], 1, 3)]
        {
            let texts = vec![Arc::from([1, 2])];
            let batch = TokenBatch { texts, starts, rows, width, pad_token_id: 9 };
            assert!(check(&batch).is_err(), "{batch:?}");
        }
    }

    #[test]
    fn texts_that_share_a_row_are_told_apart_by_where_they_begin() {
        let texts = [&[5, 6][..], &[7, 8], &[9]].map(Arc::from).to_vec();
        let batch = TokenBatch { texts, starts: vec![5, 0, 2], rows: 2, width: 4, pad_token_id: 3 };
        assert!(check(&batch).is_ok());
        let filled = |role| {
            let mut elements = vec![0i64; 8];
            fill(role, &batch, &mut elements).expect("every number fits");
            elements
        };
        assert_eq!(filled(Role::InputIds), [7, 8, 9, 3, 3, 5, 6, 3]);
        assert_eq!(filled(Role::AttentionMask), [1, 1, 3, 0, 0, 2, 2, 0]);
        assert_eq!(filled(Role::PositionIds), [0, 1, 0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn rows_are_grouped_by_length_with_their_places() {
        let groups: Vec<_> = by_length(&batch(&[&[1, 2], &[3], &[4, 5]], 8))
            .into_iter()
            .map(|(places, part)| (places, part.width, part.padding()))
            .collect();
        assert_eq!(groups, [(vec![1], 1, 0), (vec![0, 2], 2, 0)]);
    }

    fn output(kind: OutputKind, hidden: Option<usize>) -> ModelOutput {
        ModelOutput { port: 0, name: "out".to_owned(), kind, hidden }
    }

    #[test]
    fn the_shape_of_the_output_must_be_that_of_the_batch() {
        let batch = batch(&[&[1], &[2]], 3);
        let tokens = output(OutputKind::Tokens, Some(5));
        let sentences = output(OutputKind::Sentences, None);
        assert_eq!(hidden_of(&[2, 3, 5], &tokens, &batch), Ok(5));
        assert_eq!(hidden_of(&[2, 7], &sentences, &batch), Ok(7));
        for shape in [&[2, 3, 4][..], &[1, 3, 5], &[2, 2, 5], &[2, 5], &[2, 3, 0]] {
            assert!(hidden_of(shape, &tokens, &batch).is_err(), "{shape:?}");
        }
        assert!(hidden_of(&[1, 7], &sentences, &batch).is_err());
        assert!(hidden_of(&[2, 0], &sentences, &batch).is_err());
    }

    #[test]
    fn numbers_that_are_not_finite_are_errors_except_in_padding() {
        let batch = batch(&[&[1], &[2, 3]], 2);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let padding = [0.0, bad, 1.0, f32::MAX];
            assert_eq!(check_finite(&padding, OutputKind::Tokens, 1, &batch), Ok(()));
            let real = [0.0, 0.0, 1.0, bad];
            let error = check_finite(&real, OutputKind::Tokens, 1, &batch).expect_err("refused");
            assert!(error.message.contains("text 1 of 2"), "{error}");
            assert!(check_finite(&[0.0, bad], OutputKind::Sentences, 1, &batch).is_err());
        }
    }
}
