//! From the hidden states of a batch to one vector per row. Pure; reads the runtime's memory without copying it.

use crate::runtime::{BatchOutput, TokenBatch};

/// The smallest length a vector is divided by when it is normalised, as in PyTorch's `normalize`.
const NORM_EPSILON: f32 = 1e-12;

/// The smallest token count a sum is divided by.
const COUNT_EPSILON: f32 = 1e-12;

/// How the hidden states of a row become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The hidden state of the first token.
    Cls,
    /// The hidden state of the last real token.
    Last,
    /// The mean over the real tokens.
    Mean,
}

/// Pools every text of a batch into `vectors`, `[texts, hidden]`, and returns `hidden`.
///
/// `vectors` is emptied first and keeps its memory from batch to batch.
///
/// # Errors
/// A sentence for the log and the client if the output does not have the shape that the batch asks for.
pub fn pool_batch(
    batch: &TokenBatch,
    output: &BatchOutput<'_>,
    pooling: Pooling,
    normalize: bool,
    vectors: &mut Vec<f32>,
) -> Result<usize, String> {
    vectors.clear();
    let rows = batch.rows;
    let hidden = match *output {
        BatchOutput::Tokens { values, hidden } => {
            check_shape(values.len(), &[rows, batch.width, hidden])?;
            vectors.resize(batch.texts.len() * hidden, 0.0);
            for (vector, (start, text)) in vectors.chunks_exact_mut(hidden).zip(batch.places()) {
                let states = states_of(values, start, text.len(), hidden)
                    .ok_or("a text of a batch is empty or outside of it")?;
                pool_text(states, pooling, vector);
            }
            hidden
        }
        BatchOutput::Sentences { values, hidden } => {
            check_shape(values.len(), &[batch.texts.len(), hidden])?;
            vectors.extend_from_slice(values);
            hidden
        }
    };
    if normalize {
        vectors.chunks_exact_mut(hidden).for_each(normalize_vector);
    }
    Ok(hidden)
}

/// The hidden states `[tokens, hidden]` of a text.
fn states_of(values: &[f32], start: usize, tokens: usize, hidden: usize) -> Option<&[f32]> {
    let from = start.checked_mul(hidden)?;
    let states = values.get(from..from.checked_add(tokens.checked_mul(hidden)?)?)?;
    (!states.is_empty()).then_some(states)
}

fn check_shape(values: usize, shape: &[usize]) -> Result<(), String> {
    let expected = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    if shape.contains(&0) || expected != Some(values) {
        return Err(format!(
            "the model returned {values} numbers where the shape {shape:?} was expected"
        ));
    }
    Ok(())
}

/// Pools the hidden states `[tokens, hidden]` of one text, at least one token, into `vector`, `[hidden]`.
fn pool_text(states: &[f32], pooling: Pooling, vector: &mut [f32]) {
    let hidden = vector.len();
    let tokens = states.len() / hidden;
    match pooling {
        Pooling::Cls => vector.copy_from_slice(&states[..hidden]),
        Pooling::Last => vector.copy_from_slice(&states[states.len() - hidden..]),
        Pooling::Mean => {
            vector.fill(0.0);
            for state in states.chunks_exact(hidden) {
                for (sum, value) in vector.iter_mut().zip(state) {
                    *sum += value;
                }
            }
            let count = (tokens as f32).max(COUNT_EPSILON);
            vector.iter_mut().for_each(|sum| *sum /= count);
        }
    }
}

/// Divides a vector by its Euclidean length, at least 1e-12, so that a vector of zeros stays one.
fn normalize_vector(vector: &mut [f32]) {
    let squares: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let norm = (squares.sqrt() as f32).max(NORM_EPSILON);
    vector.iter_mut().for_each(|value| *value /= norm);
}

#[cfg(test)]
mod tests;
