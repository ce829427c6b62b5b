//! Checks of `export`: a folder, or the options of OVMS's export_model.py.

use std::path::Path;

use super::model::{conversion, model};
use super::pull::{
    PullParts, pull_options, refuse_name_outside_repository, refuse_second_cache_dir,
};
use super::value::{boolean, path, text};
use super::{Context, server};
use crate::cli::UsageError;
use crate::cli::arguments::{
    CacheArguments, EmbeddingsOvArguments, ExportArguments, ExportForm, ModelArguments,
    RepositoryArguments, SourceArguments,
};
use crate::cli::options::{ExportOptions, FolderExport, Invocation, PullOptions};

/// Other forms of export_model.py.
const OTHER_FORMS: [&str; 8] = [
    "text_generation",
    "embeddings",
    "rerank",
    "rerank_ov",
    "image_generation",
    "text2speech",
    "speech2text",
    "vlm",
];

pub(crate) fn export(
    arguments: ExportArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let options = match arguments.form {
        Some(ExportForm::EmbeddingsOv(arguments)) => {
            ExportOptions::EmbeddingsOv(Box::new(embeddings_ov(*arguments, context)?))
        }
        None => ExportOptions::Folder(Box::new(folder(arguments)?)),
    };
    Ok(Invocation::Export(Box::new(options)))
}

fn folder(arguments: ExportArguments) -> Result<FolderExport, UsageError> {
    let Some(source_dir) = path("the folder", arguments.folder)? else {
        return Err(UsageError::new("export needs a folder")
            .with_hint("embedserve export ./folder, or embedserve export embeddings_ov --source_model org/name"));
    };
    if let Some(form) = OTHER_FORMS.iter().find(|form| Path::new(form) == source_dir) {
        return Err(UsageError::new(format!("export {form} is not supported"))
            .with_hint(format!("use embeddings_ov; a folder of that name is ./{form}")));
    }
    let (weight_format, extra_quantization_params) = conversion(arguments.conversion)?;
    let model = model(arguments.model)?;
    let cache_dir = path("cache_dir", arguments.cache.cache_dir)?;
    refuse_second_cache_dir("cache_dir", cache_dir.as_deref(), &model)?;
    Ok(FolderExport {
        source_dir,
        output_dir: path("output_dir", arguments.output_dir)?,
        model_name: text("model_name", arguments.model_name)?,
        model,
        cache_dir,
        weight_format,
        extra_quantization_params,
        overwrite_models: boolean(
            "overwrite_models",
            arguments.overwrite_models.as_deref(),
            false,
        )?,
        log: server::log(arguments.log)?,
    })
}

/// A pull with export_model.py's defaults: the model's folder is named like the model, and the
/// model joins a config file. Where that script assumes CLS pooling and one stream without a word
/// from the user, the model's own pooling and the machine's streams are taken here: right and fast
/// for models that the script gets wrong or slow.
fn embeddings_ov(
    arguments: EmbeddingsOvArguments,
    context: &mut Context<'_>,
) -> Result<PullOptions, UsageError> {
    if arguments.source_model.is_none() {
        return Err(UsageError::new("the following arguments are required: --source_model"));
    }
    let skip_normalize = boolean("skip_normalize", arguments.skip_normalize.as_deref(), false)?;
    let config_path = path("config_file_path", arguments.config_file_path)?
        .unwrap_or_else(|| "config.json".into());
    let cache_dir = path("ov_cache_dir", arguments.ov_cache_dir)?;
    let mut pull = pull_options(
        PullParts {
            source: SourceArguments {
                source_model: arguments.source_model,
                revision: arguments.revision,
            },
            hub: arguments.hub,
            repository: RepositoryArguments {
                model_repository_path: arguments.model_repository_path,
                overwrite_models: arguments.overwrite_models,
            },
            model_name: arguments.model_name,
            conversion: arguments.conversion,
            when: None,
            model: ModelArguments {
                pooling: arguments.pooling,
                normalize: Some((!skip_normalize).to_string()),
                truncate: Some(arguments.truncate.unwrap_or_else(|| "false".to_owned())),
                num_streams: arguments.num_streams,
                target_device: arguments.target_device,
                ..ModelArguments::default()
            },
            cache: CacheArguments { cache_dir },
            log: arguments.log,
        },
        context,
    )?;
    refuse_name_outside_repository(&pull.model_name)?;
    pull.output_dir = Some(pull.model_repository_path.join(&pull.model_name));
    pull.add_to_config = Some(config_path);
    Ok(pull)
}
