//! OVMS's form: which of its modes the flags mean, and the rules between modes.

use std::path::PathBuf;

use super::Context;
use super::model::{self, task};
use super::pull::{PullParts, pull_options};
use super::serve::{serve_form, warn_of_unused};
use super::server::Form;
use super::value::{boolean, path, text};
use crate::cli::UsageError;
use crate::cli::arguments::{ModelArguments, OvmsArguments, ServeArguments};
use crate::cli::options::{ConfigAdd, ConfigRemove, Invocation, ListOptions};

/// The modes that are asked for.
struct Modes {
    pull: bool,
    list: bool,
    add: bool,
    remove: bool,
}

pub(crate) fn ovms(
    arguments: OvmsArguments,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let OvmsArguments { mode, serve, refused } = arguments;
    let modes = Modes {
        pull: boolean("pull", mode.pull.as_deref(), false)?,
        list: boolean("list_models", mode.list_models.as_deref(), false)?,
        add: boolean("add_to_config", mode.add_to_config.as_deref(), false)?,
        remove: boolean("remove_from_config", mode.remove_from_config.as_deref(), false)?,
    };
    refuse_mixed_modes(&modes, serve.served.task.is_some(), &serve, context)?;
    if mode.version {
        return Ok(Invocation::Version);
    }
    if let Some(name) = refused.given().first() {
        return Err(UsageError::new(format!("--{name} is not supported")));
    }
    if modes.list {
        return list(serve);
    }
    if modes.add || modes.remove {
        return change_config(serve, modes.add, context);
    }
    task(serve.served.task.as_deref())?;
    if modes.pull {
        return pull(serve, context);
    }
    serve_form(serve, Form::Ovms, context)
}

fn refuse_mixed_modes(
    modes: &Modes,
    has_task: bool,
    serve: &ServeArguments,
    context: &Context<'_>,
) -> Result<(), UsageError> {
    let pulls = modes.pull
        || has_task && !context.is_from_environment("task")
        || serve.source.source_model.is_some() && !context.is_from_environment("source_model");
    let conflict = |flag: &str, other: &str| {
        Err(UsageError::new(format!(
            "error parsing options - --{flag} cannot be used with {other}"
        )))
    };
    let given = [
        ("list_models", modes.list),
        ("remove_from_config", modes.remove),
        ("add_to_config", modes.add),
    ];
    if let Some((flag, _)) = given.iter().find(|(_, given)| pulls && *given) {
        return conflict(flag, "--pull or --task");
    }
    let has_path = serve.served.model_path.is_some() && !context.is_from_environment("model_path");
    match modes {
        Modes { add: true, list: true, .. } => conflict("list_models", "--add_to_config"),
        Modes { remove: true, list: true, .. } => conflict("list_models", "--remove_from_config"),
        Modes { remove: true, .. } if has_path => conflict("model_path", "--remove_from_config"),
        Modes { add: true, remove: true, .. } => conflict("add_to_config", "--remove_from_config"),
        _ => Ok(()),
    }
}

fn list(serve: ServeArguments) -> Result<Invocation, UsageError> {
    match path("model_repository_path", serve.repository.model_repository_path)? {
        Some(model_repository_path) => Ok(Invocation::List(ListOptions { model_repository_path })),
        None => Err(UsageError::new("Use --list_models with --model_repository_path")),
    }
}

