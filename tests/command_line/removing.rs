//! `remove`: a model that a pull made goes, with its left-overs; everything else is left alone.

use std::process::Stdio;

use integration_tests::hub::{Action, Fault, Gate};
use integration_tests::wait::until;
use model_repository::job_report::JobReport;

use crate::support::{NAME, command, end, hub, run_in, tree};

#[test]
fn a_pulled_model_is_removed_and_removing_it_again_is_no_failure() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    assert_eq!(end(&mut command(&hub, folder.path(), ["pull", NAME])).code, 0);
    let first =
        run_in(folder.path(), "remove models/org/tiny-model --termination_message_path log");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.ends_with("models/org/tiny-model removed\n"), "{}", first.stdout);
    let log = std::fs::read_to_string(folder.path().join("log")).expect("a report");
    let Some(JobReport::Done(report)) = JobReport::parse(&log) else { panic!("{log}") };
    assert_eq!(report.commit.len(), 40);
    assert_eq!(tree(folder.path()), ["log", "models/", "models/org/"]);
    let second = run_in(folder.path(), "remove models/org/tiny-model");
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stdout.ends_with("is not there\n"), "{}", second.stdout);
}

/// The files of an interrupted pull lie in the repository, wherever the command line says that is.
#[test]
fn what_an_interrupted_pull_left_goes_with_the_model() {
    for (options, name) in
        [(vec![], "models/org/tiny-model"), (vec!["--output_dir", "cache/key"], "cache/key")]
    {
        let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
        hub.fault(Fault::status("/files/", 501));
        let ended = end(command(&hub, folder.path(), ["pull", NAME]).args(&options));
        assert_eq!(ended.code, 1);
        assert!(tree(folder.path()).iter().any(|path| path.contains(".tmp/")));
        let ended = run_in(folder.path(), &format!("remove {name}"));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!tree(folder.path()).iter().any(|path| path.contains(".tmp/")), "{name}");
    }
}

#[test]
fn folders_that_no_pull_made_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("models/mine")).expect("a folder");
    std::fs::write(folder.path().join("models/mine/openvino_model.xml"), "x").expect("a file");
    std::os::unix::fs::symlink("mine", folder.path().join("models/link")).expect("a link");
    let before = tree(folder.path());
    for name in ["mine", "link", "mine/openvino_model.xml"] {
        let ended = run_in(folder.path(), &format!("remove models/{name}"));
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("or delete it by hand"), "{}", ended.stderr);
        assert_eq!(tree(folder.path()), before, "{name}");
    }
}

/// If this fails, a model could be deleted under the hands of a pull that is about to place it.
#[test]
fn a_removal_waits_for_a_pull_of_the_same_model() {
    let (hub, folder) = (hub(), tempfile::tempdir().expect("a folder"));
    let gate = Gate::new();
    hub.fault(Fault::new("/files/", Action::Trickle(gate.clone())));
    let mut pull = command(&hub, folder.path(), ["pull", NAME]).spawn().expect("it starts");
    until("the download has begun", || !hub.downloads().is_empty());
    let log = folder.path().join("removal");
    let mut removal = command(&hub, folder.path(), ["remove", "models/org/tiny-model"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("it starts");
    until("the removal waits", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("is running, waiting"))
    });
    gate.release(1 << 24);
    assert!(pull.wait().expect("it ends").success());
    assert!(removal.wait().expect("it ends").success());
    assert!(!folder.path().join("models/org/tiny-model").exists());
}
