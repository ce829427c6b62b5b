//! Checks of `serve`, `run` and of what OVMS's form serves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Context;
use super::model::{given, model, task};
use super::pull::{PullParts, hub, pull_options, repository_path};
use super::server::{Form, log, server};
use super::value::{boolean, number, path, text};
use crate::cli::UsageError;
use crate::cli::arguments::{ModelArguments, RunArguments, ServeArguments, UnusedArguments};
use crate::cli::options::{Invocation, RunOptions, ServeOptions, ServedModels};

pub(crate) fn serve(
    arguments: ServeArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    serve_form(arguments, Form::Subcommand, context)
}

pub(super) fn serve_form(
    mut arguments: ServeArguments,
    form: Form,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    task(arguments.served.task.as_deref())?;
    let config_path = config_to_serve(&mut arguments, form, context)?;
    warn_of_unused(&arguments.unused, context);
    let poll = poll(&arguments)?;
    let server = server(
        arguments.listen,
        arguments.http,
        arguments.engine,
        arguments.cache.clone(),
        form,
        context,
    )?;
    let log = log(arguments.log.clone())?;
    let name = text("model_name", arguments.served.model_name)?;
    let models = match (config_path, arguments.served.model_path, name) {
        (Some(path), _, _) => {
            ServedModels::ConfigFile { path, poll, limits: model(arguments.model)?.limits }
        }
        (None, Some(model_path), Some(name)) => ServedModels::Folder {
            name,
            path: local_path(model_path)?,
            overrides: model(arguments.model)?,
        },
        (None, _, name) => ServedModels::Pull(Box::new(pull_options(
            PullParts {
                source: arguments.source,
                hub: arguments.hub,
                repository: arguments.repository,
                model_name: name,
                conversion: arguments.conversion,
                when: None,
                model: arguments.model,
                cache: arguments.cache,
                log: arguments.log,
            },
            context,
        )?)),
    };
    Ok(Invocation::Serve(Box::new(ServeOptions { models, server, log })))
}

/// Exactly one of a config file, a folder with a name, and a source to pull. Answers the first.
fn config_to_serve(
    arguments: &mut ServeArguments,
    form: Form,
    context: &mut Context<'_>,
) -> Result<Option<PathBuf>, UsageError> {
    let served = &arguments.served;
    let has_source = arguments.source.source_model.is_some();
    let has_folder = served.model_name.is_some() || served.model_path.is_some();
    if let Some(config) = path("config_path", served.config_path.clone())? {
        if has_folder || has_source {
            return Err(UsageError::new("Use either config_path or model_path with model_name"));
        }
        warn_of_pull_options(arguments, context);
        refuse_model_options(&mut arguments.model, &arguments.unused, context)?;
        return Ok(Some(config));
    }
    if has_source {
        if served.model_path.is_some() {
            return Err(UsageError::new("source_model cannot be used with model_path"));
        }
        if form == Form::Ovms && arguments.repository.model_repository_path.is_none() {
            return Err(UsageError::new(
                "model_repository_path parameter is required for pull mode",
            ));
        }
        return Ok(None);
    }
    warn_of_pull_options(arguments, context);
    if served.model_name.is_some() && served.model_path.is_some() {
        return Ok(None);
    }
    let repository = arguments.repository.model_repository_path.clone();
    let may_default = form == Form::Subcommand
        || repository.is_some() && context.is_from_environment("model_repository_path");
    if has_folder || !may_default {
        return Err(UsageError::new("Use config_path or model_path with model_name"));
    }
    refuse_model_options(&mut arguments.model, &arguments.unused, context)?;
    Ok(Some(repository_path(repository)?.join("config.json")))
}

/// A config file says itself how its models are served.
fn refuse_model_options(
    arguments: &mut ModelArguments,
    unused: &UnusedArguments,
    context: &mut Context<'_>,
) -> Result<(), UsageError> {
    let why = "the config file says how models are served";
    context.drop_variable("pooling", &mut arguments.pooling, why);
    context.drop_variable("normalize", &mut arguments.normalize, why);
    context.drop_variable("truncate", &mut arguments.truncate, why);
    context.drop_variable("num_streams", &mut arguments.num_streams, why);
    context.drop_variable("target_device", &mut arguments.target_device, why);
    context.drop_variable("plugin_config", &mut arguments.plugin_config, why);
    context.drop_variable("matryoshka", &mut arguments.matryoshka, why);
    let mut names = given(arguments);
    names.retain(|name| *name != "target_device" || arguments.target_device.as_deref() != Some(""));
    names.extend(unused.given().into_iter().filter(|name| {
        ["batch_size", "shape", "nireq", "model_version_policy"].contains(name)
            && !context.is_from_environment(name)
    }));
    if names.is_empty() {
        return Ok(());
    }
    Err(UsageError::new("Model parameters in CLI are exclusive with the config file")
        .with_hint(format!("given: {}", names.join(", "))))
}

fn warn_of_pull_options(arguments: &ServeArguments, context: &mut Context<'_>) {
    for (name, value) in [
        ("revision", &arguments.source.revision),
        ("overwrite_models", &arguments.repository.overwrite_models),
        ("weight_format", &arguments.conversion.weight_format),
        ("extra_quantization_params", &arguments.conversion.extra_quantization_params),
    ] {
        if value.is_some() && !context.is_from_environment(name) {
            context.warn(format!("--{name} has no effect without --source_model"));
        }
    }
}

pub(super) fn warn_of_unused(arguments: &UnusedArguments, context: &mut Context<'_>) {
    for name in arguments.given() {
        context.warn(format!("--{name} has no effect on embeddings"));
    }
}

fn poll(arguments: &ServeArguments) -> Result<Option<Duration>, UsageError> {
    let seconds = number(
        "file_system_poll_wait_seconds",
        arguments.served.file_system_poll_wait_seconds.as_deref(),
        0..=u64::from(u32::MAX),
    )?
    .unwrap_or(1);
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

/// The folder of a model; OVMS also reads object stores.
fn local_path(given: PathBuf) -> Result<PathBuf, UsageError> {
    let schemes = ["s3:", "gs:", "azure:", "az:", "azfs:"];
    let is_remote = |path: &Path| {
        let first = path.components().next().map(|part| part.as_os_str().to_owned());
        first.is_some_and(|first| schemes.iter().any(|scheme| first == *scheme))
    };
    match path("model_path", Some(given))? {
        Some(path) if is_remote(&path) => Err(UsageError::of(
            "model_path",
            "model_path: models are served from local folders only",
        )
        .with_hint("mount or download the model first")),
        path => Ok(path.unwrap_or_default()),
    }
}

pub(crate) fn run(
    arguments: RunArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let Some(manifest) = path("the manifest", arguments.manifest)? else {
        return Err(UsageError::new("run needs a manifest").with_hint("embedserve run model.yaml"));
    };
    Ok(Invocation::Run(Box::new(RunOptions {
        manifest,
        hub: hub(arguments.hub, context)?,
        model_repository_path: repository_path(arguments.repository.model_repository_path)?,
        overwrite_models: boolean(
            "overwrite_models",
            arguments.repository.overwrite_models.as_deref(),
            false,
        )?,
        server: server(
            arguments.listen,
            arguments.http,
            arguments.engine,
            arguments.cache,
            Form::Subcommand,
            context,
        )?,
        log: log(arguments.log)?,
    })))
}
