//! `POST …/embeddings` from the body to the answer.

use engine::RequestLimits;

use super::fixture::{Gate, ModelUnderTest, get, plain, post, state};
use crate::http::{Settings, router};

/// The answer to a request for the model `org/m` with these further members.
async fn refused(members: &str) -> (u16, String) {
    let answer =
        post(&plain(), "/v3/embeddings", &format!(r#"{{"model":"org/m",{members}}}"#)).await;
    (answer.status.as_u16(), answer.error())
}

#[tokio::test]
async fn texts_and_tokens_become_openais_list_on_every_path() {
    for path in ["/v3/embeddings", "/v1/embeddings", "/v3/embeddings/embeddings"] {
        let answer = post(&plain(), path, r#"{"model":"org/m","input":["hello world",""]}"#).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(answer.headers["x-embedserve-fingerprint"], "f00d");
        let row = "[0.6000000238418579,0.800000011920929,0.0,0.0]";
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"object":"list","data":[{{"object":"embedding","embedding":{row},"index":0}},{{"object":"embedding","embedding":{row},"index":1}}],"model":"org/m","usage":{{"prompt_tokens":6,"total_tokens":6}}}}"#
            )
        );
    }
    let tokens = r#"{"model":"org/m","input":[[101,102],[7592]],"encoding_format":"base64"}"#;
    let answer = post(&plain(), "/v3/embeddings", tokens).await.json();
    assert_eq!(answer["data"][1]["embedding"], "mpkZP83MTD8AAAAAAAAAAA==");
    assert_eq!(answer["usage"]["prompt_tokens"], 3);
    let one = post(&plain(), "/v3/embeddings", r#"{"model":"org/m","input":[101,7592,102]}"#).await;
    assert_eq!(one.json()["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn bodies_are_refused_in_ovms_order_of_checks() {
    for (body, status, message) in [
        ("[]", 400, "The file is not valid json - JSON body must be an object"),
        ("{}", 400, "The file is not valid json - model field is missing in JSON body"),
        (
            r#"{"model":1,"model":"org/m","input":1}"#,
            400,
            "The file is not valid json - model field is not a string",
        ),
        (r#"{"input":1,"model":"none"}"#, 404, "The model `none` does not exist"),
        (
            r#"{"encoding_format":1,"input":1,"model":"org/m"}"#,
            400,
            "input should be string, array of strings or array of integers",
        ),
    ] {
        let answer = post(&plain(), "/v3/embeddings", body).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, message), "{body}");
    }
    let answer = post(&plain(), "/v3/embeddings", "{\"model\"").await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().starts_with("The file is not valid json - Cannot parse JSON body"));
}

