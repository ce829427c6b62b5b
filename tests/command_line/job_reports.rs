//! What a Job leaves behind for the operator: the file of `--termination_message_path`.

use std::path::Path;
use std::process::Command;

use integration_tests::hub::{Action, Fault, Gate, TestHub};
use integration_tests::wait::until;
use model_repository::job_report::{FailureReport, JobReport, SourceReport};

use crate::support::{NAME, command, end, fixture, hub, repository};

/// Runs a command with a file for its outcome, which stands there before as Kubernetes mounts it.
fn reported(command: &mut Command, folder: &Path) -> (i32, JobReport) {
    let path = folder.join("termination-log");
    std::fs::write(&path, "").expect("a file");
    let ended = end(command.arg("--termination_message_path").arg(&path));
    (ended.code, read(&path))
}

fn read(path: &Path) -> JobReport {
    let text = std::fs::read_to_string(path).expect("a report");
    JobReport::parse(&text).unwrap_or_else(|| panic!("no report: {text:?}"))
}

fn done(command: &mut Command, folder: &Path) -> SourceReport {
    match reported(command, folder) {
        (0, JobReport::Done(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn failed(command: &mut Command, folder: &Path) -> (i32, FailureReport) {
    match reported(command, folder) {
        (code, JobReport::Failed(report)) => (code, report),
        (code, other) => panic!("{code}: {other:?}"),
    }
}

/// If this fails, the operator's sizes and settings are not those of the model that is served.
#[test]
fn resolve_foresees_what_pull_then_finds_in_the_folder() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let arguments = ["--weight-format", "fp32", "--conversion", "if_needed"];
    let run = |word: &str| {
        let mut line = command(&hub, folder.path(), [word, NAME]);
        done(line.args(arguments), folder.path())
    };
    let resolved = run("resolve");
    assert_eq!(resolved.commit, repository().commit());
    assert_eq!(resolved.weight_format.as_deref(), Some("fp32"));
    assert_eq!(resolved.facts.architecture.as_deref(), Some("BertModel"));
    assert_eq!(resolved.facts.hidden_size, Some(36));
    assert_eq!(resolved.facts.pooling.as_deref(), Some("MEAN"));
    assert!(resolved.disk_bytes > resolved.download_bytes, "{resolved:?}");
    assert!(!folder.path().join("models").exists(), "resolve writes nothing");

    let pulled = run("pull");
    let weights = folder.path().join("models").join(NAME).join("openvino_model.bin");
    assert_eq!(pulled.weights_bytes, weights.metadata().expect("weights").len());
    let ratio = resolved.weights_bytes as f64 / pulled.weights_bytes as f64;
    assert!((0.97..1.3).contains(&ratio), "{resolved:?} {pulled:?}");
    let same =
        |report: &SourceReport| SourceReport { weights_bytes: 0, disk_bytes: 0, ..report.clone() };
    assert_eq!(same(&pulled), same(&resolved));
    assert_eq!(run("pull"), pulled, "a second pull finds it done and says the same");
}

#[test]
fn every_failure_has_its_reason_and_the_hubs_status() {
    let gated = |token: &str| {
        let hub = TestHub::start();
        hub.add(repository().gated(token));
        hub
    };
    let fault = |fault: Fault| {
        let hub = hub();
        hub.fault(fault);
        hub
    };
    let hex = "0".repeat(64);
    let demanded = format!("model.safetensors={hex}");
    let absent = format!("absent.bin={hex}");
    for (hub, words, reason, status) in [
        (TestHub::start(), vec![NAME], "RepositoryNotFound", Some(401)),
        (gated("member"), vec![NAME], "AuthenticationRequired", Some(401)),
        (hub(), vec!["org/tiny-model@v9"], "RevisionNotFound", Some(404)),
        (fault(Fault::status("/api/", 403)), vec![NAME], "AccessDenied", Some(403)),
        (
            fault(Fault::status_with("/api/", 429, "retry-after", "3600")),
            vec![NAME],
            "RateLimited",
            Some(429),
        ),
        (fault(Fault::status("/api/", 501)), vec![NAME], "HubError", Some(501)),
        (fault(Fault::new("/api/", Action::Body("hi".into()))), vec![NAME], "HubError", None),
        (TestHub::start_with_tls(), vec![NAME], "CertificateInvalid", None),
        (hub(), vec![NAME, "--ca_bundle", "absent.pem"], "CertificateInvalid", None),
        (hub(), vec![NAME, "--conversion", "never"], "UnsupportedModel", None),
        (hub(), vec![NAME, "--exclude", "model.safetensors"], "UnsupportedModel", None),
        (hub(), vec![NAME, "--exclude", "tokenizer.json,vocab.txt"], "UnsupportedModel", None),
        (hub(), vec![NAME, "--include", "a["], "InvalidSpec", None),
        (hub(), vec![NAME, "--sha256", &demanded], "HashMismatch", None),
        (hub(), vec![NAME, "--sha256", &absent], "FileNotFound", None),
        (hub(), vec!["./absent"], "FileNotFound", None),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        for word in ["resolve", "pull"] {
            let mut line = command(&hub, folder.path(), [word]);
            let (code, report) = failed(line.args(&words), folder.path());
            let seen = (code, report.reason.as_str(), report.http_status);
            assert_eq!(seen, (1, reason, status), "{word} {words:?}: {}", report.message);
        }
        assert!(!folder.path().join("models").join(NAME).exists(), "{words:?}");
    }
}

#[test]
fn a_file_that_changes_on_the_way_and_one_that_vanishes_have_their_reasons_too() {
    for (fault, reason, status) in [
        (Fault::new("/files/", Action::WrongBytes), "HashMismatch", None),
        (Fault::status("tokenizer.json", 404), "FileNotFound", Some(404)),
    ] {
        let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
        hub.fault(fault);
        let mut line = command(&hub, folder.path(), ["pull", NAME]);
        let (_, report) = failed(&mut line, folder.path());
        assert_eq!((report.reason.as_str(), report.http_status), (reason, status));
    }
}

#[test]
fn a_command_line_that_means_nothing_is_reported_with_its_own_exit_code() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let mut line = command(&hub, folder.path(), ["pull", "org/tiny-model@a", "--revision", "b"]);
    let (code, report) = failed(&mut line, folder.path());
    assert_eq!((code, report.reason.as_str()), (64, "PullFailed"));
    assert!(report.message.contains("--revision b differ"), "{}", report.message);
}

#[test]
fn an_unsupported_architecture_is_no_failed_conversion() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().expect("a folder"));
    let config = std::fs::read_to_string(fixture().join("config.json")).expect("a config");
    let other = config.replace("BertModel", "GPT2Model").replace("\"bert\"", "\"gpt2\"");
    hub.add(repository().file("config.json", other));
    let (_, report) = failed(&mut command(&hub, folder.path(), ["pull", NAME]), folder.path());
    assert_eq!(report.reason, "UnsupportedModel", "{}", report.message);
    assert!(report.message.contains("optimum-cli"), "{}", report.message);

    let half = std::fs::read(fixture().join("model.safetensors")).expect("weights");
    hub.add(repository().lfs_file("model.safetensors", half[..half.len() / 2].to_vec()));
    let (_, report) = failed(&mut command(&hub, folder.path(), ["pull", NAME]), folder.path());
    assert_eq!(report.reason, "ConversionFailed", "{}", report.message);
}

/// A Job that Kubernetes ends, for a node that is drained for example.
#[test]
fn a_signal_is_reported_as_an_interruption_that_goes_on() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    hub.fault(Fault::new("/files/", Action::Trickle(Gate::new())));
    let path = folder.path().join("termination-log");
    let mut line = command(&hub, folder.path(), ["pull", NAME, "--termination_message_path"]);
    let mut child = line.arg(&path).spawn().expect("the program starts");
    until("the download has begun", || !hub.downloads().is_empty());
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let JobReport::Failed(report) = read(&path) else { panic!("it was interrupted") };
    assert_eq!(report.reason, "PullFailed");
    assert!(report.message.contains("goes on where it stopped"), "{}", report.message);
}

#[test]
fn a_report_that_cannot_be_written_changes_nothing_else() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("absent/termination-log");
    let mut line = command(&hub, folder.path(), ["resolve", NAME, "--termination_message_path"]);
    let ended = end(line.arg(&path));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("the outcome was not written"), "{}", ended.stderr);
}
