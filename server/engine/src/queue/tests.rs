//! The books of the queue: what waits, what died, what was passed over.

use super::*;
use crate::schedule::Grouping;

fn queue() -> Queue {
    Queue::new(BatchPolicy::default(), 512, false)
}

fn request(id: u64) -> Arc<Request> {
    Request::new(id, 1).0
}

fn entries(request: &Arc<Request>, lengths: &[usize]) -> Vec<Entry> {
    lengths
        .iter()
        .enumerate()
        .map(|(index, length)| Entry::new(request, index, vec![1; *length].into()))
        .collect()
}

fn cancel(queue: &mut Queue, request: &Request) {
    request.accounts.is_dead.store(true, Relaxed);
    queue.bury(request);
}

/// Takes batches until one holds an entry of the request; the real tokens of all of them.
fn tokens_until(queue: &mut Queue, id: u64) -> usize {
    let mut tokens = 0;
    while let Some(batch) = queue.take_batch(1) {
        tokens += batch.tokens;
        queue.batch_done(batch.tokens);
        if batch.entries.iter().any(|(entry, _)| entry.request.id == id) {
            return tokens;
        }
    }
    panic!("request {id} should have been served");
}

fn lengths(batch: &Batch) -> Vec<usize> {
    batch.entries.iter().map(|(entry, _)| entry.tokens.len()).collect()
}

#[test]
fn entries_that_are_left_behind_keep_their_order_and_count_it() {
    let mut queue = queue();
    let one = request(1);
    queue.push(entries(&one, &[8, 200, 9, 208, 250]));
    let batch = queue.take_batch(1).expect("entries wait");
    assert_eq!((lengths(&batch), batch.width, batch.tokens), (vec![200, 208], 208, 408));
    let left: Vec<_> =
        queue.line.near().iter().map(|entry| (entry.tokens.len(), entry.passed_over)).collect();
    assert_eq!(left, [(8, 1), (9, 1), (250, 0)]);
    assert_eq!((queue.len(), queue.waiting_tokens, queue.inferring_tokens), (3, 267, 408));
    queue.batch_done(408);
    assert_eq!(queue.inferring_tokens, 0);
}

#[test]
fn a_cancelled_request_is_in_no_batch() {
    let mut queue = queue();
    let (one, two) = (request(1), request(2));
    queue.push(entries(&one, &[8, 8]));
    queue.push(entries(&two, &[8]));
    cancel(&mut queue, &one);
    assert_eq!((queue.len(), queue.waiting_tokens), (1, 8));
    let batch = queue.take_batch(1).expect("one entry lives");
    assert_eq!(batch.entries.len(), 1);
    assert_eq!(batch.entries[0].0.request.id, 2);
    assert!(queue.take_batch(1).is_none());
    assert_eq!((queue.dead, queue.line.len()), (0, 0));
}

#[test]
fn dead_entries_far_from_the_front_do_not_pile_up() {
    let mut queue = queue();
    let front = request(0);
    queue.push(entries(&front, &[8; 500]));
    for id in 1..100 {
        let gone = request(id);
        queue.push(entries(&gone, &[8; 100]));
        cancel(&mut queue, &gone);
        assert!(queue.line.len() <= 500 + SWEEP_FROM + 100, "{} entries", queue.line.len());
        assert_eq!((queue.len(), queue.waiting_tokens), (500, 4_000));
    }
}

#[test]
fn every_entry_is_served_once_whatever_is_cancelled_meanwhile() {
    let mut queue = Queue::new(
        BatchPolicy::Grouped(Grouping { window: 16, ..Grouping::default() }),
        512,
        false,
    );
    let requests: Vec<_> = (0..60).map(request).collect();
    for (number, request) in requests.iter().enumerate() {
        queue.push(entries(request, &[1 + number * 37 % 300, 1 + number * 91 % 300]));
    }
    let mut served = vec![0; 60];
    let mut next_to_cancel = (0..60).step_by(7).rev();
    while let Some(batch) = queue.take_batch(2) {
        for (entry, _) in &batch.entries {
            served[entry.request.id as usize] += 1;
        }
        if let Some(id) = next_to_cancel.next() {
            cancel(&mut queue, &requests[id]);
        }
    }
    let expected_whole = (0..60).filter(|id| id % 7 != 0).all(|id| served[id] == 2);
    assert!(expected_whole, "{served:?}");
    assert!(served[56] < 2, "the first cancelled request waited far behind: {served:?}");
    assert_eq!((queue.dead, queue.waiting_tokens, queue.line.len()), (0, 0, 0));
}

#[test]
fn whole_requests_leave_the_queue_together() {
    let mut queue = Queue::new(BatchPolicy::OneRequestPerBatch, 512, false);
    let (one, two) = (request(1), request(2));
    queue.push(entries(&one, &[3; 400]));
    queue.push(entries(&two, &[100, 2]));
    let first = queue.take_batch(2).expect("two requests wait");
    assert_eq!((first.entries.len(), first.width), (400, 3));
    let second = queue.take_batch(2).expect("a request waits");
    assert_eq!((lengths(&second), second.width), (vec![100, 2], 100));
}

#[test]
fn a_short_text_is_not_behind_the_thousands_of_a_big_request() {
    let mut queue = queue();
    let (big, short) = (request(0), request(1));
    queue.push(entries(&big, &[3; 30_000]));
    assert!(queue.take_batch(1).is_some());
    queue.push(entries(&short, &[4]));
    let tokens = tokens_until(&mut queue, 1);
    assert!(tokens <= 2 * 768, "{tokens} tokens were served before it and with it");
}

#[test]
fn short_texts_that_never_end_do_not_starve_a_big_request() {
    let mut queue = queue();
    let big = request(0);
    queue.push(entries(&big, &[100; 1_000]));
    let mut of_big = 0;
    let mut total = 0;
    for id in 1..=20_000 {
        queue.push(entries(&request(id), &[100]));
        if id % 7 == 0 {
            let batch = queue.take_batch(1).expect("entries wait");
            queue.batch_done(batch.tokens);
            total += batch.entries.len();
            of_big += batch.entries.iter().filter(|(entry, _)| entry.request.id == 0).count();
        }
    }
    assert!(of_big > total / 500, "{of_big} of {total} entries were of the big request");
    assert!(queue.waiting_requests > 100, "there was always more than could be served");
}

#[test]
fn two_big_requests_share_the_model_equally() {
    let mut queue = queue();
    let (one, two) = (request(1), request(2));
    queue.push(entries(&one, &[10; 20_000]));
    queue.push(entries(&two, &[10; 20_000]));
    let mut served = [0usize; 2];
    for _ in 0..200 {
        let batch = queue.take_batch(1).expect("entries wait");
        for (entry, _) in &batch.entries {
            served[entry.request.id as usize - 1] += 1;
        }
    }
    let [one, two] = served;
    assert!(one + two > 10_000 && one.abs_diff(two) < 200, "{one} and {two}");
}

#[test]
fn small_requests_are_served_in_order_of_arrival() {
    let mut queue = queue();
    for id in 0..40 {
        queue.push(entries(&request(id), &[48; 4]));
    }
    let mut order = Vec::new();
    while let Some(batch) = queue.take_batch(1) {
        order.extend(batch.entries.iter().map(|(entry, _)| entry.request.id));
    }
    assert_eq!(order.len(), 160);
    assert!(order.is_sorted(), "{order:?}");
}
