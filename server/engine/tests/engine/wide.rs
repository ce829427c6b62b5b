//! The wide stream: for a text that comes alone, and never while the lanes have other work.

use std::sync::Arc;

use engine::{Embedder, Engine};

use crate::gated_runtime::{
    Gate, Verdict, embed, embed_and_queue, engine, gated_with_wide, spec, tokens, until,
};

/// A model of two streams of a lane each, and a wide one of both lanes. Both streams are idle: one that only starts could
/// find the first text too, and take the lane that the wide one needs.
async fn start(engine: &Arc<Engine>) -> (Gate, Embedder) {
    let gate = gated_with_wide(2, Some(2));
    let model = engine.start_model(spec(gate.runtime.clone())).unwrap();
    until(|| model.idle_streams() == 2).await;
    (gate, model)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_alone_takes_all_lanes_and_what_comes_meanwhile_is_spread_over_the_streams() {
    let (gate, model) = start(&engine(2)).await;
    let alone = embed(&model, vec![tokens(1, 8)]);
    let first = gate.next();
    assert!(first.is_wide);
    let mut others = Vec::new();
    for id in 2..=5 {
        others.push(embed_and_queue(&model, vec![tokens(id, 8)]).await);
    }
    assert!(gate.is_idle(), "no lane is free");
    first.finish();
    assert_eq!(alone.await.unwrap().unwrap().values, [1.0, 1.0]);
    let (one, two) = (gate.next(), gate.next());
    assert!(!one.is_wide && !two.is_wide);
    assert_eq!(one.rows.len() + two.rows.len(), 4);
    one.finish();
    two.finish();
    for other in others {
        other.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_comes_while_a_lane_works_takes_the_other_one() {
    let (gate, model) = start(&engine(2)).await;
    let pair = embed(&model, vec![tokens(1, 8), tokens(2, 300)]);
    let (one, two) = (gate.next(), gate.next());
    assert!(!one.is_wide && !two.is_wide, "two texts, two streams");
    one.finish();
    let late = embed(&model, vec![tokens(3, 8)]);
    let third = gate.next();
    assert!(!third.is_wide, "the other lane works");
    third.finish();
    late.await.unwrap().unwrap();
    two.finish();
    pair.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_that_waits_for_a_lane_is_not_kept_from_it() {
    let engine = engine(2);
    let (gate, model) = start(&engine).await;
    let (other_gate, other) = start(&engine).await;
    let first = embed(&model, vec![tokens(1, 8)]);
    let running = gate.next();
    assert!(running.is_wide);
    let second = embed_and_queue(&other, vec![tokens(2, 8)]).await;
    let third = embed_and_queue(&model, vec![tokens(3, 8)]).await;
    until(|| engine.waiting_streams() == 2).await;
    running.finish();
    let (one, two) = (other_gate.next(), gate.next());
    assert!(!one.is_wide && !two.is_wide, "each has a lane");
    one.finish();
    two.finish();
    for answer in [first, second, third] {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_stream_that_panics_is_opened_again() {
    let (gate, model) = start(&engine(2)).await;
    let failing = embed(&model, vec![tokens(1, 8)]);
    gate.next().end(Verdict::Panic);
    failing.await.unwrap().expect_err("the batch is lost");
    until(|| model.idle_streams() == 2).await;
    let after = embed(&model, vec![tokens(2, 8)]);
    let batch = gate.next();
    assert!(batch.is_wide);
    batch.finish();
    after.await.unwrap().unwrap();
    assert_eq!(model.open_streams(), 2, "the others were never lost");
    let opened = gate.runtime.opened.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(opened, 4, "two, a wide one, and a wide one again");
}
