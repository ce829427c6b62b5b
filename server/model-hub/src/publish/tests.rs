//! Every way a publication can go, and be cut short.

use std::os::unix::fs::MetadataExt;

use model_repository::manifest::{FileOrigin, Manifest};

use super::*;
use crate::progress::NoProgress;
use crate::resolve::{Origin, Resolved};
use crate::target::Target;
use crate::verify::{Installed, check_installed};

fn source_file(path: &str, size: u64) -> RepoFile {
    RepoFile { path: path.into(), size, sha256: None, git_oid: None }
}

async fn lock(repository: &Path) -> TargetLock {
    let target = Target::new(repository, "org/name").expect("a target");
    TargetLock::acquire(&target, None, &NoProgress).await.expect("a lock")
}

/// A staged download of `config.json` and `model.safetensors`.
async fn staged(repository: &Path) -> Staged {
    let files = vec![source_file("config.json", 2), source_file("model.safetensors", 7)];
    let staging = Staging::open(lock(repository).await, "commit", &files).expect("a staging");
    std::fs::write(staging.source().join("config.json"), "{}").expect("a file");
    std::fs::write(staging.source().join("model.safetensors"), "weights").expect("a file");
    Staged::new(Arc::new(staging), files)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn folder_with(path: &Path, content: &str) {
    std::fs::create_dir_all(path).expect("a folder");
    std::fs::write(path.join("file"), content).expect("a file");
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path.join("file")).expect("a file")
}

#[tokio::test]
async fn a_published_model_is_in_place_and_nothing_else_remains() {
    let repository = tempfile::tempdir().expect("a folder");
    let staged = staged(repository.path()).await;
    staged.place_files([("config.json", "config.json")]).expect("placed");
    std::fs::create_dir(staged.model_dir().join("1_Pooling")).expect("a folder");
    std::fs::write(staged.model_dir().join("1_Pooling/config.json"), "{}").expect("a file");
    let target = staged.target_dir();
    staged.publish().expect("published");
    assert_eq!(names(&target), ["1_Pooling", "config.json"]);
    assert_eq!(std::fs::metadata(target.join("config.json")).expect("a file").nlink(), 1);
    assert_eq!(names(repository.path()), ["org"]);
}

#[tokio::test]
async fn an_older_model_is_replaced_whole() {
    let repository = tempfile::tempdir().expect("a folder");
    folder_with(&repository.path().join("org/name"), "old");
    let staged = staged(repository.path()).await;
    staged.place_files([("config.json", "config.json")]).expect("placed");
    let target = staged.target_dir();
    staged.publish().expect("published");
    assert_eq!(names(&target), ["config.json"]);
    assert_eq!(names(repository.path()), ["org"]);
}

#[tokio::test]
async fn nothing_is_published_from_an_empty_folder_and_the_old_model_stays() {
    let repository = tempfile::tempdir().expect("a folder");
    folder_with(&repository.path().join("org/name"), "old");
    let staged = staged(repository.path()).await;
    let target = staged.target_dir();
    assert_eq!(staged.publish().expect_err("empty").kind(), "Empty");
    assert_eq!(content(&target), "old");
}

#[tokio::test]
async fn the_manifest_tells_what_was_downloaded_made_and_read() {
    let repository = tempfile::tempdir().expect("a folder");
    let staged = staged(repository.path()).await;
    staged.place_files([("config.json", "config.json")]).expect("placed");
    std::fs::write(staged.model_dir().join("openvino_model.bin"), "made").expect("a file");
    let resolved = Resolved {
        repo: "org/name".into(),
        endpoint: Some("https://huggingface.co".into()),
        requested_revision: Some("main".into()),
        commit: "commit".into(),
        files: staged.files.clone(),
        origin: Origin::Hub,
    };
    staged.write_manifest(&resolved, Some("fp32"), "1.2.3").expect("a manifest");
    let target = staged.target_dir();
    staged.publish().expect("published");
    let manifest = Manifest::read(&target).expect("readable").expect("a manifest");
    let origins: Vec<_> =
        manifest.files.iter().map(|file| (file.path.as_str(), file.size, file.origin)).collect();
    assert_eq!(
        origins,
        [
            ("config.json", 2, FileOrigin::Downloaded),
            ("model.safetensors", 7, FileOrigin::Source),
            ("openvino_model.bin", 4, FileOrigin::Exported),
        ]
    );
    assert_eq!((manifest.commit.as_str(), manifest.tool_version.as_str()), ("commit", "1.2.3"));
    assert!(matches!(check_installed(&target, &resolved), Installed::Complete(_)));
}

