//! What is served and how: `serve` and OVMS's serving flags.

use std::path::PathBuf;
use std::time::Duration;

use model_hub::Source;
use model_repository::Pooling;
use model_repository::settings::WeightDecompression;

use super::*;

#[test]
fn serve_without_options_serves_the_config_of_the_default_repository_on_port_8000() {
    let options = serve("serve");
    assert_eq!(
        options,
        ServeOptions {
            models: ServedModels::ConfigFile {
                path: "models/config.json".into(),
                poll: Some(Duration::from_secs(1)),
                limits: LimitOptions::default(),
            },
            server: ServerOptions {
                rest_port: 8000,
                rest_bind_address: vec![BindAddress::Ip([0, 0, 0, 0].into())],
                rest_workers: None,
                management: None,
                api_key: ApiKey::Open,
                cors: CorsOptions {
                    allowed_origins: vec!["*".to_owned()],
                    allowed_methods: vec!["*".to_owned()],
                    allowed_headers: vec!["*".to_owned()],
                    allow_credentials: false,
                },
                max_body_size: 32 << 20,
                shutdown_delay: Duration::ZERO,
                shutdown_timeout: Duration::from_secs(25),
                metrics_enable: true,
                max_queued_tokens: None,
                batching: Batching::Auto,
                threads: None,
                openvino_dir: None,
                cache_dir: None,
            },
            log: LogOptions::default(),
        }
    );
}