#[tokio::test]
async fn every_kind_of_bad_input_has_its_message() {
    for (members, message) in [
        (r#""user":"x""#, "input field is required"),
        (r#""input":{}"#, "input should be string, array of strings or array of integers"),
        (r#""input":[]"#, "input array should not be empty"),
        (r#""input":[[]]"#, "inner arrays in input should not be empty"),
        (r#""input":["a",2]"#, "input must be homogeneous"),
        (r#""input":[1.5]"#, "every element in input array should be either string or int"),
        (
            r#""input":[["a","b"]]"#,
            "input must be either array of strings or array of array of integers",
        ),
        (r#""input":"a","encoding_format":"x""#, "encoding_format should either base64 or float"),
        (r#""input":"a","encoding_format":null"#, "encoding_format should be string"),
    ] {
        assert_eq!(refused(members).await, (400, message.to_owned()));
    }
}

#[tokio::test]
async fn bad_documents_are_named_by_their_index() {
    let long = "hello ".repeat(11);
    let members = format!(r#""input":["hello","{long}","world"]"#);
    assert_eq!(
        refused(&members).await,
        (400, "Input length 13 longer than allowed 12 (input[1])".into())
    );
    let ids = format!(r#""input":[[1],[1],[{}]]"#, ["7"; 13].join(","));
    assert_eq!(
        refused(&ids).await,
        (400, "Input length 13 longer than allowed 12 (input[2])".into())
    );
    for (token, place) in [("30522", "input[1]"), ("-1", "input[1]")] {
        let (status, message) = refused(&format!(r#""input":[[1,2],[5,{token}]]"#)).await;
        assert_eq!(status, 400);
        assert!(message.contains(place) && message.contains(token), "{message}");
        assert!(message.contains("30522"), "{message}");
    }
}

#[tokio::test]
async fn the_first_of_equal_members_counts_and_unknown_members_do_not() {
    let body = r#"{"x":[{"input":1}],"model":"org/m","model":7,"input":"hello","input":[],
        "stream":true,"encoding_format":"float","encoding_format":"x"}"#;
    assert_eq!(post(&plain(), "/v3/embeddings", body).await.status, 200);
}

#[tokio::test]
async fn dimensions_cut_vectors_of_matryoshka_models_only() {
    let matryoshka =
        ModelUnderTest { name: "nested", matryoshka: &[1, 2], ..ModelUnderTest::default() };
    let router = router(state(vec![matryoshka, ModelUnderTest::default()], Settings::default()));
    let body = |model: &str, count: u32| {
        format!(r#"{{"model":"{model}","input":"hello","dimensions":{count}}}"#)
    };
    let cut = post(&router, "/v3/embeddings", &body("nested", 1)).await.json();
    assert_eq!(cut["data"][0]["embedding"], serde_json::json!([1.0]));
    let ignored = post(&router, "/v3/embeddings", &body("org/m", 1)).await.json();
    assert_eq!(ignored["data"][0]["embedding"].as_array().map(Vec::len), Some(4));
    let refused = post(&router, "/v3/embeddings", &body("nested", 3)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error(), "dimensions should be one of: 1, 2, 4");
    assert_eq!(refused.json()["error"]["param"], "dimensions");
}

#[tokio::test]
async fn prompts_count_as_tokens_of_the_text() {
    let model = ModelUnderTest { prompts: &[("query", "query: ")], ..ModelUnderTest::default() };
    let router = router(state(vec![model], Settings::default()));
    let tokens = async |members: &str| {
        let body = format!(r#"{{"model":"org/m","input":"hello"{members}}}"#);
        post(&router, "/v3/embeddings", &body).await.json()["usage"]["prompt_tokens"].clone()
    };
    assert_eq!(tokens("").await, 3);
    assert_eq!(tokens(r#","input_type":"query""#).await, 5);
    let body = r#"{"model":"org/m","input":"hello","input_type":"document"}"#;
    let refused = post(&router, "/v3/embeddings", body).await;
    assert_eq!(refused.error(), "input_type should be one of this model's prompts: query");
}

#[tokio::test]
async fn more_documents_than_the_model_allows_are_400() {
    let limits = RequestLimits { max_batch_inputs: Some(2), ..RequestLimits::default() };
    let model = ModelUnderTest { limits, ..ModelUnderTest::default() };
    let router = router(state(vec![model], Settings::default()));
    let body = r#"{"model":"org/m","input":["a","b","c"]}"#;
    let answer = post(&router, "/v3/embeddings", body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.error(), "input has 3 documents, more than the 2 that one request may have");
}

#[tokio::test]
async fn a_full_model_is_429_with_a_time_to_wait() {
    let limits = RequestLimits { max_concurrent_requests: Some(1), ..RequestLimits::default() };
    let gate = Gate::default();
    gate.set_closed(true);
    let model = ModelUnderTest { limits, gate: gate.clone(), ..ModelUnderTest::default() };
    let state = state(vec![model], Settings::default());
    let served = state.shared.registry.available();
    let router = router(state);
    let body = r#"{"model":"org/m","input":"a"}"#;
    let first = {
        let router = router.clone();
        tokio::spawn(async move { post(&router, "/v3/embeddings", body).await })
    };
    while served[0].embedder.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    let answer = post(&router, "/v3/embeddings", body).await;
    gate.set_closed(false);
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!(wait >= 1);
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(first.await.expect("no panic").status, 200);
}

#[tokio::test]
async fn failures_of_the_device_are_500_without_its_words() {
    let router = plain();
    let failed = post(&router, "/v3/embeddings", r#"{"model":"org/m","input":"fail"}"#).await;
    assert_eq!(failed.status, 500);
    assert!(!failed.text().contains("secret"), "{}", failed.text());
    let not_a_number = post(&router, "/v3/embeddings", r#"{"model":"org/m","input":"nan"}"#).await;
    assert_eq!(not_a_number.status, 500);
    let next = post(&router, "/v3/embeddings", r#"{"model":"org/m","input":"hello"}"#).await;
    assert_eq!(next.status, 200);
    assert_eq!(get(&router, "/v2/health/ready").await.status, 200);
}

#[tokio::test]
async fn bodies_and_answers_that_are_large_take_the_same_way() {
    let texts = vec![r#""hello""#; 20_000].join(",");
    let body = format!(r#"{{"input":[{texts}],"model":"org/m"}}"#);
    let answer = post(&plain(), "/v3/embeddings", &body).await.json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(20_000));
    assert_eq!(answer["data"][19_999]["index"], 19_999);
    assert_eq!(answer["usage"]["total_tokens"], 60_000);
}
