//! `run model.yaml`: what the operator does with an `EmbeddingModel`, without a cluster.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use crds::spec::{ConversionMode, Pooling as PoolingChoice, WeightFormat as ChosenFormat};
use crds::{EmbeddingModel, SourceRef, local};
use model_export::WeightFormat;
use model_hub::Source;
use model_repository::Pooling;
use model_repository::settings::DeviceFallback;
use tracing::info;

use super::pull;
use super::serve::{block_on_workers, serve_source};
use super::signals::Signals;
use crate::cli::{
    Conversion, EarlierSettings, Exit, FileWishes, LimitOptions, LogOptions, ModelOptions,
    PullOptions, RunOptions,
};
use crate::serving::ServingSource;

/// Largest manifest that is read, in bytes; `crds` has the same bound.
const LARGEST_MANIFEST: u64 = crds::manifest::MOST_BYTES as u64;

/// Pulls and serves every model of the manifest.
pub(super) fn run(options: RunOptions) -> anyhow::Result<Exit> {
    let models = read(&options.manifest)?;
    block_on_workers(options.server.rest_workers, async move {
        let mut signals = Signals::listen()?;
        let mut folders = Vec::new();
        for model in &models {
            let wanted = pull_options(model, &options)?;
            let unwatched = Arc::default();
            let pulling = signals.unless_asked_to_end(pull::pull(&wanted, &unwatched));
            let Some(pulled) = pulling.await else { return Ok(Exit::Ok) };
            folders.push(pulled?.served());
        }
        serve_source(ServingSource::Folders(folders), None, options.server, signals).await
    })?
}

