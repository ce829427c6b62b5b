//! Errors as they arrive, deep in a chain, and the reason that a person will read.

use std::io;
use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::*;

fn reason(error: impl Into<anyhow::Error>) -> (String, Option<u16>) {
    let error = Err::<(), _>(error.into()).context("while pulling").expect_err("an error");
    let report = failure(&error);
    assert!(Reason::from_name(&report.reason).is_some(), "{}", report.reason);
    assert!(report.message.starts_with("while pulling: "), "{}", report.message);
    (report.reason, report.http_status)
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn what_the_hub_refuses_has_its_own_reason_and_status() {
    let (repo, endpoint) = (|| text("org/name"), || text("https://hub"));
    let cause = || -> Box<dyn std::error::Error + Send + Sync> { "why".into() };
    for (error, expected, status) in [
        (
            HubError::Unauthorized { repo: repo(), endpoint: endpoint(), message: None },
            "AuthenticationRequired",
            Some(401),
        ),
        (
            HubError::Gated { repo: repo(), endpoint: endpoint(), status: 403 },
            "AuthenticationRequired",
            Some(403),
        ),
        (HubError::Token, "AuthenticationRequired", None),
        (
            HubError::Forbidden { repo: repo(), endpoint: endpoint(), message: None },
            "AccessDenied",
            Some(403),
        ),
        (
            HubError::PrivateOrAbsentRepo {
                repo: repo(),
                endpoint: endpoint(),
                with_token: false,
                status: 401,
            },
            "RepositoryNotFound",
            Some(401),
        ),
        (
            HubError::RevisionNotFound { repo: repo(), endpoint: endpoint(), revision: text("v") },
            "RevisionNotFound",
            Some(404),
        ),
        (
            HubError::EntryNotFound { repo: repo(), commit: text("c"), path: text("p") },
            "FileNotFound",
            Some(404),
        ),
        (
            HubError::NoSpace { path: "/models".into(), needed: 1, free: None },
            "InsufficientStorage",
            None,
        ),
        (
            HubError::HashMismatch { path: text("p"), expected: text("a"), got: text("b") },
            "HashMismatch",
            None,
        ),
        (HubError::SizeMismatch { path: text("p"), expected: 1, got: 2 }, "HashMismatch", None),
        (HubError::Tls { host: text("hub"), source: cause() }, "CertificateInvalid", None),
        (HubError::CaBundle { path: "ca.pem".into(), source: cause() }, "CertificateInvalid", None),
        (HubError::Unreachable { host: text("hub"), source: cause() }, "HubUnreachable", None),
        (
            HubError::Interrupted { host: text("hub"), what: text("p"), source: cause() },
            "HubUnreachable",
            None,
        ),
        (
            HubError::RateLimited { endpoint: endpoint(), retry_after: None },
            "RateLimited",
            Some(429),
        ),
        (
            HubError::ServerError {
                host: text("hub"),
                status: 502,
                what: text("p"),
                retry_after: None,
            },
            "HubError",
            Some(502),
        ),
        (HubError::Redirect { host: text("hub"), reason: "no" }, "HubError", None),
        (
            HubError::Protocol { endpoint: endpoint(), what: text("w"), status: Some(418) },
            "HubError",
            Some(418),
        ),
        (HubError::NotAFolder { path: "absent".into() }, "FileNotFound", None),
        (HubError::Client { source: cause() }, "PullFailed", None),
    ] {
        let kind = error.kind();
        assert_eq!(reason(error), (text(expected), status), "{kind}");
    }
}

#[test]
fn a_full_disk_is_one_wherever_it_is_noticed() {
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let export =
        ExportError::WriteStructure { path: "/models/openvino_model.xml".into(), source: full() };
    assert_eq!(reason(export).0, "InsufficientStorage");
    assert_eq!(reason(anyhow!(full()).context("cannot write")).0, "InsufficientStorage");
    let other = ExportError::WriteStructure {
        path: PathBuf::from("m"),
        source: io::Error::from(io::ErrorKind::PermissionDenied),
    };
    assert_eq!(reason(other).0, "ConversionFailed");
}

#[test]
fn models_that_cannot_be_served_differ_from_conversions_that_failed() {
    let unsupported = [
        anyhow!(PullError::ConversionOff { repo: text("org/name") }),
        anyhow!(SelectError::NoWeights { repo: text("org/name"), found: None }),
        anyhow!(TokenizerError::NoVocabulary),
        anyhow!(FactsError::WrongType {
            file: text("config.json"),
            member: text("hidden_size"),
            expected: "a whole number",
            found: text("a string"),
        }),
        anyhow!(ResolveError::UnsupportedPooling { mode: text("max") }),
    ];
    for error in unsupported {
        let shown = format!("{error:#}");
        assert_eq!(reason(error).0, "UnsupportedModel", "{shown}");
    }
    let limit = ResolveError::MaxInputTokens { given: 1024, usable: 512 };
    assert_eq!(reason(limit).0, "InvalidSpec");
    let hash = PullError::OtherHash { path: text("p"), found: text("a"), demanded: text("b") };
    assert_eq!(reason(hash).0, "HashMismatch");
    assert_eq!(reason(PullError::DemandedAbsent { path: text("p") }).0, "FileNotFound");
    assert_eq!(reason(PullError::Interrupted).0, "PullFailed");
    assert_eq!(reason(anyhow!("anything else")).0, "PullFailed");
}
