//! Deleting a model: renamed aside in one step, so that no reader sees half of it, then removed with
//! what interrupted pulls of it left behind.

use crate::error::HubError;
use crate::staging;
use crate::target::TargetLock;

/// Where a model is on its way out, in its target's staging. A run that is killed leaves it there,
/// for the next pull or removal.
const REMOVED: &str = "removed";

impl TargetLock {
    /// Deletes the target's model, if there is one, and every left-over of pulls of it; says whether
    /// there was a model. Blocks; for a blocking thread.
    ///
    /// # Errors
    /// If the folder cannot be moved or deleted: it may be a mount point, or not writable.
    pub fn remove_model(self) -> Result<bool, HubError> {
        let (path, all) = (self.target().path(), self.staging_folder());
        let is_there = std::fs::symlink_metadata(&path).is_ok();
        if is_there {
            let aside = all.join(REMOVED);
            staging::remove(&aside)?;
            staging::create_parent(&aside)?;
            std::fs::rename(&path, &aside).map_err(|source| HubError::Io {
                action: "move aside",
                path: path.clone(),
                source,
            })?;
        }
        staging::remove(&all)?;
        Ok(is_there)
    }
}

#[cfg(test)]
mod tests {
    use crate::progress::NoProgress;
    use crate::target::{Target, TargetLock};

    #[tokio::test]
    async fn nothing_of_the_model_and_its_pulls_is_left_and_others_stay() {
        let repository = tempfile::tempdir().expect("a folder");
        let file = |path: &str| {
            let path = repository.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "x").expect("a file");
        };
        file("org/name/model/openvino_model.bin");
        file("org/other/graph.pbtxt");
        let target = Target::new(repository.path(), "org/name").expect("a target");
        let acquire = || TargetLock::acquire(&target, None, &NoProgress);
        let lock = acquire().await.expect("a lock");
        let staging = lock.staging_folder();
        std::fs::create_dir_all(staging.join("commit/parts")).expect("folders");
        assert!(lock.remove_model().expect("removed"), "there was a model");
        assert!(!staging.exists() && !target.path().exists());
        assert!(!acquire().await.expect("a lock").remove_model().expect("nothing to remove"));
        let left: Vec<_> = std::fs::read_dir(repository.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["org"]);
        assert!(repository.path().join("org/other/graph.pbtxt").is_file());
    }
}
