//! Checks of `pull`, `resolve` and `list`.

use std::path::{Component, Path, PathBuf};

use model_hub::Source;

use super::model::{conversion, model, set_twice, task};
use super::value::{boolean, path, shown, text};
use super::{Context, job, server};
use crate::cli::UsageError;
use crate::cli::arguments::{
    CacheArguments, ConversionArguments, HubArguments, ListArguments, LogArguments, ModelArguments,
    PullArguments, PullJobArguments, RepositoryArguments, SourceArguments,
};
use crate::cli::options::{
    Conversion, EarlierSettings, FileWishes, HubAccess, Invocation, ListOptions, ModelOptions,
    PullJob, PullOptions, ResolveOptions,
};

/// Where models are if nobody says.
pub(super) const DEFAULT_REPOSITORY: &str = "models";

/// What every way to pull has in common.
pub(super) struct PullParts {
    pub(super) source: SourceArguments,
    pub(super) hub: HubArguments,
    pub(super) repository: RepositoryArguments,
    pub(super) model_name: Option<String>,
    pub(super) conversion: ConversionArguments,
    /// When to convert, if that is said apart from the weight format.
    pub(super) when: Option<Conversion>,
    pub(super) model: ModelArguments,
    pub(super) cache: CacheArguments,
    pub(super) log: LogArguments,
}

pub(crate) fn resolve(
    mut arguments: PullArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let termination_message_path = job::report(std::mem::take(&mut arguments.report))?;
    let pull = pull_command(arguments, "resolve", context)?;
    Ok(Invocation::Resolve(Box::new(ResolveOptions { pull, termination_message_path })))
}

pub(crate) fn pull(
    arguments: PullJobArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let PullJobArguments { pull: mut arguments, management_port, management_bind_address } =
        arguments;
    let termination_message_path = job::report(std::mem::take(&mut arguments.report))?;
    let management = job::management(management_port.as_deref(), management_bind_address)?;
    let pull = pull_command(arguments, "pull", context)?;
    Ok(Invocation::Pull(Box::new(PullJob { pull, management, termination_message_path })))
}

pub(crate) fn list(arguments: ListArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::List(ListOptions {
        model_repository_path: repository_path(arguments.model_repository_path)?,
    }))
}

fn pull_command(
    arguments: PullArguments,
    command: &str,
    context: &mut Context<'_>,
) -> Result<PullOptions, UsageError> {
    task(arguments.task.as_deref())?;
    let mut source = arguments.source;
    if let Some(positional) = arguments.positional {
        if source.source_model.is_some() && !context.is_from_environment("source_model") {
            return Err(UsageError::new("the source is given twice")
                .with_hint("give either the word after the command or --source_model"));
        }
        source.source_model = Some(positional);
    }
    if source.source_model.is_none() {
        return Err(UsageError::new("source_model parameter is required for pull mode")
            .with_hint(format!("embedserve {command} org/name")));
    }
    let output_dir = path("output_dir", arguments.output_dir)?;
    let config_path = path("config_path", arguments.config_path)?;
    let add_to_config = boolean("add_to_config", arguments.add_to_config.as_deref(), false)?;
    if config_path.is_some() && !add_to_config && !context.is_from_environment("config_path") {
        return Err(UsageError::of("config_path", "config_path needs add_to_config here"));
    }
    let (wishes, when) = job::wishes(arguments.wishes)?;
    let mut pull = pull_options(
        PullParts {
            source,
            hub: arguments.hub,
            repository: arguments.repository,
            model_name: arguments.model_name,
            conversion: arguments.conversion,
            when,
            model: arguments.model,
            cache: arguments.cache,
            log: arguments.log,
        },
        context,
    )?;
    pull.wishes = wishes;
    pull.output_dir = output_dir;
    pull.add_to_config = add_to_config
        .then(|| config_path.unwrap_or_else(|| pull.model_repository_path.join("config.json")));
    Ok(pull)
}

/// Checks a pull whose source is given.
pub(super) fn pull_options(
    parts: PullParts,
    context: &mut Context<'_>,
) -> Result<PullOptions, UsageError> {
    let source = source(parts.source, context)?;
    let model_name = match text("model_name", parts.model_name)? {
        Some(name) => name,
        None => default_name(&source)?,
    };
    if let Source::Folder(_) = source {
        refuse_name_outside_repository(&model_name)?;
    }
    let mut conversion_arguments = parts.conversion;
    if parts.when.is_none() {
        refuse_conversion_of_openvino_models(&source, &mut conversion_arguments, context)?;
    }
    let (weight_format, extra_quantization_params) = conversion(conversion_arguments)?;
    let is_asked = [
        ("weight_format", weight_format.is_some()),
        ("extra_quantization_params", extra_quantization_params.is_some()),
    ]
    .iter()
    .any(|(name, is_given)| *is_given && !context.is_from_environment(name));
    if parts.when == Some(Conversion::Never) && is_asked {
        context.warn("--weight-format has no effect with --conversion never");
    }
    let model = model(parts.model)?;
    let cache_dir = path("cache_dir", parts.cache.cache_dir)?;
    refuse_second_cache_dir("cache_dir", cache_dir.as_deref(), &model)?;
    Ok(PullOptions {
        model_name,
        hub: hub(parts.hub, context)?,
        model_repository_path: repository_path(parts.repository.model_repository_path)?,
        output_dir: None,
        model,
        cache_dir,
        weight_format,
        conversion: parts.when.unwrap_or(if is_asked {
            Conversion::Asked
        } else {
            Conversion::IfNeeded
        }),
        wishes: FileWishes::default(),
        earlier_settings: EarlierSettings::Keep,
        extra_quantization_params,
        overwrite_models: boolean(
            "overwrite_models",
            parts.repository.overwrite_models.as_deref(),
            false,
        )?,
        add_to_config: None,
        log: server::log(parts.log)?,
        source,
    })
}

