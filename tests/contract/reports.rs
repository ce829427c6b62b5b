//! Reports: what the program leaves as its last words is what the operator understands.

use std::path::Path;
use std::process::Output;

use crds::conditions::Reason;
use integration_tests::hub::{Repository, TestHub};
use integration_tests::program::embedserve;
use k8s_openapi::api::core::v1::Pod;
use operator::facts::PodFacts;
use operator::failure;
use operator::kind::Kind;
use serde_json::json;

use crate::object;

/// The operator's own command line of a Job, with the paths and the repository of a test.
fn run(case: &str, name: &str, changes: &[(&str, &str)], hub: Option<&TestHub>) -> Output {
    let job = object(case, Kind::Job, name);
    let args = job.body["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let args: Vec<String> = serde_json::from_value(args).expect("texts");
    let changed = args.iter().map(|word| {
        changes.iter().fold(word.clone(), |word, (from, to)| match word.starts_with(from) {
            true => word.replacen(from, to, 1),
            false => word,
        })
    });
    let mut command = embedserve(changed);
    if let Some(hub) = hub {
        command.env("HF_ENDPOINT", hub.endpoint());
    }
    command.output().expect("the program starts")
}

/// The pod as Kubernetes shows it after its container ended.
fn pod(output: &Output, report: &Path) -> PodFacts {
    let message = std::fs::read_to_string(report).expect("a report was written");
    let pod = json!({
        "metadata": {"name": "p", "uid": "p"},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "job", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": output.status.code(), "message": message}}
        }]}
    });
    PodFacts::from(&serde_json::from_value::<Pod>(pod).expect("a pod"))
}

/// A small BERT as a repository of the name that the cases have.
pub(crate) fn repository() -> Repository {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny-bert-gelu");
    Repository::from_folder("org/small", &folder).expect("the fixture can be read")
}

#[test]
fn a_resolve_job_tells_the_operator_what_it_must_know() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report");
    let report_text = report.to_str().expect("UTF-8");
    let hub = TestHub::start();
    let repository = repository();
    let commit = repository.commit().to_owned();
    hub.add(repository);
    let changes = [("/dev/termination-log", report_text)];
    let output = run("resolving", "small-r-", &changes, Some(&hub));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let done = failure::report(&pod(&output, &report)).expect("it is understood");
    assert_eq!(done.commit, commit);
    assert!(done.disk_bytes > 0 && done.weights_bytes > 0 && done.files > 0, "{done:?}");
    assert!(done.facts.hidden_size.is_some() && done.facts.usable_tokens.is_some(), "{done:?}");
}

/// A folder on a volume is asked about with the same command, whether it is served as it is or not.
#[test]
fn a_folder_that_cannot_be_served_is_refused_with_a_reason_of_the_api() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report");
    let models = folder.path().join("models");
    std::fs::create_dir_all(models.join("small/v1")).expect("a folder");
    let changes = [
        ("/dev/termination-log", report.to_str().expect("UTF-8")),
        ("/models", models.to_str().expect("UTF-8")),
    ];
    let output = run("volume-source-resolving", "small-r-", &changes, None);
    assert!(!output.status.success());
    let failed = failure::last_end(&pod(&output, &report)).expect("it failed");
    assert_ne!(failed.reason, Reason::PullFailed, "the reason is one of the API's: {failed:?}");
    assert!(!failed.message.is_empty());
}

#[test]
fn a_revision_that_does_not_exist_has_its_own_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report");
    let hub = TestHub::start();
    hub.add(repository());
    let changes =
        [("/dev/termination-log", report.to_str().expect("UTF-8")), ("main", "no-such-branch")];
    let output = run("resolving", "small-r-", &changes, Some(&hub));
    let failed = failure::last_end(&pod(&output, &report)).expect("it failed");
    assert_eq!(failed.reason, Reason::RevisionNotFound, "{failed:?}");
}
