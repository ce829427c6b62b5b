//! Fetching the chosen files into the staging, several at once, each verified.

mod copy;
mod fetch;
mod part_writer;
mod range;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::checksum::{self, Difference};
use crate::error::HubError;
use crate::options::HubOptions;
use crate::progress::Progress;
use crate::publish::{self, Staged};
use crate::resolve::{Origin, RepoFile, Resolved};
use crate::select::Selection;
use crate::space;
use crate::staging::Staging;
use crate::target::TargetLock;
use crate::transport::Transport;

/// One download: what to fetch, and how.
pub struct Download<'a> {
    /// The source at its commit.
    pub resolved: &'a Resolved,
    /// The files to fetch.
    pub selection: &'a Selection,
    /// How to reach the hub.
    pub options: &'a HubOptions,
    /// Bytes that will be written to the same file system besides the files, by an export for example.
    pub extra_bytes: u64,
    /// Who is told.
    pub progress: Arc<dyn Progress>,
}

/// [`Download::run`] without extra bytes.
pub async fn download(
    lock: TargetLock,
    resolved: &Resolved,
    selection: &Selection,
    options: &HubOptions,
    progress: Arc<dyn Progress>,
) -> Result<Staged, HubError> {
    Download { resolved, selection, options, extra_bytes: 0, progress }.run(lock).await
}

impl Download<'_> {
    /// Fetches and verifies every file, going on from what an interrupted run of the same commit left.
    ///
    /// Dropping the future ends the download; what has arrived stays for the next one. On an error, too.
    pub async fn run(self, lock: TargetLock) -> Result<Staged, HubError> {
        let Self { resolved, selection, options, extra_bytes, progress } = self;
        let from = match &resolved.origin {
            Origin::Hub => From::Hub(Box::new(Transport::new(options)?)),
            Origin::Folder(folder) => From::Folder(folder.clone()),
        };
        let (commit, files) = (resolved.commit.clone(), selection.files.clone());
        let staging = blocking(move || Staging::open(lock, &commit, &files)).await?;
        publish::require_place(staging.lock().target(), staging.folder())?;
        let here: u64 = selection.files.iter().map(|file| staging.bytes_here(file)).sum();
        let needed = selection.bytes.saturating_sub(here).saturating_add(extra_bytes);
        space::require(staging.folder(), needed)?;
        progress.start(selection.bytes, selection.files.len());
        let job = Arc::new(Job {
            from,
            repo: resolved.repo.clone(),
            commit: resolved.commit.clone(),
            staging: Arc::new(staging),
            progress: Arc::clone(&progress),
            cancelled: Arc::default(),
        });
        let _cancel = CancelOnDrop(Arc::clone(&job.cancelled));
        fetch_all(&job, &selection.files, options.parallel).await?;
        progress.finish();
        Ok(Staged::new(Arc::clone(&job.staging), selection.files.clone()))
    }
}

async fn fetch_all(job: &Arc<Job>, files: &[RepoFile], parallel: usize) -> Result<(), HubError> {
    let places = Arc::new(Semaphore::new(parallel.max(1)));
    let mut tasks = JoinSet::new();
    let mut files = files.to_vec();
    // The largest first, so that it is not the one that everybody waits for in the end.
    files.sort_by_key(|file| std::cmp::Reverse(file.size));
    for file in files {
        let (job, places) = (Arc::clone(job), Arc::clone(&places));
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            job.obtain(file).await
        });
    }
    let mut outcome = Ok(());
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                // The first error counts; the others are ended where they are.
                if outcome.is_ok() {
                    outcome = Err(error);
                }
                tasks.abort_all();
            }
            Err(error) if error.is_cancelled() => {}
            Err(error) => outcome = Err(HubError::Client { source: error.into() }),
        }
    }
    outcome
}

/// Where the bytes come from.
enum From {
    Hub(Box<Transport>),
    Folder(PathBuf),
}

/// What the tasks of one download share.
struct Job {
    from: From,
    repo: String,
    commit: String,
    staging: Arc<Staging>,
    progress: Arc<dyn Progress>,
    /// Set when nobody waits for the download any more: threads that copy or write look at it.
    cancelled: Arc<AtomicBool>,
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Job {
    /// Makes `file` one of the whole files of the staging.
    async fn obtain(&self, file: RepoFile) -> Result<(), HubError> {
        if self.staging.whole(&file).exists() {
            // Whole once, but perhaps not any more.
            match self.difference(&file, self.staging.whole(&file)).await? {
                None => {
                    self.progress.advance(file.size);
                    return Ok(());
                }
                Some(_) => crate::staging::remove(&self.staging.whole(&file))?,
            }
        }
        crate::staging::create_parent(&self.staging.part(&file))?;
        crate::staging::create_parent(&self.staging.etag(&file))?;
        match &self.from {
            From::Hub(transport) => fetch::fetch(self, transport, file).await,
            From::Folder(folder) => copy::copy(self, folder, file).await,
        }
    }

    /// How the file at `path` differs from `promised`.
    async fn difference(
        &self,
        promised: &RepoFile,
        path: PathBuf,
    ) -> Result<Option<HubError>, HubError> {
        let promised = promised.clone();
        let staging = Arc::clone(&self.staging);
        blocking(move || {
            // The lock must outlive the reading, also when nobody waits for it any more.
            let _staging = staging;
            let difference = checksum::compare(&path, &promised)
                .map_err(|source| HubError::Io { action: "read", path: path.clone(), source })?;
            Ok(difference.map(|difference| wrong(&promised, difference)))
        })
        .await
    }
}

/// The error for a file that is not what was promised.
pub(crate) fn wrong(promised: &RepoFile, difference: Difference) -> HubError {
    let path = promised.path.clone();
    match difference {
        Difference::Size { got } => HubError::SizeMismatch { path, expected: promised.size, got },
        Difference::Hash { expected, got } => HubError::HashMismatch { path, expected, got },
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HubError> + Send + 'static,
) -> Result<T, HubError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| HubError::Client { source: source.into() })?
}

/// How many bytes of one file have been reported as progress.
struct Reported<'a> {
    progress: &'a dyn Progress,
    bytes: u64,
}

impl<'a> Reported<'a> {
    fn new(progress: &'a dyn Progress) -> Self {
        Self { progress, bytes: 0 }
    }

    /// So many bytes of the file are here now.
    fn set(&mut self, bytes: u64) {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => self.progress.advance(more),
            None => self.progress.retreat(self.bytes - bytes),
        }
        self.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Calls(Mutex<Vec<i64>>);

    impl Progress for Calls {
        fn advance(&self, bytes: u64) {
            self.0.lock().expect("no panic").push(bytes as i64);
        }
        fn retreat(&self, bytes: u64) {
            self.0.lock().expect("no panic").push(-(bytes as i64));
        }
    }

    #[test]
    fn progress_goes_forth_and_back_by_differences() {
        let calls = Calls::default();
        let mut reported = Reported::new(&calls);
        for bytes in [10, 10, 25, 0, 5] {
            reported.set(bytes);
        }
        assert_eq!(*calls.0.lock().expect("no panic"), [10, 15, -25, 5]);
    }
}
