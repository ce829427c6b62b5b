//! What a pull or an export writes beside the weights: `graph.pbtxt` and `embedserve.json`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use model_hub::{Origin, RepoFile, Resolved, SelectOptions, WeightsPreference};
use model_repository::facts::SourceFacts;
use model_repository::resolve::{self, files_to_write};
use model_repository::settings::{Settings, SettingsOverrides};

use crate::cli::{EarlierSettings, FolderExport, ModelOptions, PullOptions};

/// The wishes of one pull or export about how the model is served.
pub(super) struct Wanted {
    model: ModelOptions,
    cache_dir: Option<PathBuf>,
    /// Settings of a folder that was served before.
    earlier: EarlierSettings,
}

impl From<PullOptions> for Wanted {
    fn from(options: PullOptions) -> Self {
        let earlier = match options.overwrite_models {
            true => EarlierSettings::Forget,
            false => options.earlier_settings,
        };
        Self { model: options.model, cache_dir: options.cache_dir, earlier }
    }
}

impl From<FolderExport> for Wanted {
    fn from(options: FolderExport) -> Self {
        Self { model: options.model, cache_dir: options.cache_dir, earlier: EarlierSettings::Keep }
    }
}

/// Writes the files into `folder`, which is or will be at `place`.
pub(super) fn write_served(folder: &Path, place: &Path, wanted: &Wanted) -> anyhow::Result<()> {
    let facts = SourceFacts::read(folder)
        .with_context(|| format!("the files in {} cannot be used", folder.display()))?;
    let earlier = match wanted.earlier {
        EarlierSettings::Keep => Settings::read(place)?,
        EarlierSettings::Forget => Settings::default(),
    };
    let model = &wanted.model;
    let options = resolve::PullOptions {
        pooling: model.pooling,
        normalize: model.normalize.unwrap_or(true),
        truncate: model.truncate.unwrap_or(false),
        target_device: model.target_device.clone(),
        plugin_config: model.plugin_config.clone(),
        num_streams: model.num_streams,
        cache_dir: wanted.cache_dir.as_ref().map(|path| path.display().to_string()),
        settings: earlier.merged(&settings_overrides(model)),
        ..resolve::PullOptions::default()
    };
    let files = files_to_write(&options, &facts)?;
    if files.embedserve_json.is_none() {
        remove_settings(folder)?;
    }
    files.write(folder).with_context(|| format!("cannot write into {}", folder.display()))
}

/// The part of the options that `embedserve.json` holds.
pub(crate) fn settings_overrides(model: &ModelOptions) -> SettingsOverrides {
    SettingsOverrides {
        matryoshka: model.matryoshka.clone(),
        max_input_tokens: model.limits.max_input_tokens,
        max_batch_inputs: model.limits.max_batch_inputs,
        max_concurrent_requests: model.limits.max_concurrent_requests,
        device_fallback: model.device_fallback,
        weight_decompression: model.limits.weight_decompression,
        ..SettingsOverrides::default()
    }
}

/// Copies what serving needs beside the weights: tokenizer, configuration, pooling.
pub(super) fn copy_companions(source: &Path, output: &Path) -> anyhow::Result<()> {
    if source.canonicalize()? == output.canonicalize()? {
        return Ok(());
    }
    let resolved = Resolved {
        repo: source.display().to_string(),
        endpoint: None,
        requested_revision: None,
        commit: String::new(),
        files: files_below(source)?,
        origin: Origin::Folder(source.to_owned()),
    };
    let wishes =
        SelectOptions { prefer: WeightsPreference::Convertible, ..SelectOptions::default() };
    let selection = model_hub::select_files_with(&resolved, &wishes)?;
    for (path, place) in selection.served_files() {
        let (from, to) = (source.join(path), output.join(place));
        let bytes =
            std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        model_repository::write_atomically(&to, &bytes)
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

/// The files of a folder and of its direct subfolders, which is where module settings lie.
fn files_below(folder: &Path) -> anyhow::Result<Vec<RepoFile>> {
    let listed = |folder: &Path| {
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in listed(folder)? {
        let entry = entry?.path();
        let inner = match entry.is_dir() {
            true => {
                listed(&entry)?.map(|inner| Ok(inner?.path())).collect::<std::io::Result<_>>()?
            }
            false => vec![entry],
        };
        for path in inner.into_iter().filter(|path| path.is_file()) {
            let Some(name) = path.strip_prefix(folder)?.to_str() else { continue };
            let size = path.metadata()?.len();
            files.push(RepoFile { path: name.to_owned(), size, sha256: None, git_oid: None });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn remove_settings(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(model_repository::settings::FILE_NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
