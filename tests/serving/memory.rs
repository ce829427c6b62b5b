//! Memory under load: bounded, and over ten minutes flat. `LONG=1` runs the long form.

use std::time::{Duration, Instant};

use integration_tests::client::embed;
use integration_tests::expected::{assert_equal_to_sentence_transformers, texts};
use integration_tests::load::Load;
use integration_tests::program::{MINILM, Server, minilm_repository};

/// Between two looks at the process.
const SAMPLING: Duration = Duration::from_millis(200);

fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("alive");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    let kilobytes = line.split_whitespace().nth(1).expect("a number");
    kilobytes.parse::<u64>().expect("a number") * 1024
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[test]
fn memory_stays_within_one_and_a_half_times_weights_and_150_mb() {
    let long = std::env::var("LONG").is_ok_and(|long| long == "1");
    let duration = Duration::from_secs(if long { 600 } else { 15 });
    let weights = minilm_repository().join(MINILM).join("openvino_model.bin");
    let weights = std::fs::metadata(weights).expect("the weights").len();
    let bound = (weights + 150_000_000) * 3 / 2;

    let server = Server::minilm(&[]);
    let load = Load::start(&server.base, MINILM, 8);
    let started = Instant::now();
    let mut samples = Vec::new();
    while started.elapsed() < duration {
        std::thread::sleep(SAMPLING);
        samples.push(resident_bytes(&server));
    }
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    assert!(seen.answered > 50, "{seen:?}");
    let most = samples.iter().max().expect("samples");
    assert!(*most <= bound, "{most} bytes are more than {bound}");
    if long {
        let (third, fourth) = samples[samples.len() / 2..].split_at(samples.len() / 4);
        let (third, fourth) = (median(third), median(fourth));
        assert!(fourth <= third + third / 50, "it grows: {third}, then {fourth}");
    }
}

/// A server that maps the file itself is killed (SIGBUS).
#[test]
fn weights_that_are_overwritten_below_a_server_change_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = minilm_repository().join(MINILM);
    let copied =
        std::process::Command::new("cp").arg("-r").arg(&source).arg(folder.path()).status();
    assert!(copied.expect("cp runs").success());
    let model = folder.path().join(source.file_name().expect("a name"));
    let path = model.to_str().expect("the path is UTF-8");
    let server = Server::start(["--model_name", MINILM, "--model_path", path]);

    std::fs::write(model.join("openvino_model.bin"), "").expect("cut");
    assert_equal_to_sentence_transformers(&embed(&server.base, MINILM, texts()).vectors(), 0);
}
