//! From a name to a commit and a list of files, and every way in which that is refused.

use integration_tests::hub::{Action, Fault, Listener, Repository, TestHub, git_oid, sha256};
use model_hub::{HubError, HubOptions, RepoFile, Secret, resolve};

use crate::support::{
    NAME, TOKEN, hub, options, options_with_token, repository, resolved, source, weights,
    whole_text,
};

fn plain(path: &str, content: &[u8]) -> RepoFile {
    RepoFile {
        path: path.into(),
        size: content.len() as u64,
        sha256: None,
        git_oid: Some(git_oid(content)),
    }
}

fn expected() -> Vec<RepoFile> {
    let weights = weights();
    vec![
        plain("1_Pooling/config.json", b"{\"pooling_mode_mean_tokens\":true}"),
        plain("README.md", b"not needed"),
        plain("config.json", b"{\"model_type\":\"bert\"}"),
        RepoFile {
            path: "model.safetensors".into(),
            size: 100_000,
            sha256: Some(sha256(&weights)),
            git_oid: None,
        },
        plain("tokenizer.json", b"{\"version\":\"1.0\"}"),
        plain("vocab.txt", b""),
    ]
}

#[tokio::test]
async fn a_repository_is_resolved_to_its_commit_with_sizes_and_hashes() {
    let hub = hub();
    let resolved = resolved(&options(&hub)).await.expect("resolved");
    assert_eq!(resolved.files, expected());
    assert_eq!(resolved.commit, repository().commit());
    assert_eq!(resolved.endpoint, Some(hub.endpoint()));
    assert_eq!(hub.downloads(), []);
}

#[tokio::test]
async fn a_tag_a_pull_request_and_a_commit_are_revisions() {
    let hub = TestHub::start();
    let first = repository().tag("v1").tag("refs/pr/7");
    let commit = first.commit().to_owned();
    hub.add(first.file("config.json", "changed"));
    for revision in ["v1", "refs/pr/7", commit.as_str()] {
        let resolved =
            resolve(&source(NAME, Some(revision)), &options(&hub)).await.expect(revision);
        assert_eq!(resolved.commit, commit, "{revision}");
        assert_eq!(resolved.requested_revision.as_deref(), Some(revision));
    }
    let main = resolved(&options(&hub)).await.expect("resolved");
    assert_ne!(main.commit, commit);
}

#[tokio::test]
async fn a_repository_without_an_organisation_is_found() {
    let hub = TestHub::start();
    hub.add(Repository::new("bert-base-uncased").file("config.json", "{}"));
    let resolved =
        resolve(&source("bert-base-uncased", None), &options(&hub)).await.expect("resolved");
    assert_eq!(resolved.files.len(), 1);
}

#[tokio::test]
async fn a_mirror_that_lists_names_alone_is_asked_for_each_file() {
    let hub = hub();
    hub.behave(|behaviour| behaviour.blobs = false);
    let resolved = resolved(&options(&hub)).await.expect("resolved");
    assert_eq!(resolved.files, expected());
    let heads = hub.requests().into_iter().filter(|request| request.method == "HEAD");
    assert!(heads.clone().all(|request| request.listener == Listener::Hub));
    assert_eq!(heads.count(), 6);
}

