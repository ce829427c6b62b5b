//! `remove`: the end of a model that a pull made.

use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use model_hub::{HubOptions, Target, TargetLock};
use model_repository::job_report::SourceReport;
use model_repository::manifest::{FILE_NAME, Manifest};
use tokio::task::spawn_blocking;

use super::progress::Shown;
use super::pull_error::PullError;
use super::serve::block_on_workers;
use super::signals::Signals;
use super::{say, termination};
use crate::cli::{Exit, RemoveOptions};

/// Removes and says so.
pub(super) fn remove(options: &RemoveOptions) -> anyhow::Result<Exit> {
    let outcome = block_on_workers(None, async {
        let removed = Signals::listen()?.unless_asked_to_end(removed(options)).await;
        removed.ok_or(PullError::Interrupted)?
    })
    .flatten();
    termination::reported(outcome, options.termination_message_path.as_deref())
}

async fn removed(options: &RemoveOptions) -> anyhow::Result<SourceReport> {
    let folder = std::path::absolute(&options.folder)?;
    let commit = require_ours(&folder)?;
    let hub = HubOptions::from_env()?;
    let shown = Shown::new("removing");
    let mut locks = Vec::new();
    for target in targets(&folder, options.model_repository_path.as_deref())? {
        locks.push(TargetLock::acquire(&target, hub.lock_timeout, &shown).await?);
    }
    // Another pull may have put something else there in the meantime.
    require_ours(&folder)?;
    let was_there = spawn_blocking(move || -> anyhow::Result<bool> {
        let mut was_there = false;
        for lock in locks {
            was_there |= lock.remove_model()?;
        }
        Ok(was_there)
    })
    .await??;
    match was_there {
        true => say(&format!("Model: {} removed", folder.display()))?,
        false => say(&format!("Model: {} is not there", folder.display()))?,
    };
    Ok(SourceReport { commit: commit.unwrap_or_default(), ..SourceReport::default() })
}

/// Refuses what no pull has made; answers the commit, if it can be read.
fn require_ours(folder: &Path) -> Result<Option<String>, PullError> {
    let Ok(facts) = std::fs::symlink_metadata(folder) else { return Ok(None) };
    if !facts.is_dir() || !folder.join(FILE_NAME).is_file() {
        return Err(PullError::NotOurs { folder: folder.to_owned() });
    }
    // A damaged manifest still says whose the folder is.
    Ok(Manifest::read(folder).ok().flatten().map(|manifest| manifest.commit))
}

/// What pulls of this folder lock: its name in the folder above (`--output_dir`), or
/// `organisation/name` in the repository, which is the second one above.
fn targets(folder: &Path, repository: Option<&Path>) -> anyhow::Result<Vec<Target>> {
    let target = |repository: PathBuf| -> anyhow::Result<Target> {
        let name =
            folder.strip_prefix(&repository).context("the model is not in the repository")?;
        let name = name.to_str().context("the model's folder has a name that is not UTF-8")?;
        Ok(Target::new(repository, name)?)
    };
    if let Some(repository) = repository {
        return Ok(vec![target(std::path::absolute(repository)?)?]);
    }
    let is_plain =
        folder.components().all(|part| matches!(part, Component::Normal(_) | Component::RootDir));
    let above = folder.parent().filter(|_| is_plain).context("the folder has `..` in its path")?;
    let mut targets = Vec::new();
    // Only a repository of that kind has a folder for downloads, while one is under way or was
    // interrupted.
    if let Some(second) = above.parent().filter(|second| second.join(".tmp").is_dir()) {
        targets.push(target(second.to_owned())?);
    }
    targets.push(target(above.to_owned())?);
    Ok(targets)
}
