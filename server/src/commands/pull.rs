//! `pull`: from a repository name to a folder that can be served.
//!
//! Resolve, look whether the work is done, choose, download and verify, export if need be,
//! describe, rename into place. `model-hub` and `model-export` do the parts; the order is here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use model_export::ExportOptions;
use model_hub::{
    Download, Endpoint, HubOptions, Installed, Resolved, Secret, SelectOptions, Selection, Staged,
    Target, TargetLock, WeightsKind, WeightsPreference, check_installed,
};
use model_repository::Pooling;
use model_repository::config_edit::set_in_config;
use model_repository::facts::SourceFacts;
use model_repository::job_report::SourceReport;
use tokio::task::spawn_blocking;
use tracing::{debug, info, warn};

use super::progress::{Shown, Stage, Watched};
use super::pull_error::PullError;
use super::serve::block_on_workers;
use super::signals::Signals;
use super::tokenizer_file::Written;
use super::{
    VERSION, config, demands, export, model_files, say, source_report, termination, tokenizer_file,
    watching,
};
use crate::cli::{Conversion, Exit, FileWishes, HubAccess, ModelOptions, PullJob, PullOptions};
use crate::serving::PlannedFolder;

/// A model that is in its folder.
pub(super) struct Pulled {
    name: String,
    folder: PathBuf,
    source: SourceReport,
}

impl Pulled {
    /// How it is served: as its own files say, which the pull has just written.
    pub(super) fn served(&self) -> PlannedFolder {
        PlannedFolder {
            name: self.name.clone(),
            path: self.folder.clone(),
            overrides: ModelOptions::default(),
        }
    }
}

/// Pulls and says where the model is, in OVMS's words.
pub(super) fn pull_command(job: &PullJob) -> anyhow::Result<Exit> {
    let outcome = block_on_workers(None, async {
        let watched = Arc::new(Watched::default());
        let mut signals = Signals::listen()?;
        if let Some(management) = &job.management {
            watching::answer(management, &watched).await?;
        }
        let pulled = signals.unless_asked_to_end(pull(&job.pull, &watched)).await;
        Ok(pulled.ok_or(PullError::Interrupted)??.source)
    })
    .flatten();
    termination::reported(outcome, job.termination_message_path.as_deref())
}

/// Pulls; afterwards the folder holds this very commit, verified, with the wanted settings.
pub(super) async fn pull(options: &PullOptions, watched: &Arc<Watched>) -> anyhow::Result<Pulled> {
    require_possible(options)?;
    let hub = hub_options(&options.hub)?;
    let resolved = model_hub::resolve(&options.source, &hub).await?;
    let folder = std::path::absolute(options.model_dir())?;
    let target = target(&folder, options)?;
    let shown = Arc::new(Shown::new("downloading").and_tell(Stage::Downloading, watched));
    let lock = TargetLock::acquire(&target, hub.lock_timeout, &*shown).await?;

    watched.enter(Stage::Verifying, None);
    let installed = {
        let (folder, resolved) = (folder.clone(), resolved.clone());
        spawn_blocking(move || check_installed(&folder, &resolved)).await?
    };
    let selection = if is_done(&installed, options, &folder)? {
        lock.finish();
        let wanted = options.clone();
        let place = folder.clone();
        spawn_blocking(move || model_files::write_served(&place, &place, &wanted.into())).await??;
        say(&format!("Path already exists on local filesystem, verified: {}", folder.display()))?;
        // Only to be told of: the folder is whole without.
        select(&resolved, options).ok()
    } else {
        let selection = select(&resolved, options)?;
        let staged = Download {
            extra_bytes: export::bytes_needed(&selection),
            resolved: &resolved,
            selection: &selection,
            options: &hub,
            progress: shown,
        }
        .run(lock)
        .await?;
        let (wanted, place) = (options.clone(), folder.clone());
        let (parts, watched) = ((resolved.clone(), selection.clone()), watched.clone());
        spawn_blocking(move || assemble(staged, &parts.0, &parts.1, &wanted, &place, &watched))
            .await??;
        say(&format!("Model: {} downloaded to: {}", shown_source(options), folder.display()))?;
        Some(selection)
    };
    say(&format!("Graph: graph.pbtxt created in: {}", folder.display()))?;
    if let Some(path) = &options.add_to_config {
        let path = config::config_file(path);
        set_in_config(&path, &options.model_name, &config::base_path(&path, &folder)?)?;
        say(&format!("Config updated: {}", path.display()))?;
    }
    let source = source_report::after_pull(&folder, &resolved, selection.as_ref())?;
    watched.finish();
    Ok(Pulled { name: options.model_name.clone(), folder, source })
}

