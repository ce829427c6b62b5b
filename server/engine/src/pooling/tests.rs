//! Tables of pooled vectors, worked out by hand.

use std::sync::Arc;

use super::*;

/// Two rows of width 3 and two numbers per token; the padding of the first row must never be read.
const STATES: [f32; 12] = [1.0, 2.0, 3.0, 6.0, f32::NAN, f32::NAN, 3.0, 4.0, 0.0, 0.0, 6.0, -4.0];

fn batch() -> TokenBatch {
    TokenBatch::padded(vec![Arc::from([7, 8]), Arc::from([7, 8, 9])], 3, 0)
}

fn pool(output: &BatchOutput<'_>, pooling: Pooling, normalize: bool) -> Result<Vec<f32>, String> {
    let mut vectors = vec![99.0; 50];
    pool_batch(&batch(), output, pooling, normalize, &mut vectors).map(|hidden| {
        assert_eq!(hidden, 2);
        vectors
    })
}

fn tokens(values: &[f32]) -> BatchOutput<'_> {
    BatchOutput::Tokens { values, hidden: 2 }
}

#[test]
fn each_pooling_reads_its_tokens_and_never_the_padding() {
    assert_eq!(pool(&tokens(&STATES), Pooling::Cls, false), Ok(vec![1.0, 2.0, 3.0, 4.0]));
    assert_eq!(pool(&tokens(&STATES), Pooling::Last, false), Ok(vec![3.0, 6.0, 6.0, -4.0]));
    assert_eq!(pool(&tokens(&STATES), Pooling::Mean, false), Ok(vec![2.0, 4.0, 3.0, 0.0]));
}

#[test]
fn vectors_are_normalized_to_length_one() {
    let expected = [1.0 / 5f32.sqrt(), 2.0 / 5f32.sqrt(), 0.6, 0.8];
    let pooled = pool(&tokens(&STATES), Pooling::Cls, true).expect("the shape is right");
    for (value, expected) in pooled.iter().zip(expected) {
        assert!((value - expected).abs() < 1e-6, "{pooled:?}");
    }
}

#[test]
fn a_vector_of_zeros_stays_one_and_tiny_and_huge_vectors_are_normalized() {
    for (vector, expected) in
        [([0.0, 0.0], [0.0, 0.0]), ([3e-20, 4e-20], [3e-8, 4e-8]), ([3e25, 4e25], [0.6, 0.8])]
    {
        let values = [vector[0], vector[1], 1.0, 0.0];
        let output = BatchOutput::Sentences { values: &values, hidden: 2 };
        let pooled = pool(&output, Pooling::Mean, true).expect("the shape is right");
        for (value, expected) in pooled.iter().zip(expected) {
            assert!((value - expected).abs() <= expected * 1e-5, "{vector:?} became {pooled:?}");
        }
    }
}

#[test]
fn sentences_are_taken_as_they_are() {
    let values = [5.0, 6.0, 7.0, 8.0];
    let output = BatchOutput::Sentences { values: &values, hidden: 2 };
    for pooling in [Pooling::Cls, Pooling::Last, Pooling::Mean] {
        assert_eq!(pool(&output, pooling, false), Ok(values.to_vec()));
    }
}

#[test]
fn an_output_of_another_shape_is_refused() {
    let few = pool(&tokens(&STATES[..10]), Pooling::Mean, true);
    assert_eq!(
        few,
        Err("the model returned 10 numbers where the shape [2, 3, 2] was expected".to_owned())
    );
    let output = BatchOutput::Sentences { values: &[], hidden: 0 };
    assert!(pool(&output, Pooling::Mean, true).is_err());
    let hidden = usize::MAX;
    assert!(pool(&BatchOutput::Tokens { values: &STATES, hidden }, Pooling::Mean, true).is_err());
}

#[test]
fn texts_that_share_a_row_are_pooled_apart() {
    let texts = vec![Arc::from([9]), Arc::from([7, 8]), Arc::from([5, 6])];
    let batch = TokenBatch { texts, starts: vec![2, 0, 4], rows: 2, width: 3, pad_token_id: 0 };
    let states = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, f32::NAN, f32::NAN, 7.0, 8.0, 9.0, 10.0];
    let pooled = |pooling| {
        let mut vectors = Vec::new();
        pool_batch(&batch, &tokens(&states), pooling, false, &mut vectors).map(|_| vectors)
    };
    assert_eq!(pooled(Pooling::Cls), Ok(vec![5.0, 6.0, 1.0, 2.0, 7.0, 8.0]));
    assert_eq!(pooled(Pooling::Last), Ok(vec![5.0, 6.0, 3.0, 4.0, 9.0, 10.0]));
    assert_eq!(pooled(Pooling::Mean), Ok(vec![5.0, 6.0, 2.0, 3.0, 8.0, 9.0]));
}

#[test]
fn a_text_without_tokens_or_outside_of_its_batch_is_refused() {
    for (text, start) in [(vec![], 0), (vec![7, 8], 5), (vec![7], usize::MAX)] {
        let batch = TokenBatch {
            texts: vec![Arc::from(text)],
            starts: vec![start],
            rows: 2,
            width: 3,
            pad_token_id: 0,
        };
        let pooled = pool_batch(&batch, &tokens(&STATES), Pooling::Cls, false, &mut Vec::new());
        assert_eq!(pooled, Err("a text of a batch is empty or outside of it".to_owned()));
    }
}
