//! Pulls models from the Hugging Face hub or a folder: resolve, choose, download, verify, rename.
//!
//! The steps of a pull, in order:
//! 1. [`Source::parse`] reads what the user wrote;
//! 2. [`resolve`] asks the hub (or reads the folder) for the commit and the files with sizes and hashes;
//! 3. [`select_files`] chooses, purely, what serving needs;
//! 4. [`TargetLock::acquire`] makes this the only pull of that model; under the lock [`check_installed`] says whether
//!    the work is already done;
//! 5. [`Download`] fetches into a staging area beside the models, with resume, and verifies every hash;
//! 6. the caller fills [`Staged::model_dir`] (links files, exports weights, writes the graph);
//! 7. [`Staged::publish`] renames it into place in one step.
//!
//! A process killed between or inside any of these leaves either the old model or the new one, whole, and the next
//! pull goes on from the bytes that arrived. Reading and writing of configuration files is `model-repository`'s part,
//! the conversion of weights `model-export`'s; printing is the caller's, through [`Progress`].

mod certificates;
mod checksum;
mod download;
mod error;
mod excerpt;
mod options;
mod path;
mod progress;
mod publish;
mod refusal;
mod remove;
mod resolve;
mod retry;
mod select;
mod source;
mod space;
mod staging;
mod target;
mod transport;
mod verify;

pub use certificates::read_certificates;
pub use checksum::sha256;
pub use download::{Download, download};
pub use error::HubError;
pub use excerpt::{Part, read_parts};
pub use options::{
    Endpoint, HubOptions, Proxies, Retries, Secret, Timeouts, endpoint::EndpointError,
};
pub use path::UnsafePath;
pub use progress::{NoProgress, Progress};
pub use publish::{PublishError, Staged};
pub use resolve::{Origin, RepoFile, Resolved, resolve};
pub use select::{
    SelectError, SelectOptions, Selection, WeightsKind, WeightsPreference, select_files,
    select_files_with,
};
pub use source::{Source, SourceError};
pub use target::{Target, TargetError, TargetLock};
pub use verify::{Installed, VerifyError, check_installed, verify_model};