#[tokio::test]
async fn a_mirror_whose_answers_lack_members_is_understood_all_the_same() {
    let hub = hub();
    hub.behave(|behaviour| behaviour.ids = false);
    assert_eq!(resolved(&options(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn a_mirror_without_the_list_with_sizes_is_understood_all_the_same() {
    let hub = hub();
    // The request by commit is the one for sizes.
    hub.fault(Fault::status(&format!("revision/{}", repository().commit()), 404));
    assert_eq!(resolved(&options(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn a_renamed_repository_is_followed_within_the_hub() {
    let hub = hub();
    let moved = format!("{}/api/models/{NAME}/revision/main?blobs=true", hub.endpoint());
    hub.fault(Fault::new("/api/models/old/name", Action::RedirectTo(moved)));
    let resolved =
        resolve(&source("old/name", None), &options_with_token(&hub)).await.expect("resolved");
    assert_eq!(resolved.files, expected());
}

#[tokio::test]
async fn an_absent_repository_is_told_apart_by_whether_a_token_was_sent() {
    let hub = TestHub::start();
    for codes in [true, false] {
        hub.behave(|behaviour| behaviour.error_codes = codes);
        for (options, expected) in [(options(&hub), false), (options_with_token(&hub), true)] {
            let error = resolved(&options).await.expect_err("absent");
            assert!(
                matches!(&error, HubError::PrivateOrAbsentRepo { with_token, .. } if *with_token == expected),
                "{error}"
            );
            assert!(error.to_string().contains("set HF_TOKEN"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_private_repository_opens_to_its_token_alone() {
    let hub = TestHub::start();
    hub.add(repository().private(TOKEN));
    assert_eq!(resolved(&options(&hub)).await.expect_err("private").kind(), "PrivateOrAbsentRepo");
    let other = HubOptions { token: Secret::new("hf_other"), ..options(&hub) };
    assert_eq!(resolved(&other).await.expect_err("private").kind(), "PrivateOrAbsentRepo");
    assert_eq!(resolved(&options_with_token(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn a_gated_repository_is_refused_before_anything_is_downloaded() {
    let hub = TestHub::start();
    hub.add(repository().gated(TOKEN));
    let other = HubOptions { token: Secret::new("hf_other"), ..options(&hub) };
    for options in [options(&hub), other] {
        let error = resolved(&options).await.expect_err("gated");
        assert_eq!(error.kind(), "Gated");
        let remedy = format!("accept the terms at {}/{NAME} and set HF_TOKEN", hub.endpoint());
        assert!(error.to_string().contains(&remedy), "{error}");
    }
    assert_eq!(hub.downloads(), []);
    assert_eq!(resolved(&options_with_token(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn an_unknown_token_is_refused_without_showing_it_even_if_the_hub_does() {
    let hub = hub();
    hub.behave(|behaviour| behaviour.accounts = vec!["hf_other".into()]);
    let error = resolved(&options_with_token(&hub)).await.expect_err("refused");
    assert_eq!(error.kind(), "Unauthorized");
    assert!(
        error.to_string().contains("Invalid credentials *** in Authorization header"),
        "{error}"
    );
    assert!(!whole_text(&error).contains(TOKEN), "{}", whole_text(&error));
}

#[tokio::test]
async fn a_refusal_without_a_reason_is_a_refusal() {
    let hub = hub();
    hub.fault(Fault::status("/api/models/", 403));
    let error = resolved(&options_with_token(&hub)).await.expect_err("refused");
    assert_eq!(error.kind(), "Forbidden");
}

#[tokio::test]
async fn an_absent_revision_is_named_also_when_the_hub_does_not_say_why() {
    let hub = hub();
    for codes in [true, false] {
        hub.behave(|behaviour| behaviour.error_codes = codes);
        let error = resolve(&source(NAME, Some("v9")), &options(&hub)).await.expect_err("absent");
        assert!(
            matches!(&error, HubError::RevisionNotFound { revision, .. } if revision == "v9"),
            "{error}"
        );
    }
    hub.behave(|behaviour| behaviour.error_codes = false);
    let error = resolve(&source("org/none", Some("v9")), &options(&hub)).await.expect_err("absent");
    assert_eq!(error.kind(), "PrivateOrAbsentRepo");
}

#[tokio::test]
async fn a_limit_on_requests_is_waited_for_as_the_hub_asks() {
    let hub = hub();
    hub.fault(Fault::status_with("/api/models/", 429, "retry-after", "0").times(3));
    assert_eq!(resolved(&options(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn a_hub_that_asks_for_more_patience_than_there_is_is_not_asked_again() {
    let hub = hub();
    hub.fault(Fault::status_with("/api/models/", 429, "retry-after", "3600"));
    let error = resolved(&options(&hub)).await.expect_err("limited");
    assert!(
        matches!(&error, HubError::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 3600),
        "{error}"
    );
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn a_failing_hub_is_asked_again_and_given_up_after_the_attempts() {
    let hub = hub();
    hub.fault(Fault::status("/api/models/", 500).times(3));
    assert_eq!(resolved(&options(&hub)).await.expect("resolved").files, expected());
    hub.forget_requests();
    hub.fault(Fault::status("/api/models/", 503));
    let error = resolved(&options(&hub)).await.expect_err("down");
    assert!(matches!(&error, HubError::ServerError { status: 503, .. }), "{error}");
    assert_eq!(hub.requests().len(), 4);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_asked_for_again() {
    let hub = hub();
    hub.fault(
        Fault::new(&format!("revision/{}", repository().commit()), Action::CutAfter(20)).times(2),
    );
    assert_eq!(resolved(&options(&hub)).await.expect("resolved").files, expected());
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_taken_for_a_hub() {
    let hub = hub();
    hub.fault(Fault::new("/api/models/", Action::Body("<html>log in first</html>".into())));
    let error = resolved(&options(&hub)).await.expect_err("no hub");
    assert_eq!(error.kind(), "Protocol");
    assert!(error.to_string().contains("check HF_ENDPOINT"), "{error}");
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_reported_at_once_naming_the_variable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let endpoint = format!("http://{free}").parse().expect("an endpoint");
    let hub = hub();
    let options = HubOptions { endpoint, ..options(&hub) };
    let error = resolved(&options).await.expect_err("nobody listens");
    assert_eq!(error.kind(), "Unreachable");
    assert!(error.to_string().contains("HF_ENDPOINT"), "{error}");
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn a_list_with_names_that_leave_the_folder_is_refused() {
    for path in ["../../etc/cron.d/evil", "/etc/passwd", "a\\b", "sub/../../x", "config.json"] {
        let hub = hub();
        hub.behave(|behaviour| behaviour.extra_paths = vec![path.to_owned()]);
        let error = resolved(&options(&hub)).await.expect_err(path);
        assert_eq!(error.kind(), "Listing", "{path}");
    }
}

#[tokio::test]
async fn a_hub_whose_interface_leads_elsewhere_does_not_get_the_token_there() {
    let (hub, elsewhere) = (hub(), TestHub::start());
    elsewhere.add(repository());
    let there = format!("{}/api/models/{NAME}", elsewhere.endpoint());
    hub.fault(Fault::new("/api/models/", Action::RedirectTo(there)));
    let error = resolved(&options_with_token(&hub)).await.expect_err("elsewhere");
    assert_eq!(error.kind(), "Redirect");
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn a_mirror_without_sizes_that_answers_no_head_is_asked_for_first_bytes() {
    for status in [405, 501] {
        let hub = hub();
        hub.behave(|behaviour| behaviour.blobs = false);
        hub.fault(Fault::status("/resolve/", status).method("HEAD"));
        let resolved = resolved(&options_with_token(&hub)).await.expect("resolved");
        assert_eq!(resolved.files, expected(), "{status}");
        let requests = hub.requests();
        assert!(requests.iter().any(|request| request.listener == Listener::Storage));
        for request in requests.iter().filter(|request| request.listener == Listener::Storage) {
            assert_eq!(request.headers.get("authorization"), None);
        }
    }
}
