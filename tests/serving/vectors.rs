//! Vectors over HTTP are those of sentence-transformers, in every way of asking.

use integration_tests::client::{client, embed, post, send};
use integration_tests::expected::{
    assert_equal_to_sentence_transformers, difference, texts, vectors,
};
use integration_tests::program::{MINILM, Server};
use serde_json::{Value, json};

fn shared() -> &'static str {
    &Server::shared().base
}

fn all_at_once() -> Vec<Vec<f32>> {
    embed(shared(), MINILM, texts()).vectors()
}

#[test]
fn every_text_alone_has_the_vector_of_sentence_transformers() {
    for (index, text) in texts().iter().enumerate() {
        let vectors = embed(shared(), MINILM, text.as_str()).vectors();
        assert_eq!(vectors.len(), 1);
        assert_equal_to_sentence_transformers(&vectors, index);
    }
}

#[test]
fn all_texts_in_one_request_have_the_same_vectors_in_their_order() {
    let found = all_at_once();
    assert_eq!(found.len(), vectors().len());
    assert_equal_to_sentence_transformers(&found, 0);
    for vector in &found {
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn short_texts_that_share_rows_have_the_vectors_that_they_have_alone() {
    let info = send(client().get(format!("{}/info", shared()))).json();
    let models = info["models"].as_array().expect("models");
    let model = models.iter().find(|model| model["name"] == MINILM).expect("MiniLM");
    assert_eq!(model["packs_texts"], true, "{info}");

    let words = texts().iter().flat_map(|text| text.split(' '));
    let words: Vec<&str> = words.take(400).collect();
    let texts: Vec<String> = (1..=40).map(|number| words[number..2 * number].join(" ")).collect();
    let together = embed(shared(), MINILM, texts.as_slice()).vectors();
    assert_eq!(together.len(), texts.len());
    for (text, together) in texts.iter().zip(&together) {
        let alone = &embed(shared(), MINILM, text.as_str()).vectors()[0];
        assert!(difference(alone, together) <= 1e-5, "{text}");
    }
}

#[test]
fn base64_carries_the_same_numbers() {
    let body = json!({"model": MINILM, "input": texts(), "encoding_format": "base64"});
    let answer = post(&format!("{}/v3/embeddings", shared()), &body);
    let first = answer.json()["data"][0]["embedding"].clone();
    assert_eq!(first.as_str().map(str::len), Some(2048));
    for (one, two) in answer.vectors().iter().zip(all_at_once()) {
        assert!(difference(one, &two) <= 1e-5);
    }
}

#[test]
fn tokens_from_tokenize_have_the_vector_of_their_text() {
    let body = json!({"model": MINILM, "text": texts()});
    let tokens = post(&format!("{}/v3/tokenize", shared()), &body).json()["tokens"].clone();
    let counted: usize =
        tokens.as_array().expect("rows").iter().filter_map(Value::as_array).map(Vec::len).sum();
    let answer = embed(shared(), MINILM, tokens.clone());
    assert_eq!(answer.json()["usage"]["prompt_tokens"], counted);
    assert_equal_to_sentence_transformers(&answer.vectors(), 0);
    let alone = embed(shared(), MINILM, tokens[40].clone()).vectors();
    assert_equal_to_sentence_transformers(&alone, 40);
}

#[test]
fn every_path_that_clients_of_ovms_and_openai_use_answers() {
    for path in [
        "/v3/embeddings",
        "/v1/embeddings",
        "/v3/embeddings/embeddings",
        "/v1/embeddings/embeddings",
    ] {
        let body = json!({"model": MINILM, "input": &texts()[..3]});
        let answer = post(&format!("{}{path}", shared()), &body);
        assert_equal_to_sentence_transformers(&answer.vectors(), 0);
        assert_eq!(answer.json()["model"], MINILM, "{path}");
    }
}

/// Whatever else is in a batch, from this or from other requests, a text's vector stays.
#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let alone: Vec<Vec<f32>> = texts()
        .iter()
        .map(|text| embed(shared(), MINILM, text.as_str()).vectors().remove(0))
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let alone = &alone;
            scope.spawn(move || {
                let client = client();
                for round in 0..6 {
                    let places: Vec<usize> =
                        (0..5).map(|place| (thread * 31 + round * 17 + place * 23) % 64).collect();
                    let input: Vec<&str> =
                        places.iter().map(|place| texts()[*place].as_str()).collect();
                    let body = json!({"model": MINILM, "input": input});
                    let request = client.post(format!("{}/v3/embeddings", shared())).json(&body);
                    for (place, vector) in places.iter().zip(send(request).vectors()) {
                        let worst = difference(&vector, &alone[*place]);
                        assert!(worst <= 1e-5, "text {place} differs by {worst}");
                    }
                }
            });
        }
    });
}
