//! `bench`: the lines of OVMS's demo page, and our own.

use std::time::Duration;

use super::*;

fn bench(line: &str) -> BenchOptions {
    match meaning(line) {
        Invocation::Bench(options) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_lines_of_the_demo_page_mean_what_they_mean_there() {
    let options = bench(
        "bench --api_url http://localhost:8000/v3/embeddings --dataset synthetic --synthetic_length 5 \
         --request_rate 10 --batch_size 1 --model BAAI/bge-large-en-v1.5",
    );
    let expected = BenchOptions {
        access: ApiAccess {
            base: "http://localhost:8000/v3".to_owned(),
            api_key: ApiKey::Open,
            ca_bundle: None,
        },
        model: Some("BAAI/bge-large-en-v1.5".to_owned()),
        dataset: DatasetSource::Synthetic { words: 5 },
        limit: 1000,
        batch_size: 1,
        load: Load::Rate(10.0),
        seed: 42,
        encoding_format: EncodingFormat::Float,
        timeout: Duration::from_secs(3600),
        json: false,
    };
    assert_eq!(options, expected);
    let options = bench("bench --request-rate inf --batch-size 32 --dataset texts.jsonl --json");
    assert_eq!((options.load, options.batch_size, options.json), (Load::AtOnce, 32, true));
    assert_eq!(options.dataset, DatasetSource::File("texts.jsonl".into()));
}

#[test]
fn without_options_it_sends_as_much_as_the_page_s_client() {
    let options = bench("bench");
    assert_eq!(options.dataset, DatasetSource::Synthetic { words: 510 });
    assert_eq!((options.limit, options.batch_size), (1000, 16));
    assert_eq!((options.load, options.model), (Load::AtOnce, None));
}

#[test]
fn the_address_is_taken_with_and_without_the_path_of_the_embeddings() {
    for (url, base) in [
        ("http://h:1/v3/embeddings", "http://h:1/v3"),
        ("http://h:1/v1/", "http://h:1/v1"),
        ("http://h:1", "http://h:1/v1"),
        ("https://h/some/v3/embeddings/", "https://h/some/v3"),
        ("http://h:7997/embeddings", "http://h:7997"),
    ] {
        assert_eq!(bench(&format!("bench --api_url {url}")).access.base, base, "{url}");
    }
}

#[test]
fn every_bad_option_of_bench_has_a_message() {
    for (options, expected) in [
        ("--batch_size 0", "batch_size: 0 is not a whole number from 1 to 100000"),
        ("--limit 0", "limit: 0 is not a whole number from 1 to 10000000"),
        ("--concurrency 0", "concurrency: 0 is not a whole number from 1 to 100000"),
        ("--synthetic_length -1", "synthetic_length: -1 is not a whole number from 1 to 1000000"),
        ("--request_rate -5", "request_rate: -5 is neither inf nor a number from 0.001 to 1000000"),
        (
            "--request_rate NaN",
            "request_rate: NaN is neither inf nor a number from 0.001 to 1000000",
        ),
        ("--request_rate 0", "request_rate: 0 is neither inf nor a number from 0.001 to 1000000"),
        ("--request_rate 5 --concurrency 2", "request_rate and concurrency cannot both be set"),
        ("--timeout 0", "timeout: 0 is not a whole number from 1 to 86400"),
        (
            "--encoding_format int8",
            "encoding_format: int8 is not allowed. Supported values: float, base64",
        ),
        ("--json=maybe", "json: maybe is not allowed. Supported values: true, false"),
        ("--dataset ''", "dataset must not be empty"),
        ("--limit 10000000", "limit times synthetic_length must be at most 500000000 words"),
        ("--seed x", "seed: x is not a whole number from 0 to 18446744073709551615"),
    ] {
        assert_eq!(message(&format!("bench {options}")), expected);
    }
    assert!(message("bench --api_url localhost:8000").starts_with("api_url must be an address"));
}

#[test]
fn a_pace_on_the_command_line_wins_over_the_other_one_in_the_environment() {
    for (line, variable, load) in [
        ("bench --concurrency 4", ("EMBEDSERVE_REQUEST_RATE", "5"), Load::Clients(4)),
        ("bench --request_rate 5", ("EMBEDSERVE_CONCURRENCY", "4"), Load::Rate(5.0)),
    ] {
        let parsed = parse_with(line, &[variable]).expect("it is understood");
        let Invocation::Bench(options) = parsed.invocation else { panic!("bench measures") };
        assert_eq!(options.load, load);
        assert_eq!(parsed.warnings.len(), 1, "{:?}", parsed.warnings);
    }
}