/// Reads the manifest, refuses what the API server would refuse, and says what has no meaning
/// here.
fn read(path: &Path) -> anyhow::Result<Vec<EmbeddingModel>> {
    let shown = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?.len();
    if size > LARGEST_MANIFEST {
        bail!("{shown} has {size} bytes, which no manifest has");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let manifests = crds::read_manifests(&text).with_context(|| format!("{shown} is refused"))?;
    for other in &manifests.skipped {
        info!(kind = %other.kind, name = ?other.name, "skipped: not an EmbeddingModel");
    }
    for (index, model) in manifests.models.iter().enumerate() {
        check(model).with_context(|| format!("{shown} is refused"))?;
        let twin = |other: &&EmbeddingModel| other.served_name() == model.served_name();
        if manifests.models[..index].iter().any(|other| twin(&other)) {
            bail!("{shown} has two models named {}: set servedName", model.served_name());
        }
    }
    Ok(manifests.models)
}

fn check(model: &EmbeddingModel) -> anyhow::Result<()> {
    let name = model.served_name();
    if let Err(violations) = crds::validate(model) {
        let lines: Vec<String> =
            violations.iter().map(|one| format!("{}: {}", one.path, one.message)).collect();
        bail!("{name}: {}", lines.join("; "));
    }
    let ignored = local::cluster_only_fields(model);
    if !ignored.is_empty() {
        info!(model = name, fields = ignored.join(", "), "ignored: only a cluster has them");
    }
    for reference in local::cluster_references(model) {
        let local::ClusterReference { path, remedy } = reference;
        info!(model = name, field = path, "there are no cluster objects here: {remedy}");
    }
    Ok(())
}

/// The pull that the operator's Job would do, with the settings that its pods would get.
fn pull_options(model: &EmbeddingModel, options: &RunOptions) -> anyhow::Result<PullOptions> {
    let name = model.served_name();
    let source = match model.source() {
        Some(SourceRef::HuggingFace(source)) => source,
        Some(SourceRef::PersistentVolumeClaim(_)) => bail!(
            "{name}: spec.source.persistentVolumeClaim needs a cluster: serve its folder with --model_name {name} --model_path FOLDER"
        ),
        None => bail!("{name}: spec.source names no source"),
    };
    let mut hub = options.hub.clone();
    if let Some(endpoint) = &source.endpoint {
        hub.endpoint = Some(endpoint.clone());
    }
    let spec = &model.spec;
    let limits = model.request_limits();
    let verify = spec.source.verify.as_ref().map(|verify| verify.sha256.clone());
    Ok(PullOptions {
        source: Source::Hub {
            repo: source.repo.clone(),
            revision: Some(source.revision.clone()).filter(|revision| revision != "main"),
        },
        hub,
        model_repository_path: options.model_repository_path.clone(),
        output_dir: None,
        model_name: name.to_owned(),
        model: ModelOptions {
            pooling: match spec.pooling {
                PoolingChoice::Auto => None,
                PoolingChoice::Cls => Some(Pooling::Cls),
                PoolingChoice::Mean => Some(Pooling::Mean),
                PoolingChoice::LastToken => Some(Pooling::Last),
            },
            normalize: spec.normalize,
            truncate: spec.truncate,
            // Among the properties already.
            num_streams: None,
            target_device: Some(spec.device.target.as_str().to_owned()),
            device_fallback: spec.device.may_fall_back_to_cpu().then_some(DeviceFallback::Cpu),
            plugin_config: spec.device.properties(),
            matryoshka: Some(model.matryoshka()),
            limits: LimitOptions {
                max_input_tokens: limits.max_input_tokens,
                max_batch_inputs: limits.max_batch_inputs,
                max_concurrent_requests: limits.max_concurrent_requests,
                // The manifest has no such field: automatic.
                weight_decompression: None,
            },
        },
        cache_dir: None,
        weight_format: Some(match model.weight_format() {
            ChosenFormat::Fp32 => WeightFormat::Fp32,
            ChosenFormat::Fp16 => WeightFormat::Fp16,
            ChosenFormat::Int8 => WeightFormat::Int8,
            ChosenFormat::Int4 => WeightFormat::Int4,
        }),
        wishes: FileWishes {
            include: source.include.clone(),
            exclude: source.exclude.clone(),
            sha256: verify.unwrap_or_default(),
        },
        conversion: match spec.conversion.mode {
            ConversionMode::Never => Conversion::Never,
            ConversionMode::IfNeeded => Conversion::IfNeeded,
        },
        earlier_settings: EarlierSettings::Forget,
        extra_quantization_params: None,
        overwrite_models: options.overwrite_models,
        add_to_config: None,
        log: LogOptions::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::model_files;
    use super::*;
    use crate::cli::{Invocation, parse};

    #[test]
    fn the_settings_of_every_example_from_a_hub_can_be_written() {
        let words = ["embedserve", "run", "model.yaml"].map(Into::into);
        let variables = std::iter::empty::<(String, String)>().collect();
        let invocation = parse(words, &variables).expect("a command line").invocation;
        let Invocation::Run(run) = invocation else { panic!("{invocation:?}") };
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/examples");
        let mut written = Vec::new();
        for example in std::fs::read_dir(examples).expect("a folder") {
            for model in read(&example.expect("an entry").path()).expect("a manifest") {
                let Ok(options) = pull_options(&model, &run) else { continue };
                let folder = tempfile::tempdir().expect("a folder");
                let config = r#"{"hidden_size": 1024, "max_position_embeddings": 512}"#;
                std::fs::write(folder.path().join("config.json"), config).expect("written");
                model_files::write_served(folder.path(), folder.path(), &options.into())
                    .unwrap_or_else(|error| panic!("{}: {error:#}", model.served_name()));
                let graph = std::fs::read_to_string(folder.path().join("graph.pbtxt"));
                written.push((model.served_name().to_owned(), graph.expect("written")));
            }
        }
        let complete = |(name, graph): &&(String, String)| {
            name == "sentence-transformers/all-MiniLM-L6-v2" && graph.contains("NUM_STREAMS")
        };
        let (_, graph) = written.iter().find(complete).expect("the example with numStreams");
        assert_eq!(graph.matches("NUM_STREAMS").count(), 1, "{graph}");
        assert!(written.len() >= 8, "{}", written.len());
    }
}
