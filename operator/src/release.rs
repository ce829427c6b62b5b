//! A release: files and settings that pods serve as one, and that they can be put back to. Pure.
//!
//! The settings are the three files that the server reads (config.json, graph.pbtxt, embedserve.json)
//! in an immutable ConfigMap that is named after their hash. A change of settings is therefore another
//! ConfigMap and a rollout, and the pods of the old release keep what they have.

use std::collections::BTreeMap;

use crds::spec::{CacheMode, Pooling as Wanted};
use model_repository::Pooling;
use model_repository::facts::SourceFacts;
use model_repository::job_report::SourceReport;
use model_repository::resolve::{PullOptions, ResolveError, files_to_write};
use model_repository::settings::{DeviceFallback, Settings as ServerSettings};
use serde_json::json;

use crate::names;
use crate::validate::{ValidatedModel, ValidatedSource};

/// Where the volume with the files is mounted.
pub const MODELS: &str = "/models";
/// Where the ConfigMap is mounted.
pub const CONFIG: &str = "/config";

/// The texts of a release's ConfigMap, by file name.
pub type Texts = BTreeMap<String, String>;

/// The settings for a model whose files are known.
///
/// # Errors
/// Settings that contradict the model, such as more tokens than it has positions for.
pub fn texts(
    valid: &ValidatedModel,
    path: &str,
    report: &SourceReport,
) -> Result<Texts, ResolveError> {
    let model = &valid.model;
    let spec = &model.spec;
    let limits = model.request_limits();
    let options = PullOptions {
        pooling: match spec.pooling {
            Wanted::Auto => None,
            Wanted::Cls => Some(Pooling::Cls),
            Wanted::Mean => Some(Pooling::Mean),
            Wanted::LastToken => Some(Pooling::Last),
        },
        normalize: normalizes(valid, report),
        truncate: spec.truncate.or(report.facts.truncate).unwrap_or(false),
        target_device: Some(spec.device.target.as_str().to_owned()),
        plugin_config: spec.device.properties(),
        settings: ServerSettings {
            matryoshka: model.matryoshka(),
            max_input_tokens: limits.max_input_tokens,
            max_batch_inputs: limits.max_batch_inputs,
            max_concurrent_requests: limits.max_concurrent_requests,
            device_fallback: spec.device.may_fall_back_to_cpu().then_some(DeviceFallback::Cpu),
            ..ServerSettings::default()
        },
        ..PullOptions::default()
    };
    let files = files_to_write(&options, &SourceFacts::from(&report.facts))?;
    let entry = json!({
        "name": valid.served_name,
        "base_path": path,
        "graph_path": format!("{CONFIG}/graph.pbtxt"),
    });
    let config = json!({"model_config_list": [{"config": entry}]});
    let config = serde_json::to_string_pretty(&config).expect("plain JSON");
    let mut texts: Texts = [
        ("config.json".to_owned(), format!("{config}\n")),
        ("graph.pbtxt".to_owned(), without_version(&files.graph_pbtxt)),
    ]
    .into();
    texts.extend(files.embedserve_json.map(|text| ("embedserve.json".to_owned(), text)));
    Ok(texts)
}

/// Whether vectors are scaled to length 1: as the specification says, or else the folder.
pub fn normalizes(valid: &ValidatedModel, report: &SourceReport) -> bool {
    valid.model.spec.normalize.or(report.facts.normalize).unwrap_or(true)
}