/// Refuses, before anybody is asked, what no repository could make possible.
pub(super) fn require_possible(options: &PullOptions) -> anyhow::Result<()> {
    if let Some(path) = &options.add_to_config {
        let path = std::path::absolute(config::config_file(path))?;
        let folder = path.parent().context("the path of the configuration is no file")?;
        // The repository is made by the pull; what holds neither is a slip of the pen.
        let is_made = std::path::absolute(&options.model_repository_path)?.starts_with(folder);
        ensure!(
            folder.is_dir() || is_made,
            "the folder {} of the configuration does not exist: make it, or correct the path",
            folder.display()
        );
    }
    match options.conversion {
        Conversion::Asked => weight_options(options).map(drop),
        Conversion::IfNeeded | Conversion::Never => Ok(()),
    }
}

/// How converted weights are stored.
pub(super) fn weight_options(options: &PullOptions) -> anyhow::Result<ExportOptions> {
    let weights = export::weight_options(
        options.weight_format,
        options.extra_quantization_params.as_deref(),
    )?;
    Ok(ExportOptions { pooling: options.model.pooling, ..weights })
}

/// The hub as the environment says, with what the command line says on top.
pub(super) fn hub_options(access: &HubAccess) -> anyhow::Result<HubOptions> {
    let mut options = HubOptions::from_env()?;
    if let Some(endpoint) = &access.endpoint {
        options.endpoint = endpoint.parse::<Endpoint>()?;
    }
    if let Some(token) = &access.token {
        options.token = Secret::new(token.expose());
    }
    if let Some(bundle) = &access.ca_bundle {
        options.ca_bundle = Some(bundle.clone());
    }
    Ok(options)
}

/// The files that a pull with these options would fetch.
pub(super) fn select(resolved: &Resolved, options: &PullOptions) -> anyhow::Result<Selection> {
    let prefer = match options.conversion {
        Conversion::Asked => WeightsPreference::Convertible,
        Conversion::IfNeeded | Conversion::Never => WeightsPreference::Ready,
    };
    let FileWishes { include, exclude, sha256: _ } = options.wishes.clone();
    let selection =
        model_hub::select_files_with(resolved, &SelectOptions { prefer, include, exclude })?;
    let repo = || resolved.repo.clone();
    match (selection.kind, options.conversion) {
        (WeightsKind::OpenVinoIr | WeightsKind::Onnx, Conversion::Asked) => {
            let format = options.weight_format.unwrap_or_default();
            return Err(PullError::NothingToConvert { repo: repo(), format }.into());
        }
        (WeightsKind::Safetensors, Conversion::Never) => {
            return Err(PullError::ConversionOff { repo: repo() }.into());
        }
        (WeightsKind::Safetensors, _) => {
            weight_options(options)?;
        }
        (WeightsKind::OpenVinoIr | WeightsKind::Onnx, _) => {}
    }
    Ok(selection)
}

/// What the folder's name means to the hub: a name below the repository.
fn target(folder: &Path, options: &PullOptions) -> anyhow::Result<Target> {
    let repository = match &options.output_dir {
        Some(_) => folder.parent().context("--output_dir cannot be the root folder")?.to_owned(),
        None => std::path::absolute(&options.model_repository_path)?,
    };
    let name = folder.strip_prefix(&repository).context("the model's folder is its repository")?;
    let name = name.to_str().context("the model's folder has a name that is not UTF-8")?;
    Ok(Target::new(repository, name)?)
}