fn change_config(
    serve: ServeArguments,
    is_add: bool,
    context: &mut Context<'_>,
) -> Result<Invocation, UsageError> {
    let repository = path("model_repository_path", serve.repository.model_repository_path.clone())?;
    // OVMS_MODEL_REPOSITORY_PATH also says where the config file is.
    let default_config = repository
        .as_ref()
        .filter(|_| context.is_from_environment("model_repository_path"))
        .map(|repository| repository.join("config.json"));
    let Some(config_path) =
        path("config_path", serve.served.config_path.clone())?.or(default_config)
    else {
        return Err(UsageError::new("Set config_path with add_to_config/remove_from_config"));
    };
    let Some(model_name) = text("model_name", serve.served.model_name.clone())? else {
        return Err(UsageError::new(
            "Set model_name with add_to_config/remove_from_config",
        )
        .with_hint(
            "embedserve --add_to_config --config_path models/config.json --model_name NAME --model_path FOLDER",
        ));
    };
    if !is_add {
        refuse_parameters_of_removal(&serve, context)?;
        return Ok(Invocation::ConfigRemove(ConfigRemove { config_path, model_name }));
    }
    let Some(base_path) = base_path(&serve, repository, &model_name)? else {
        return Err(UsageError::new(
            "Set model_name either with model_path or model_repository_path with add_to_config",
        ));
    };
    let arguments = parameters_of_addition(serve.model, context)?;
    warn_of_unused(&serve.unused, context);
    let model = model::model(arguments)?;
    Ok(Invocation::ConfigAdd(ConfigAdd {
        config_path,
        model_name,
        base_path,
        target_device: model.target_device,
        plugin_config: model.plugin_config,
    }))
}

fn base_path(
    serve: &ServeArguments,
    repository: Option<PathBuf>,
    model_name: &str,
) -> Result<Option<PathBuf>, UsageError> {
    let given = path("model_path", serve.served.model_path.clone())?;
    // A name that begins with a slash is still a folder in the repository.
    let in_repository = || repository.map(|dir| dir.join(model_name.trim_start_matches('/')));
    Ok(given.or_else(in_repository))
}

/// What an entry can hold, and only if the command line says it: variables are about serving.
fn parameters_of_addition(
    arguments: ModelArguments,
    context: &Context<'_>,
) -> Result<ModelArguments, UsageError> {
    let given = |name: &str| !context.is_from_environment(name);
    let mut names = model::given(&arguments);
    names.retain(|name| given(name) && !["target_device", "plugin_config"].contains(name));
    if !names.is_empty() {
        return Err(UsageError::new(format!(
            "Adding models to the configuration file does not support parameters: {},",
            names.join(", ")
        )));
    }
    Ok(ModelArguments {
        target_device: arguments.target_device.filter(|_| given("target_device")),
        plugin_config: arguments.plugin_config.filter(|_| given("plugin_config")),
        ..ModelArguments::default()
    })
}

fn refuse_parameters_of_removal(
    serve: &ServeArguments,
    context: &Context<'_>,
) -> Result<(), UsageError> {
    let mut names = model::given(&serve.model);
    names.extend(serve.unused.given());
    names.retain(|name| !context.is_from_environment(name));
    if names.is_empty() {
        return Ok(());
    }
    Err(UsageError::new(format!(
        "Removing models from the configuration file allows passing only model_name parameter. Invalid parameters passed: {},",
        names.join(", ")
    )))
}

fn pull(serve: ServeArguments, context: &mut Context<'_>) -> Result<Invocation, UsageError> {
    if serve.served.task.is_none() {
        return Err(UsageError::new("error parsing options - --task parameter wasn't passed")
            .with_hint("add --task embeddings"));
    }
    let mut source = serve.source;
    // As OVMS: the name of the model is the source if nothing else is.
    if source.source_model.is_none() {
        source.source_model = serve.served.model_name.clone();
    }
    if source.source_model.is_none() {
        return Err(UsageError::new("source_model parameter is required for pull mode"));
    }
    if serve.repository.model_repository_path.is_none() {
        return Err(UsageError::new("model_repository_path parameter is required for pull mode"));
    }
    warn_of_unused(&serve.unused, context);
    for (name, is_given) in [
        ("config_path", serve.served.config_path.is_some()),
        ("model_path", serve.served.model_path.is_some()),
    ] {
        if is_given && !context.is_from_environment(name) {
            context.warn(format!("--{name} has no effect with --pull"));
        }
    }
    let pull = pull_options(
        PullParts {
            source,
            hub: serve.hub,
            repository: serve.repository,
            model_name: serve.served.model_name,
            conversion: serve.conversion,
            when: None,
            model: serve.model,
            cache: serve.cache,
            log: serve.log,
        },
        context,
    )?;
    Ok(Invocation::Pull(Box::new(pull.into())))
}
