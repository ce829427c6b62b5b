//! From a refusing HTTP answer to the error that names the remedy. Pure.
//!
//! The hub says why in `X-Error-Code` (`RepoNotFound`, `RevisionNotFound`, `EntryNotFound`, `GatedRepo`); mirrors often
//! leave it out, so the status has to do. Without a token the hub answers 401 for a repository that does not exist,
//! lest its answers tell which private ones do.

use std::time::Duration;

use crate::error::HubError;
use crate::options::{Endpoint, Secret};

/// The facts of an answer that is not a success.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// `X-Error-Code`.
    pub(crate) code: Option<String>,
    /// `X-Error-Message`.
    pub(crate) message: Option<String>,
    /// `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// The repository's facts at this revision.
    Repository {
        /// Branch, tag or commit.
        revision: &'a str,
    },
    /// One file.
    File {
        /// Commit.
        commit: &'a str,
        /// Path in the repository.
        path: &'a str,
    },
}

/// Who asked whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    /// The hub.
    pub(crate) endpoint: &'a Endpoint,
    /// The token that was sent.
    pub(crate) token: Option<&'a Secret>,
    /// The repository.
    pub(crate) repo: &'a str,
    /// What of it.
    pub(crate) asked: Asked<'a>,
}

/// Longest text of a server that is repeated to the user, in characters.
const LONGEST_MESSAGE: usize = 200;

impl Exchange<'_> {
    /// The error for `refusal`, answered by the hub itself.
    pub(crate) fn refused(&self, refusal: &Refusal) -> HubError {
        let repo = self.repo.to_owned();
        let endpoint = self.endpoint.to_string();
        let absent = || HubError::PrivateOrAbsentRepo {
            repo: self.repo.to_owned(),
            endpoint: self.endpoint.to_string(),
            with_token: self.token.is_some(),
            status: refusal.status,
        };
        match (refusal.status, refusal.code.as_deref()) {
            (401 | 403, Some("GatedRepo")) => {
                HubError::Gated { repo, endpoint, status: refusal.status }
            }
            (401 | 403 | 404, Some("RepoNotFound")) => absent(),
            (404, Some("RevisionNotFound")) => self.revision_not_found(),
            (401, _) if self.token.is_none() => absent(),
            (401, _) => HubError::Unauthorized { repo, endpoint, message: self.message(refusal) },
            (403, _) => HubError::Forbidden { repo, endpoint, message: self.message(refusal) },
            (404 | 410, _) => match self.asked {
                Asked::Repository { .. } => absent(),
                Asked::File { commit, path } => HubError::EntryNotFound {
                    repo,
                    commit: commit.to_owned(),
                    path: path.to_owned(),
                },
            },
            (300..=399, _) => HubError::Redirect {
                host: endpoint,
                reason: "the hub's own interface leads to another host",
            },
            (429, _) => HubError::RateLimited { endpoint, retry_after: refusal.retry_after },
            (408 | 425 | 500.., _) => HubError::ServerError {
                host: endpoint,
                status: refusal.status,
                what: self.what(),
                retry_after: refusal.retry_after,
            },
            (status, _) => HubError::Protocol {
                endpoint,
                what: format!("it answered {status} for {}", self.what()),
                status: Some(status),
            },
        }
    }

    /// The error for a revision that the repository does not have.
    pub(crate) fn revision_not_found(&self) -> HubError {
        let revision = match self.asked {
            Asked::Repository { revision } => revision,
            Asked::File { commit, .. } => commit,
        };
        HubError::RevisionNotFound {
            repo: self.repo.to_owned(),
            endpoint: self.endpoint.to_string(),
            revision: revision.to_owned(),
        }
    }

    /// The error for an answer that is not the protocol.
    pub(crate) fn protocol(&self, what: impl Into<String>) -> HubError {
        HubError::Protocol { endpoint: self.endpoint.to_string(), what: what.into(), status: None }
    }

    /// What was asked for, in words.
    pub(crate) fn what(&self) -> String {
        match self.asked {
            Asked::Repository { .. } => format!("the file list of {}", self.repo),
            Asked::File { path, .. } => path.to_owned(),
        }
    }

    fn message(&self, refusal: &Refusal) -> Option<String> {
        let message = refusal.message.as_deref()?;
        let message = match self.token {
            Some(token) => token.redact(message),
            None => message.to_owned(),
        };
        let message: String =
            message.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
        (!message.trim().is_empty()).then(|| message.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(
        status: u16,
        code: Option<&str>,
        token: Option<&Secret>,
        asked: Asked<'_>,
    ) -> &'static str {
        let endpoint = Endpoint::default();
        let refusal = Refusal { status, code: code.map(str::to_owned), ..Refusal::default() };
        Exchange { endpoint: &endpoint, token, repo: "org/name", asked }.refused(&refusal).kind()
    }

    #[test]
    fn status_code_word_token_and_question_decide_the_error() {
        let token = Secret::new("hf_x");
        let token = token.as_ref();
        let repository = Asked::Repository { revision: "main" };
        let file = Asked::File { commit: "c", path: "p" };
        for (status, code, token, asked, expected) in [
            (401, Some("GatedRepo"), None, file, "Gated"),
            (403, Some("GatedRepo"), token, file, "Gated"),
            (401, Some("RepoNotFound"), None, repository, "PrivateOrAbsentRepo"),
            (404, Some("RepoNotFound"), token, repository, "PrivateOrAbsentRepo"),
            (404, Some("RevisionNotFound"), None, repository, "RevisionNotFound"),
            (404, Some("EntryNotFound"), None, file, "EntryNotFound"),
            (401, None, None, repository, "PrivateOrAbsentRepo"),
            (401, None, token, repository, "Unauthorized"),
            (403, None, token, repository, "Forbidden"),
            (403, None, None, file, "Forbidden"),
            (404, None, None, repository, "PrivateOrAbsentRepo"),
            (404, None, None, file, "EntryNotFound"),
            (429, None, None, file, "RateLimited"),
            (408, None, None, file, "ServerError"),
            (500, None, None, file, "ServerError"),
            (503, None, None, repository, "ServerError"),
            (400, None, None, repository, "Protocol"),
            (302, None, None, repository, "Redirect"),
        ] {
            assert_eq!(kind(status, code, token, asked), expected, "{status} {code:?} {asked:?}");
        }
    }

    #[test]
    fn what_a_server_says_is_shortened_and_cannot_show_the_token_or_drive_the_terminal() {
        let endpoint = Endpoint::default();
        let token = Secret::new("hf_secret").expect("a token");
        let refusal = Refusal {
            status: 401,
            message: Some(format!("\u{1b}[2Jtoken hf_secret is bad {}", "x".repeat(500))),
            ..Refusal::default()
        };
        let asked = Asked::Repository { revision: "main" };
        let exchange =
            Exchange { endpoint: &endpoint, token: Some(&token), repo: "org/name", asked };
        let text = exchange.refused(&refusal).to_string();
        assert!(text.contains("it says: [2Jtoken *** is bad xxx"), "{text}");
        assert!(
            !text.contains("hf_secret") && !text.contains('\u{1b}') && text.len() < 500,
            "{text}"
        );
    }
}
