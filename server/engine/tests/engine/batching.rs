//! Which inputs meet in a batch, and that every answer is its own.

use std::sync::Arc;

use engine::BatchPolicy;

use crate::gated_runtime::{Reports, embed, embed_and_queue, occupy, start, tokens};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_takes_what_waits_at_once() {
    let (gate, embedder) = start(2, |_| {});
    assert_eq!(embedder.dimensions(), None);
    let request = embed(&embedder, vec![tokens(7, 5)]);
    let batch = gate.next();
    assert_eq!((batch.rows.clone(), batch.width), (vec![vec![7; 5]], 6));
    batch.finish();
    let answer = request.await.unwrap().unwrap();
    assert_eq!((answer.values, answer.dimensions, answer.prompt_tokens), (vec![7.0, 1.0], 2, 5));
    assert_eq!(embedder.dimensions(), Some(2));
    assert_eq!((embedder.in_flight(), embedder.queued_tokens()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_arrive_while_the_stream_is_busy_share_a_batch() {
    let (gate, embedder) = start(1, |_| {});
    let (busy, first) = occupy(&gate, &embedder, 1).await.pop().unwrap();
    let mut requests = Vec::new();
    for id in 1..=5 {
        requests.push(embed_and_queue(&embedder, vec![tokens(id, 100)]).await);
    }
    assert_eq!(
        (embedder.queued_inputs(), embedder.queued_tokens(), embedder.in_flight()),
        (5, 500, 6)
    );
    busy.finish();
    first.await.unwrap().unwrap();
    let batch = gate.next();
    assert_eq!((batch.first_tokens(), batch.width), (vec![1, 2, 3, 4, 5], 104));
    batch.finish();
    for (id, request) in (1..).zip(requests) {
        assert_eq!(request.await.unwrap().unwrap().values, [id as f32, 1.0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_very_different_length_are_in_batches_of_their_own() {
    let (gate, embedder) = start(1, |_| {});
    let (busy, _first) = occupy(&gate, &embedder, 1).await.pop().unwrap();
    let request = embed_and_queue(
        &embedder,
        vec![tokens(1, 8), tokens(2, 240), tokens(3, 240), tokens(4, 7)],
    )
    .await;
    busy.finish();
    let long = gate.next();
    assert_eq!((long.first_tokens(), long.width), (vec![2, 3], 240));
    long.finish();
    let short = gate.next();
    assert_eq!((short.first_tokens(), short.width), (vec![1, 4], 8));
    short.finish();
    let answer = request.await.unwrap().unwrap();
    assert_eq!(answer.values, [1.0, 1.0, 2.0, 1.0, 3.0, 1.0, 4.0, 1.0]);
    assert_eq!(answer.prompt_tokens, 495);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_request_is_split_over_both_streams() {
    let (gate, embedder) = start(2, |_| {});
    let occupied = occupy(&gate, &embedder, 2).await;
    let inputs = (1..=16).map(|id| tokens(id, 64)).collect();
    let request = embed_and_queue(&embedder, inputs).await;
    for (busy, _) in occupied {
        busy.finish();
    }
    let (one, two) = (gate.next(), gate.next());
    assert_eq!(one.rows.len() + two.rows.len(), 16, "both halves are inferred at the same time");
    assert!(
        one.rows.len().abs_diff(two.rows.len()) <= 2,
        "{} and {}",
        one.rows.len(),
        two.rows.len()
    );
    two.finish();
    one.finish();
    let answer = request.await.unwrap().unwrap();
    let expected: Vec<f32> = (1..=16).flat_map(|id| [id as f32, 1.0]).collect();
    assert_eq!(answer.values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_texts_go_to_two_idle_streams() {
    let (gate, embedder) = start(2, |_| {});
    let request = embed(&embedder, vec![tokens(1, 200), tokens(2, 200)]);
    let (one, two) = (gate.next(), gate.next());
    assert_eq!((one.rows.len(), two.rows.len()), (1, 1));
    one.finish();
    two.finish();
    assert_eq!(request.await.unwrap().unwrap().values, [1.0, 1.0, 2.0, 1.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_padded_batch_of_its_own_if_the_policy_says_so() {
    let reports = Arc::new(Reports::default());
    let observer = Arc::clone(&reports);
    let (gate, embedder) = start(1, |spec| {
        spec.batching = BatchPolicy::OneRequestPerBatch;
        spec.observer = observer;
    });
    let (busy, first) = occupy(&gate, &embedder, 1).await.pop().unwrap();
    let many: Vec<_> = (1..=50).map(|id| tokens(id, id as usize)).collect();
    let one = embed_and_queue(&embedder, many).await;
    let two = embed_and_queue(&embedder, vec![tokens(3, 3)]).await;
    busy.finish();
    let batch = gate.next();
    assert_eq!((batch.rows.len(), batch.width), (50, 50));
    batch.finish();
    let batch = gate.next();
    assert_eq!((batch.rows.len(), batch.width), (1, 3));
    batch.finish();
    assert_eq!(one.await.unwrap().unwrap().values[98..], [50.0, 1.0]);
    assert_eq!(two.await.unwrap().unwrap().values, [3.0, 1.0]);
    first.await.unwrap().unwrap();
    let batches = reports.batches.lock().unwrap();
    let shapes: Vec<_> = batches
        .iter()
        .map(|batch| (batch.texts, batch.tokens, batch.padding, batch.failed))
        .collect();
    assert_eq!(shapes, [(1, 4, 0, false), (50, 1_275, 1_225, false), (1, 3, 0, false)]);
    let requests = reports.requests.lock().unwrap();
    let mut sizes: Vec<_> =
        requests.iter().map(|request| (request.inputs, request.tokens)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [(1, 3), (1, 4), (50, 1_275)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_text_is_answered_while_a_request_of_thirty_thousand_runs() {
    let (gate, embedder) = start(1, |_| {});
    let (busy, _first) = occupy(&gate, &embedder, 1).await.pop().unwrap();
    let big = embed_and_queue(&embedder, vec![tokens(1, 3); 30_000]).await;
    let short = embed_and_queue(&embedder, vec![tokens(2, 4)]).await;
    busy.finish();
    let mut batches = 0;
    loop {
        let batch = gate.next();
        batches += 1;
        let has_short = batch.first_tokens().contains(&2);
        batch.finish();
        if has_short {
            break;
        }
    }
    assert!(batches < 20, "{batches} batches ran up to its own, of more than a hundred");
    assert_eq!(short.await.unwrap().unwrap().values, [2.0, 1.0]);
    big.abort();
    assert!(big.await.unwrap_err().is_cancelled());
}