/// Whether the folder needs no download. A folder that no pull has made is never overwritten
/// unasked.
fn is_done(installed: &Installed, options: &PullOptions, folder: &Path) -> anyhow::Result<bool> {
    if options.overwrite_models {
        return Ok(false);
    }
    match installed {
        Installed::Absent => Ok(false),
        Installed::Complete(manifest) => {
            // A model that was taken as it is has no format of ours, and needs none unless asked.
            let is_asked =
                options.weight_format.is_some() || options.extra_quantization_params.is_some();
            let wanted = is_asked.then(|| weight_options(options)).transpose()?;
            let wanted = wanted.map(|options| options.to_string());
            let (has, wanted) = (manifest.weight_format.as_deref(), wanted.as_deref());
            let same = wanted.is_none()
                || has == wanted
                || (has.is_none() && options.conversion != Conversion::Asked);
            if !same {
                info!(folder = %folder.display(), has, wanted, "pulling again for other weights");
            }
            Ok(same
                && pools_as_wanted(folder, options.model.pooling)?
                && demands::check_installed(&options.wishes.sha256, manifest)?)
        }
        Installed::Damaged(error) => {
            warn!(folder = %folder.display(), %error, "pulling again");
            Ok(false)
        }
        Installed::Other(manifest) => {
            info!(folder = %folder.display(), commit = %manifest.commit, "replacing another commit");
            Ok(false)
        }
        Installed::Foreign(reason) => {
            let why = match reason {
                Some(error) => format!("its manifest cannot be used ({error})"),
                None => "it has no embedserve-manifest.json".to_owned(),
            };
            Err(PullError::Foreign { folder: folder.to_owned(), why }.into())
        }
    }
}

/// Whether a graph that pools by itself does so as wanted.
fn pools_as_wanted(folder: &Path, wanted: Option<Pooling>) -> anyhow::Result<bool> {
    let facts = SourceFacts::read(folder)?;
    let own = facts.graph_modules.map(|modules| modules.pooling);
    let is_wanted = own.is_none() || wanted.or(facts.pooling).is_none_or(|it| own == Some(it));
    if !is_wanted {
        info!(folder = %folder.display(), "pulling again for another pooling");
    }
    Ok(is_wanted)
}

/// Puts the model together beside its place and renames it there.
fn assemble(
    staged: Staged,
    resolved: &Resolved,
    selection: &Selection,
    options: &PullOptions,
    folder: &Path,
    watched: &Arc<Watched>,
) -> anyhow::Result<()> {
    watched.enter(Stage::Verifying, None);
    demands::check_downloaded(&options.wishes.sha256, selection, &staged)?;
    staged.place_files(selection.served_files())?;
    let tokenizer = tokenizer_file::check(staged.model_dir(), &resolved.repo)?;
    if tokenizer.write(staged.model_dir())? == Written::Yes {
        staged.mark_made(tokenizer_file::NAME);
    }
    drop(tokenizer);
    let weight_format = match selection.kind {
        WeightsKind::Safetensors => {
            let weights = weight_options(options)?;
            let named = Some((resolved.repo.as_str(), folder));
            let shown = Shown::new("exporting").and_tell(Stage::Exporting, watched);
            export::to_ir(staged.source_dir(), staged.model_dir(), &weights, named, &shown)?;
            Some(weights.to_string())
        }
        WeightsKind::OpenVinoIr | WeightsKind::Onnx => None,
    };
    let started = Instant::now();
    watched.enter(Stage::Verifying, None);
    staged.write_manifest(resolved, weight_format.as_deref(), VERSION)?;
    debug!(seconds = started.elapsed().as_secs_f64(), "files described");
    model_files::write_served(staged.model_dir(), folder, &options.clone().into())?;
    staged.publish()?;
    Ok(())
}

fn shown_source(options: &PullOptions) -> String {
    match &options.source {
        model_hub::Source::Hub { repo, revision: None } => repo.clone(),
        model_hub::Source::Hub { repo, revision: Some(revision) } => format!("{repo}@{revision}"),
        model_hub::Source::Folder(path) => path.display().to_string(),
    }
}