/// The text without the comment that names the program's version: it would make a new release, and restart
/// all pods, of every upgrade.
fn without_version(graph: &str) -> String {
    let is_kept = |line: &&str| !line.starts_with("# File created with:");
    graph.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

/// The name of the ConfigMap: equal exactly for equal texts and files.
pub fn config_map_name(valid: &ValidatedModel, key: &str, texts: &Texts) -> String {
    names::release(&valid.name, &names::hash(&(key, texts)))
}

/// The last part of a release's ConfigMap's name, which pods carry as a label.
pub fn label(config_map: &str) -> &str {
    config_map.rsplit_once('-').map_or(config_map, |(_, hash)| hash)
}

/// The model's folder in the pods.
pub fn path(valid: &ValidatedModel, key: &str) -> String {
    match &valid.source {
        ValidatedSource::Volume { path, .. } if path.is_empty() => MODELS.to_owned(),
        ValidatedSource::Volume { path, .. } => format!("{MODELS}/{path}"),
        ValidatedSource::Hub(_) => format!("{MODELS}/{key}"),
    }
}

/// The claim with the files; `None` where each pod pulls them to its own disk.
pub fn claim_name(valid: &ValidatedModel, key: &str) -> Option<String> {
    if let ValidatedSource::Volume { claim, .. } = &valid.source {
        return Some(claim.clone());
    }
    let cache = &valid.model.spec.cache;
    match cache.mode {
        CacheMode::Ephemeral => None,
        CacheMode::PersistentVolumeClaim => {
            let given = cache.persistent_volume_claim.as_ref().and_then(|it| it.claim_name.clone());
            Some(given.unwrap_or_else(|| names::cache(key)))
        }
    }
}

/// Whether the operator makes and deletes the volume with the files.
pub fn owns_volume(valid: &ValidatedModel) -> bool {
    let cache = &valid.model.spec.cache;
    matches!(valid.source, ValidatedSource::Hub(_))
        && cache.mode == CacheMode::PersistentVolumeClaim
        && cache.persistent_volume_claim.as_ref().is_none_or(|it| it.claim_name.is_none())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use model_repository::config::Config;
    use model_repository::graph::Graph;
    use model_repository::job_report::ModelFacts;

    use super::*;
    use crate::testing;
    use crate::validate::validate;

    fn valid(spec: &str) -> ValidatedModel {
        let spec = format!("{{source: {{huggingFace: {{repo: a/b}}}}{spec}}}");
        validate(Arc::new(testing::model("small", &spec)), &[], &testing::settings())
            .expect("valid")
    }

    fn report() -> SourceReport {
        let facts = ModelFacts {
            hidden_size: Some(384),
            usable_tokens: Some(512),
            pooling: Some("MEAN".to_owned()),
            ..ModelFacts::default()
        };
        SourceReport { facts, ..SourceReport::default() }
    }

    #[test]
    fn the_settings_name_pooling_and_device_and_are_what_the_server_reads() {
        let valid =
            valid(", servedName: org/small, limits: {maxBatchInputs: 8}, device: {numStreams: 2}");
        let path = path(&valid, "0123456789ab");
        let texts = texts(&valid, &path, &report()).expect("they agree");
        let config = Config::parse_with(&texts["config.json"], Path::new("/"), &|_| true)
            .expect("it is read");
        let entry = &config.servables[0];
        assert_eq!(entry.name, "org/small");
        assert_eq!(entry.base_path, Path::new("/models/0123456789ab"));
        assert_eq!(entry.graph_path, Path::new("/config/graph.pbtxt"));
        let graph = Graph::parse(&texts["graph.pbtxt"]).expect("it is read").options;
        assert_eq!(graph.pooling, Some(Pooling::Mean));
        assert_eq!(graph.target_device.as_deref(), Some("CPU"));
        assert_eq!(graph.plugin_config.get("NUM_STREAMS").map(String::as_str), Some("2"));
        let settings = ServerSettings::parse(&texts["embedserve.json"]).expect("it is read");
        assert_eq!(settings.max_batch_inputs, Some(8));
    }

    #[test]
    fn what_the_specification_leaves_open_is_as_the_folder_says() {
        let options = |spec: &str, normalize, truncate| {
            let mut report = report();
            (report.facts.normalize, report.facts.truncate) = (normalize, truncate);
            let texts = texts(&valid(spec), "/models/x", &report).expect("they agree");
            let options = Graph::parse(&texts["graph.pbtxt"]).expect("it is read").options;
            (options.normalize_embeddings, options.truncate)
        };
        assert_eq!(options("", None, None), (true, false));
        assert_eq!(options("", Some(false), Some(true)), (false, true));
        let given = ", normalize: true, truncate: false";
        assert_eq!(options(given, Some(false), Some(true)), (true, false));
    }

    /// If the version were in them, every upgrade of the operator would restart every pod.
    #[test]
    fn the_settings_do_not_say_which_version_wrote_them() {
        let valid = valid(", limits: {maxBatchInputs: 8}");
        let texts = texts(&valid, "/models/x", &report()).expect("they agree");
        assert_eq!(texts.len(), 3);
        for (file, text) in texts {
            assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{file}: {text}");
        }
    }

    #[test]
    fn settings_that_contradict_the_model_are_refused() {
        let valid = valid(", limits: {maxInputTokens: 1024}");
        assert!(texts(&valid, "/models/x", &report()).is_err());
    }

    #[test]
    fn the_name_changes_with_the_texts_and_with_the_files_and_with_nothing_else() {
        let one = valid("");
        let texts_of =
            |valid: &ValidatedModel| texts(valid, "/models/x", &report()).expect("they agree");
        let name = config_map_name(&one, "key", &texts_of(&one));
        let scaled = valid(", replicas: 3, scheduling: {nodeSelector: {a: b}}");
        assert_eq!(config_map_name(&scaled, "key", &texts_of(&scaled)), name);
        let other = valid(", truncate: true");
        assert_ne!(config_map_name(&other, "key", &texts_of(&other)), name);
        assert_ne!(config_map_name(&one, "other", &texts_of(&one)), name);
        assert_eq!(format!("small-{}", label(&name)), name);
    }

    #[test]
    fn the_place_of_the_files_follows_the_kind_of_cache() {
        let place =
            |valid: &ValidatedModel| (claim_name(valid, "k"), owns_volume(valid), path(valid, "k"));
        let expected = |claim: Option<&str>, owned, path: &str| {
            (claim.map(str::to_owned), owned, path.to_owned())
        };
        assert_eq!(place(&valid("")), expected(Some("emb-k"), true, "/models/k"));
        assert_eq!(place(&valid(", cache: {mode: Ephemeral}")), expected(None, false, "/models/k"));
        let named = valid(", cache: {persistentVolumeClaim: {claimName: shared}}");
        assert_eq!(place(&named), expected(Some("shared"), false, "/models/k"));
        let model = testing::model(
            "small",
            "{source: {persistentVolumeClaim: {claimName: mine, path: x/y}}}",
        );
        let volume = validate(Arc::new(model), &[], &testing::settings()).expect("valid");
        assert_eq!(place(&volume), expected(Some("mine"), false, "/models/x/y"));
    }
}
