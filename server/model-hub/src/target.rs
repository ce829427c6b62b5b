//! Where a model goes, and the lock that makes one pull of it wait for another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::checksum::sha256;
use crate::error::HubError;
use crate::path::{self, UnsafePath};
use crate::progress::Progress;
use crate::publish;

/// The folder of a model repository in which downloads are kept until they are whole.
pub(crate) const STAGING_FOLDER: &str = ".tmp";
/// How often a lock that somebody else holds is tried.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// A model's folder in a model repository (the folder that holds all models).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    repository: PathBuf,
    name: String,
}

/// Why a name is not that of a model's folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a model cannot be stored under this name: choose one like organisation/name")]
pub struct TargetError {
    /// What is wrong with it.
    #[from]
    source: UnsafePath,
}

impl Target {
    /// The folder `name` (one or more components, with `/`) below `repository`.
    pub fn new(repository: impl Into<PathBuf>, name: &str) -> Result<Self, TargetError> {
        path::check(name)?;
        // Folders that begin with a dot are never listed as models.
        if name.split('/').any(|component| component.starts_with('.')) {
            return Err(UnsafePath {
                path: name.to_owned(),
                reason: "a component begins with a dot",
            }
            .into());
        }
        Ok(Self { repository: repository.into(), name: name.to_owned() })
    }

    /// The model's folder.
    pub fn path(&self) -> PathBuf {
        self.repository.join(&self.name)
    }

    /// The folder that holds all models.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A name for this target's staging that is one component, readable, and unlike that of any other target.
    fn staging_name(&self) -> String {
        let readable: String = self.name.replace('/', "--").chars().take(60).collect();
        let hash = sha256(self.name.as_bytes());
        format!("{readable}-{}", &hash[..12])
    }
}

/// The right to change one target, held from before the first byte until the model is in place. An advisory lock of the
/// operating system: it ends with the process, however that ends.
#[derive(Debug)]
pub struct TargetLock {
    target: Target,
    path: PathBuf,
    file: File,
}

impl TargetLock {
    /// Waits until no other pull works on `target`; says so once if it has to wait.
    ///
    /// Whoever waited should look again whether there is still something to do ([`crate::check_installed`]).
    pub async fn acquire(
        target: &Target,
        wait_at_most: Option<Duration>,
        progress: &dyn Progress,
    ) -> Result<Self, HubError> {
        let started = Instant::now();
        let mut announced = false;
        loop {
            if let Some(lock) = Self::try_acquire(target)? {
                publish::recover(&lock)?;
                return Ok(lock);
            }
            if !announced {
                progress.message(&format!(
                    "another pull of {} is running, waiting for it",
                    target.name
                ));
                announced = true;
            }
            let waited = started.elapsed();
            if wait_at_most.is_some_and(|limit| waited >= limit) {
                return Err(HubError::LockTimeout { target: target.path(), waited });
            }
            tokio::time::sleep(LOCK_INTERVAL).await;
        }
    }

    fn try_acquire(target: &Target) -> Result<Option<Self>, HubError> {
        let folder = target.repository.join(STAGING_FOLDER);
        let path = folder.join(format!("{}.lock", target.staging_name()));
        std::fs::create_dir_all(&folder)
            .map_err(|source| HubError::io("create the folder", &folder, 0, source))?;
        let file = match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => file,
            // Whoever finished last has just removed the folder.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(HubError::io("create the lock file", &path, 0, source)),
        };
        match file.try_lock() {
            // The holder removes the file before letting go: what was locked may not be what others will find.
            Ok(()) if is_same_file(&file, &path) => {
                Ok(Some(Self { target: target.clone(), path, file }))
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(HubError::Io { action: "lock", path, source }),
        }
    }

    /// The target that is locked.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Ends a pull that found its work done: removes what interrupted pulls of this target left behind.
    pub fn finish(self) {
        let folder = self.staging_folder();
        if let Err(error) = remove_if_present(&folder) {
            tracing::warn!(path = %folder.display(), %error, "left-over files of earlier pulls were not removed");
        }
    }