pub(super) fn refuse_second_cache_dir(
    option: &'static str,
    cache_dir: Option<&Path>,
    model: &ModelOptions,
) -> Result<(), UsageError> {
    if cache_dir.is_some() && model.plugin_config.contains_key("CACHE_DIR") {
        return Err(set_twice(option, "CACHE_DIR"));
    }
    Ok(())
}

/// Refuses a name that would lead out of the repository if it becomes a folder in it.
pub(super) fn refuse_name_outside_repository(name: &str) -> Result<(), UsageError> {
    let is_inside = |part| matches!(part, Component::Normal(_));
    if Path::new(name).components().all(is_inside) {
        return Ok(());
    }
    Err(UsageError::of(
        "model_name",
        format!("model_name: {} cannot be a folder in the repository", shown(name)),
    ))
}

pub(super) fn repository_path(given: Option<PathBuf>) -> Result<PathBuf, UsageError> {
    Ok(path("model_repository_path", given)?.unwrap_or_else(|| DEFAULT_REPOSITORY.into()))
}

/// Models of the organisation OpenVINO are converted already; OVMS refuses to convert them too.
fn refuse_conversion_of_openvino_models(
    source: &Source,
    arguments: &mut ConversionArguments,
    context: &mut Context<'_>,
) -> Result<(), UsageError> {
    let Source::Hub { repo, .. } = source else {
        return Ok(());
    };
    if !repo.to_ascii_lowercase().starts_with("openvino/") {
        return Ok(());
    }
    let why = "the model is converted already";
    context.drop_variable("weight_format", &mut arguments.weight_format, why);
    context.drop_variable(
        "extra_quantization_params",
        &mut arguments.extra_quantization_params,
        why,
    );
    let given = [
        ("weight-format", &arguments.weight_format),
        ("extra_quantization_params", &arguments.extra_quantization_params),
    ];
    match given.into_iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => {
            Err(UsageError::new(format!("--{name} parameter unsupported for OpenVINO models.")))
        }
        None => Ok(()),
    }
}

/// The source with its revision, which may be part of it or an option of its own.
fn source(mut arguments: SourceArguments, context: &mut Context<'_>) -> Result<Source, UsageError> {
    let given = text("source_model", arguments.source_model)?.unwrap_or_default();
    let source = Source::parse(&given)
        .map_err(|error| UsageError::of("source_model", format!("source_model: {error}")))?;
    if !matches!(source, Source::Hub { revision: None, .. }) {
        let why = "the source says which revision it is";
        context.drop_variable("revision", &mut arguments.revision, why);
    }
    let Some(wanted) = text("revision", arguments.revision)? else {
        return Ok(source);
    };
    let Source::Hub { repo, revision } = &source else {
        return Err(UsageError::of("revision", "revision has no meaning for a local folder"));
    };
    if revision.as_ref().is_some_and(|inside| *inside != wanted) {
        return Err(UsageError::of(
            "revision",
            format!("{} and --revision {} differ", shown(&given), shown(&wanted)),
        ));
    }
    Source::parse(&format!("{repo}@{wanted}"))
        .map_err(|error| UsageError::of("revision", format!("revision: {error}")))
}

fn default_name(source: &Source) -> Result<String, UsageError> {
    match source {
        Source::Hub { repo, .. } => Ok(repo.clone()),
        Source::Folder(folder) => {
            folder.file_name().map(|name| name.to_string_lossy().into_owned()).ok_or_else(|| {
                UsageError::of("model_name", "this source folder has no name of its own")
                    .with_hint("add --model_name")
            })
        }
    }
}

/// Checks how to reach the hub.
pub(super) fn hub(arguments: HubArguments, context: &Context<'_>) -> Result<HubAccess, UsageError> {
    let endpoint = text("hf_endpoint", arguments.hf_endpoint)?
        .map(|address| endpoint("hf_endpoint", "https://huggingface.co", &address))
        .transpose()?;
    Ok(HubAccess {
        endpoint,
        token: context.secret("HF_TOKEN")?,
        ca_bundle: path("ca_bundle", arguments.ca_bundle)?,
    })
}

/// An address that paths can be appended to.
pub(super) fn endpoint(
    option: &'static str,
    example: &str,
    address: &str,
) -> Result<String, UsageError> {
    let is_usable = reqwest::Url::parse(address).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    // The address is not repeated: it may hold a password.
    is_usable.then(|| address.trim().trim_end_matches('/').to_owned()).ok_or_else(|| {
        UsageError::of(
            option,
            format!("{option} must be an address such as {example}, without user, password, query"),
        )
    })
}
