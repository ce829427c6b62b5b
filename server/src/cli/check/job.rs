//! Checks of what Jobs add to pull and resolve, and of `remove` and `render-group`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::server::{self, DEFAULT_ADDRESS};
use super::value::{bind_addresses, choice, path, port, shown, text};
use crate::cli::UsageError;
use crate::cli::arguments::{
    RemoveArguments, RenderGroupArguments, ReportArguments, WishArguments,
};
use crate::cli::options::{Conversion, FileWishes, Invocation, Management, RemoveOptions};

pub(crate) fn remove(arguments: RemoveArguments) -> Result<Invocation, UsageError> {
    let Some(folder) = path("the folder", arguments.folder)? else {
        return Err(
            UsageError::new("remove needs a folder").with_hint("embedserve remove models/org/name")
        );
    };
    let model_repository_path = path("model_repository_path", arguments.model_repository_path)?;
    let has_name = matches!(folder.components().next_back(), Some(Component::Normal(_)));
    let is_below = |repository: &Path| folder.strip_prefix(repository).is_ok_and(|name| name != "");
    if !has_name {
        return Err(UsageError::new(format!(
            "{} is not the folder of a model",
            shown(&folder.to_string_lossy())
        )));
    }
    if model_repository_path.as_deref().is_some_and(|repository| !is_below(repository)) {
        return Err(UsageError::of(
            "model_repository_path",
            format!("{} is not below model_repository_path", shown(&folder.to_string_lossy())),
        ));
    }
    Ok(Invocation::Remove(Box::new(RemoveOptions {
        folder,
        model_repository_path,
        termination_message_path: report(arguments.report)?,
        log: server::log(arguments.log)?,
    })))
}

pub(crate) fn render_group(arguments: RenderGroupArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::RenderGroup { termination_message_path: report(arguments.report)? })
}

/// The file that gets the outcome.
pub(super) fn report(arguments: ReportArguments) -> Result<Option<PathBuf>, UsageError> {
    path("termination_message_path", arguments.termination_message_path)
}

/// Where a pull can be watched; 0 is a free port.
pub(super) fn management(
    given: Option<&str>,
    address: Option<String>,
) -> Result<Option<Management>, UsageError> {
    let address = address.as_deref().unwrap_or(DEFAULT_ADDRESS);
    let bind_address = bind_addresses("management_bind_address", address)?;
    Ok(port("management_port", given)?.map(|port| Management { port, bind_address }))
}

/// Which files are wanted, and when weights are converted if that is said.
pub(super) fn wishes(
    arguments: WishArguments,
) -> Result<(FileWishes, Option<Conversion>), UsageError> {
    let modes = [("if_needed", Conversion::IfNeeded), ("never", Conversion::Never)];
    let conversion = choice("conversion", arguments.conversion.as_deref(), &modes)?;
    let wishes = FileWishes {
        include: patterns("include", arguments.include)?,
        exclude: patterns("exclude", arguments.exclude)?,
        sha256: hashes(arguments.sha256)?,
    };
    Ok((wishes, conversion))
}

/// Patterns, given by repeating or between commas. A comma in braces or brackets is the pattern's.
fn patterns(option: &'static str, given: Vec<String>) -> Result<Vec<String>, UsageError> {
    let mut patterns = Vec::new();
    for one in given {
        let mut depth = 0_usize;
        let parts = one.split(|letter| {
            match letter {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == ',' && depth == 0
        });
        for part in parts {
            patterns.extend(text(option, Some(part.trim().to_owned()))?);
        }
    }
    Ok(patterns)
}

/// `PATH=HEX`, given by repeating or between commas.
fn hashes(given: Vec<String>) -> Result<BTreeMap<String, String>, UsageError> {
    let mut hashes = BTreeMap::new();
    for one in given.iter().flat_map(|list| list.split(',')) {
        let wrong = |what: &str| {
            UsageError::of("sha256", format!("sha256: {} {what}", shown(one)))
                .with_hint("write PATH=HEX, for example model.safetensors=<64 hexadecimal digits>")
        };
        let Some((path, hex)) = one.trim().rsplit_once('=') else {
            return Err(wrong("has no ="));
        };
        if path.is_empty() {
            return Err(wrong("names no file"));
        }
        if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong("does not end with 64 hexadecimal digits"));
        }
        let hex = hex.to_ascii_lowercase();
        let earlier = hashes.insert(path.to_owned(), hex.clone());
        if earlier.is_some_and(|earlier| earlier != hex) {
            return Err(wrong("contradicts another hash of the same file"));
        }
    }
    Ok(hashes)
}