#[test]
fn every_server_option_arrives() {
    let options = serve(
        "serve --config_path c.json --rest_port 0 --rest_bind_address 127.0.0.1,::1,my-host.local \
         --rest_workers 4 --management_port 8001 --management_bind_address 10.0.0.1 \
         --shutdown_delay 7 --shutdown_timeout 5 --api_key_file key --max_body_size 1MiB --allowed_origins https://a.example,https://b.example \
         --allowed_methods POST,GET --allowed_headers authorization --allow_credentials true --metrics_enable false \
         --threads 2 --batching one_request --max_queued_tokens 5000 --openvino_dir /ov --cache_dir /cache \
         --file_system_poll_wait_seconds 0 --max_batch_inputs 7 --max_input_tokens 128 --max_concurrent_requests 9 --weight_decompression load \
         --log_level DEBUG --log_path log.txt --log_format json",
    );
    let server = &options.server;
    assert_eq!(server.rest_port, 0);
    assert_eq!(
        server.rest_bind_address.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.1", "::1", "my-host.local"]
    );
    assert_eq!(server.rest_workers, Some(4));
    assert_eq!(
        server.management,
        Some(Management { port: 8001, bind_address: vec![BindAddress::Ip([10, 0, 0, 1].into())] })
    );
    assert_eq!(server.shutdown_delay, Duration::from_secs(7));
    assert_eq!(server.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(server.api_key, ApiKey::File("key".into()));
    assert_eq!(server.max_body_size, 1 << 20);
    assert_eq!(server.cors.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(server.cors.allowed_methods, ["POST", "GET"]);
    assert_eq!(server.cors.allowed_headers, ["authorization"]);
    assert!(server.cors.allow_credentials);
    assert!(!server.metrics_enable);
    assert_eq!(server.threads, Some(2));
    assert_eq!(server.batching, Batching::OneRequest);
    assert_eq!(server.max_queued_tokens, Some(5000));
    assert_eq!(server.openvino_dir, Some(PathBuf::from("/ov")));
    assert_eq!(server.cache_dir, Some(PathBuf::from("/cache")));
    assert_eq!(
        options.models,
        ServedModels::ConfigFile {
            path: "c.json".into(),
            poll: None,
            limits: LimitOptions {
                max_input_tokens: Some(128),
                max_batch_inputs: Some(7),
                max_concurrent_requests: Some(9),
                weight_decompression: Some(WeightDecompression::Load),
            },
        }
    );
    assert_eq!(
        options.log,
        LogOptions {
            level: LogLevel::Debug,
            path: Some("log.txt".into()),
            format: LogFormat::Json,
        }
    );
}

#[test]
fn one_folder_is_served_with_what_the_command_line_says_about_it() {
    for prefix in ["--rest_port 8000", "--task embeddings --rest_port 8000", "serve"] {
        let line = format!(
            "{prefix} --model_name n --model_path p --pooling MEAN --normalize false --truncate --num_streams 1 \
             --target_device GPU.1 --plugin_config '{{\"NUM_STREAMS\":\"4\",\"X\":2,\"Y\":true}}' --matryoshka 256,64,256"
        );
        assert_eq!(
            serve(&line).models,
            ServedModels::Folder {
                name: "n".to_owned(),
                path: "p".into(),
                overrides: ModelOptions {
                    pooling: Some(Pooling::Mean),
                    normalize: Some(false),
                    truncate: Some(true),
                    num_streams: None,
                    target_device: Some("GPU.1".to_owned()),
                    device_fallback: None,
                    plugin_config: [("NUM_STREAMS", "4"), ("X", "2"), ("Y", "true")]
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .into(),
                    matryoshka: Some(vec![64, 256]),
                    limits: LimitOptions::default(),
                },
            },
            "{line}"
        );
    }
}

#[test]
fn a_source_with_a_port_is_pulled_and_served() {
    for line in [
        "--source_model a/b --model_repository_path m --task embeddings --rest_port 8000 --pooling LAST",
        "--source_model a/b --model_repository_path m --rest_port 8000 --pooling LAST",
        "serve --source_model a/b --model_repository_path m --pooling LAST --task embeddings",
    ] {
        let ServedModels::Pull(pull) = serve(line).models else { panic!("{line} pulls") };
        assert_eq!(pull.model_name, "a/b");
        assert_eq!(pull.model_dir(), PathBuf::from("m/a/b"));
        assert_eq!(pull.model.pooling, Some(Pooling::Last));
        assert_eq!(pull.source, Source::Hub { repo: "a/b".to_owned(), revision: None });
    }
}

#[test]
fn hyphens_underscores_and_equals_signs_mean_the_same() {
    let expected = meaning("--rest_port 8000 --config_path c --log_level DEBUG");
    for line in [
        "--rest-port 8000 --config-path c --log-level DEBUG",
        "--rest_port=8000 --config-path=c --log_level=DEBUG",
        "--rest-port=1 --rest_port 8000 --config_path c --log_level DEBUG",
    ] {
        assert_eq!(meaning(line), expected, "{line}");
    }
    let path = serve("--rest_port 1 --model_name a-b_c --model_path ./x-y_z/--q").models;
    assert_eq!(
        path,
        ServedModels::Folder {
            name: "a-b_c".to_owned(),
            path: "./x-y_z/--q".into(),
            overrides: ModelOptions::default()
        }
    );
}

#[test]
fn booleans_stand_alone_or_take_a_value() {
    for (words, expected) in [
        ("", true),
        ("--metrics_enable", true),
        ("--metrics_enable true", true),
        ("--metrics_enable=false", false),
        ("--metrics_enable False", false),
        ("--metrics-enable 0", false),
    ] {
        let options = serve(&format!("--rest_port 1 --config_path c {words}"));
        assert_eq!(options.server.metrics_enable, expected, "{words}");
    }
    assert!(pull("pull --overwrite_models a/b").overwrite_models);
    assert!(!pull("pull --overwrite_models false a/b").overwrite_models);
    assert!(matches!(meaning("--pull false --rest_port 1 --config_path c"), Invocation::Serve(_)));
}

#[test]
fn sizes_may_have_units() {
    for (words, expected) in
        [("1048576", 1 << 20), ("1MiB", 1 << 20), ("'2 mb'", 2_000_000), ("1GiB", 1 << 30)]
    {
        let options = serve(&format!("serve --max_body_size {words}"));
        assert_eq!(options.server.max_body_size, expected, "{words}");
    }
}