    /// The folder for this target's downloads, one for each commit.
    pub(crate) fn staging_folder(&self) -> PathBuf {
        self.target.repository.join(STAGING_FOLDER).join(self.target.staging_name())
    }
}

impl Drop for TargetLock {
    fn drop(&mut self) {
        // Removed while it is still locked, so that nobody can hold a lock on a name that is gone; see `try_acquire`.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
        // Goes only if it is empty.
        let _ = std::fs::remove_dir(self.target.repository.join(STAGING_FOLDER));
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Removes a folder, a file or a link; a link's goal stays.
pub(crate) fn remove_if_present(path: &Path) -> std::io::Result<()> {
    let result = match std::fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::progress::NoProgress;

    #[derive(Default)]
    struct Messages(Mutex<Vec<String>>);

    impl Progress for Messages {
        fn message(&self, text: &str) {
            self.0.lock().expect("no panic").push(text.to_owned());
        }
    }

    #[test]
    fn a_target_stays_in_its_repository() {
        let target = Target::new("/models", "org/name").expect("a target");
        assert_eq!(target.path(), Path::new("/models/org/name"));
        for name in ["", "/etc", "../up", "org/..", ".tmp", ".tmp/x", "org/.hidden", "a\\b"] {
            assert!(Target::new("/models", name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn staging_names_are_one_component_and_never_shared() {
        let name = |name: &str| Target::new("/m", name).expect("a target").staging_name();
        assert_ne!(name("org/name"), name("org--name"));
        assert!(name("org/name").starts_with("org--name-"));
        assert!(name("x/".repeat(500).trim_end_matches('/')).len() < 255);
    }

    #[tokio::test]
    async fn the_second_waits_says_so_once_and_gives_up_after_the_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::new(folder.path(), "org/name").expect("a target");
        let first = TargetLock::acquire(&target, None, &NoProgress).await.expect("the first");
        let messages = Messages::default();
        let limit = Some(Duration::from_millis(250));
        let error = TargetLock::acquire(&target, limit, &messages).await.expect_err("it is locked");
        assert_eq!(error.kind(), "LockTimeout");
        let said = messages.0.into_inner().expect("no panic");
        assert_eq!(said, ["another pull of org/name is running, waiting for it"]);
        let other = Target::new(folder.path(), "org/other").expect("a target");
        drop(TargetLock::acquire(&other, limit, &NoProgress).await.expect("another model is free"));
        drop(first);
        drop(TargetLock::acquire(&target, limit, &NoProgress).await.expect("it is free"));
    }

    #[tokio::test]
    async fn many_pulls_of_one_model_work_one_after_the_other_and_leave_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::new(folder.path(), "name").expect("a target");
        let inside = std::sync::Arc::new(Mutex::new(false));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (target, inside) = (target.clone(), std::sync::Arc::clone(&inside));
            tasks.spawn(async move {
                let lock = TargetLock::acquire(&target, None, &NoProgress).await.expect("a lock");
                assert!(
                    !std::mem::replace(&mut *inside.lock().expect("no panic"), true),
                    "two at once"
                );
                tokio::task::yield_now().await;
                *inside.lock().expect("no panic") = false;
                drop(lock);
            });
        }
        while let Some(result) = tasks.join_next().await {
            result.expect("no panic");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn removing_a_link_leaves_its_goal() {
        let folder = tempfile::tempdir().expect("a folder");
        let (goal, link) = (folder.path().join("goal"), folder.path().join("link"));
        std::fs::create_dir(&goal).expect("a folder");
        std::os::unix::fs::symlink(&goal, &link).expect("a link");
        remove_if_present(&link).expect("removed");
        remove_if_present(&link).expect("nothing to remove");
        assert!(goal.is_dir() && !link.exists());
    }
}
