//! The one table from what went wrong to the reason in a condition. Pure.
//!
//! An error is a chain; the first link that a table knows decides. A full disk is looked for first:
//! it can be the end of any chain.

use std::io::ErrorKind;

use crds::conditions::Reason;
use engine::TokenizerError as TextTokenizerError;
use model_export::ExportError;
use model_export::tokenizer::TokenizerError;
use model_export::weights::WeightsError;
use model_hub::{HubError, SelectError};
use model_repository::facts::FactsError;
use model_repository::job_report::FailureReport;
use model_repository::resolve::ResolveError;

use super::pull_error::PullError;

/// What a Job says about `error`.
pub(super) fn failure(error: &anyhow::Error) -> FailureReport {
    let reason = if is_disk_full(error) {
        Reason::InsufficientStorage
    } else {
        error.chain().find_map(reason_of).unwrap_or(Reason::PullFailed)
    };
    FailureReport {
        reason: reason.as_str().to_owned(),
        message: format!("{error:#}"),
        http_status: error.chain().find_map(|link| link.downcast_ref::<HubError>()?.http_status()),
    }
}

fn is_disk_full(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|link| link.downcast_ref::<std::io::Error>())
        .any(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

fn reason_of(link: &(dyn std::error::Error + 'static)) -> Option<Reason> {
    None.or_else(|| link.downcast_ref().map(of_pull))
        .or_else(|| link.downcast_ref().map(of_hub))
        .or_else(|| link.downcast_ref().map(of_selection))
        .or_else(|| link.downcast_ref().map(of_export))
        .or_else(|| link.downcast_ref().map(of_tokenizer_files))
        .or_else(|| link.downcast_ref().map(of_tokenizer))
        .or_else(|| link.downcast_ref().map(of_settings))
        .or_else(|| link.downcast_ref().map(of_facts))
}

fn of_pull(error: &PullError) -> Reason {
    match error {
        PullError::NothingToConvert { .. }
        | PullError::ConversionOff { .. }
        | PullError::OnlyOpenVinoTokenizer { .. } => Reason::UnsupportedModel,
        PullError::OtherHash { .. } => Reason::HashMismatch,
        PullError::DemandedAbsent { .. } => Reason::FileNotFound,
        PullError::Foreign { .. } | PullError::NotOurs { .. } | PullError::Interrupted => {
            Reason::PullFailed
        }
    }
}

fn of_hub(error: &HubError) -> Reason {
    match error {
        HubError::Unauthorized { .. } | HubError::Gated { .. } | HubError::Token => {
            Reason::AuthenticationRequired
        }
        HubError::Forbidden { .. } => Reason::AccessDenied,
        HubError::PrivateOrAbsentRepo { .. } => Reason::RepositoryNotFound,
        HubError::RevisionNotFound { .. } => Reason::RevisionNotFound,
        HubError::EntryNotFound { .. } => Reason::FileNotFound,
        HubError::NoSpace { .. } => Reason::InsufficientStorage,
        HubError::HashMismatch { .. } | HubError::SizeMismatch { .. } => Reason::HashMismatch,
        HubError::Tls { .. } | HubError::CaBundle { .. } => Reason::CertificateInvalid,
        HubError::Unreachable { .. } | HubError::Interrupted { .. } => Reason::HubUnreachable,
        HubError::RateLimited { .. } => Reason::RateLimited,
        HubError::ServerError { .. } | HubError::Redirect { .. } | HubError::Protocol { .. } => {
            Reason::HubError
        }
        HubError::Listing { .. } | HubError::LinkOutside { .. } => Reason::UnsupportedModel,
        // A folder source that is not there: the path in the specification is wrong.
        HubError::NotAFolder { .. } => Reason::FileNotFound,
        HubError::Endpoint(_)
        | HubError::Client { .. }
        | HubError::LockTimeout { .. }
        | HubError::TargetPlace { .. }
        | HubError::Io { .. } => Reason::PullFailed,
    }
}

fn of_selection(error: &SelectError) -> Reason {
    match error {
        SelectError::PickleOnly { .. }
        | SelectError::NoWeights { .. }
        | SelectError::MissingParts { .. }
        | SelectError::Missing { .. } => Reason::UnsupportedModel,
        SelectError::Reserved { .. } | SelectError::Pattern { .. } => Reason::InvalidSpec,
    }
}

fn of_export(error: &ExportError) -> Reason {
    match error {
        ExportError::UnsupportedArchitecture { .. }
        | ExportError::UnsupportedSetting { .. }
        | ExportError::Weights(
            WeightsError::Find { .. }
            | WeightsError::OtherFormat { .. }
            | WeightsError::Type { .. },
        ) => Reason::UnsupportedModel,
        ExportError::ReadConfig { .. }
        | ExportError::ParseConfig { .. }
        | ExportError::ReadModules { .. }
        | ExportError::ConfigValue { .. }
        | ExportError::Weights(_)
        | ExportError::Graph(_)
        | ExportError::WriteConstants { .. }
        | ExportError::WriteStructure { .. }
        | ExportError::Publish(_) => Reason::ConversionFailed,
    }
}

fn of_tokenizer_files(error: &TokenizerError) -> Reason {
    match error {
        TokenizerError::Read { .. } => Reason::PullFailed,
        TokenizerError::TooLarge { .. }
        | TokenizerError::ParseJson { .. }
        | TokenizerError::ParseSentencePiece { .. }
        | TokenizerError::Content { .. }
        | TokenizerError::NoVocabulary
        | TokenizerError::MissingFile { .. }
        | TokenizerError::UnknownClass { .. } => Reason::UnsupportedModel,
    }
}

fn of_tokenizer(error: &TextTokenizerError) -> Reason {
    match error {
        TextTokenizerError::Read(_)
        | TextTokenizerError::Encode(_)
        | TextTokenizerError::Panic { .. } => Reason::UnsupportedModel,
    }
}

/// What is asked for against what the model is.
fn of_settings(error: &ResolveError) -> Reason {
    match error {
        ResolveError::MaxInputTokens { .. }
        | ResolveError::ZeroLimit { .. }
        | ResolveError::Matryoshka { .. }
        | ResolveError::Device { .. }
        | ResolveError::PluginConfigConflict { .. } => Reason::InvalidSpec,
        ResolveError::UnsupportedPooling { .. }
        | ResolveError::Facts { .. }
        | ResolveError::NotExported { .. }
        | ResolveError::NoModel { .. }
        | ResolveError::NoWeights { .. }
        | ResolveError::NoTokenizer { .. } => Reason::UnsupportedModel,
        ResolveError::NoFolder { .. }
        | ResolveError::NoGraph { .. }
        | ResolveError::ReadGraph(_)
        | ResolveError::Graph { .. }
        | ResolveError::Settings(_)
        | ResolveError::Look { .. } => Reason::PullFailed,
    }
}

fn of_facts(error: &FactsError) -> Reason {
    match error {
        FactsError::Read { .. } => Reason::PullFailed,
        FactsError::NotJson { .. }
        | FactsError::WrongType { .. }
        | FactsError::ImpossibleValue { .. } => Reason::UnsupportedModel,
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