#[tokio::test]
async fn file_names_that_leave_the_model_are_refused() {
    let repository = tempfile::tempdir().expect("a folder");
    let staged = staged(repository.path()).await;
    for (from, to) in [("config.json", "../x"), ("../config.json", "x"), ("/etc/passwd", "x")] {
        assert_eq!(staged.place_files([(from, to)]).expect_err(from).kind(), "UnsafePath");
    }
    assert_eq!(staged.place_files([("absent", "x")]).expect_err("absent").kind(), "Io");
}

#[test]
fn a_file_system_without_exchange_gets_two_renames() {
    for refusal in [Errno::INVAL, Errno::NOSYS] {
        let folder = tempfile::tempdir().expect("a folder");
        let [model, target, aside] =
            ["model", "target", "aside"].map(|name| folder.path().join(name));
        folder_with(&model, "new");
        folder_with(&target, "old");
        folder_with(&aside, "from an earlier crash");
        put_in_place(&model, &target, &aside, |_, _| Err(refusal)).expect("replaced");
        assert_eq!((content(&target), content(&aside)), ("new".into(), "old".into()));
    }
}

#[test]
fn other_refusals_to_exchange_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let [model, target, aside] = ["model", "target", "aside"].map(|name| folder.path().join(name));
    folder_with(&model, "new");
    folder_with(&target, "old");
    put_in_place(&model, &target, &aside, |_, _| Err(Errno::BUSY)).expect_err("a mount point");
    assert_eq!((content(&target), content(&model)), ("old".into(), "new".into()));
}

#[test]
fn the_exchange_of_this_system_swaps_the_two() {
    let folder = tempfile::tempdir().expect("a folder");
    let [model, target, aside] = ["model", "target", "aside"].map(|name| folder.path().join(name));
    folder_with(&model, "new");
    folder_with(&target, "old");
    put_in_place(&model, &target, &aside, exchange).expect("replaced");
    assert_eq!(content(&target), "new");
}

#[tokio::test]
async fn a_kill_between_the_two_renames_is_mended_by_the_next_pull() {
    let repository = tempfile::tempdir().expect("a folder");
    let target = repository.path().join("org/name");
    std::fs::create_dir_all(repository.path().join("org")).expect("a folder");
    let aside = lock(repository.path()).await.staging_folder().join(REPLACED);
    folder_with(&aside, "old");
    drop(lock(repository.path()).await);
    assert_eq!(content(&target), "old");
    // Killed after the second rename: the new model is there, the old one is litter.
    folder_with(&aside, "older");
    drop(lock(repository.path()).await);
    assert_eq!(content(&target), "old");
    assert!(!aside.exists());
}

#[tokio::test]
async fn a_kill_after_the_exchange_leaves_litter_that_the_next_pull_removes() {
    let repository = tempfile::tempdir().expect("a folder");
    let staged = staged(repository.path()).await;
    folder_with(&staged.target_dir(), "new");
    folder_with(staged.model_dir(), "old");
    drop(staged);
    lock(repository.path()).await.finish();
    assert_eq!(content(&repository.path().join("org/name")), "new");
    assert_eq!(names(repository.path()), ["org"]);
}

#[tokio::test]
async fn a_place_that_no_rename_reaches_is_refused_before_a_download() {
    let repository = tempfile::tempdir().expect("a folder");
    let lock = lock(repository.path()).await;
    let (target, staging) = (lock.target().clone(), repository.path().to_owned());
    require_place(&target, &staging).expect("nothing is there yet");
    std::fs::create_dir_all(target.path()).expect("a folder");
    require_place(&target, &staging).expect("a folder that can be exchanged");

    std::fs::remove_dir_all(repository.path().join("org")).expect("removed");
    std::fs::write(repository.path().join("org"), "in the way").expect("a file");
    let error = require_place(&target, &staging).expect_err("below a file");
    assert_eq!(error.kind(), "TargetPlace");
    let text = error.to_string();
    assert!(text.contains("/org: it is not a folder; move it away"), "{text}");

    std::fs::remove_file(repository.path().join("org")).expect("removed");
    std::os::unix::fs::symlink("/proc", repository.path().join("org")).expect("a link");
    let error = require_place(&target, &staging).expect_err("on another file system");
    assert!(error.to_string().contains("on another file system"), "{error}");
}
