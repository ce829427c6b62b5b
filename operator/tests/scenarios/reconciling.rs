//! A reconcile of a new model against an API server that does not do what is asked.

use std::sync::Arc;
use std::time::Duration;

use operator::inventory::Inventory;
use operator::metrics::Category;
use operator::reconcile::{ReconcileError, attempt};
use serde_json::{Value, json};

use crate::api::{Answer, Asked, not_found, refusal};
use crate::cluster::{context, look, model, ready, status};

fn is_resolve_job(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.path.contains("/jobs/small-r-")
}

#[tokio::test]
async fn a_new_model_gets_what_can_be_made_before_its_files_are_known() {
    let (result, log) = look(|_| None).await;
    assert_eq!(result, Ok(()));
    let made: Vec<String> = log
        .writes()
        .iter()
        .filter(|asked| !asked.path.ends_with("/events"))
        .map(|asked| asked.path.rsplit('/').take(2).collect::<Vec<_>>().join(" of "))
        .collect();
    let job = made.iter().find(|it| it.ends_with("of jobs")).expect("it is resolved").clone();
    let expected = [
        "small-serving of networkpolicies",
        "small-jobs of networkpolicies",
        &job,
        "small of services",
        "status of small",
    ];
    assert_eq!(made, expected);
    assert_eq!(ready(&log).0, "Resolving");
    // Nobody's fields are taken but those of the operator, in one name.
    for asked in log.writes().iter().filter(|asked| asked.method == "PATCH") {
        assert!(asked.query.contains("fieldManager=embedserve-operator"), "{asked:?}");
    }
}

/// What is refused for good is told in the status, with the API server's words, and keeps nothing else from
/// being made.
#[tokio::test]
async fn what_the_api_server_refuses_for_good_is_told_in_the_status() {
    for (code, reason, message, expected) in [
        (422, "Invalid", "Job is invalid: spec.template", "ApplyFailed"),
        (403, "Forbidden", "jobs is forbidden: exceeded quota: small", "QuotaExceeded"),
        (403, "Forbidden", "jobs is forbidden: User cannot patch", "ApplyFailed"),
        (404, "NotFound", "the server could not find the requested resource", "ApplyFailed"),
    ] {
        let (result, log) =
            look(move |asked| is_resolve_job(asked).then(|| refusal(code, reason, message))).await;
        assert_eq!(result, Ok(()), "{message}");
        let (found, text) = ready(&log);
        assert_eq!(found, expected, "{message}");
        assert!(text.contains(message), "{text}");
        let has_service = log.writes().iter().any(|asked| asked.is("PATCH", "/services/small"));
        assert!(has_service, "{message}");
    }
}

/// What may pass is tried again later, by its category; what comes after it is not begun, and no status
/// claims that it was.
#[tokio::test]
async fn what_may_pass_ends_the_reconcile_and_leaves_the_status_alone() {
    for (code, reason, expected) in [
        (409, "Conflict", Category::Conflict),
        (429, "TooManyRequests", Category::Throttled),
        (401, "Unauthorized", Category::Forbidden),
        (500, "InternalError", Category::Api),
        (503, "ServiceUnavailable", Category::Api),
    ] {
        let (result, log) =
            look(move |asked| is_resolve_job(asked).then(|| refusal(code, reason, "not now")))
                .await;
        assert_eq!(result, Err(expected), "{code}");
        assert!(is_resolve_job(log.writes().last().expect("something was tried")), "{code}");
        assert!(status(&log).is_none(), "{code}");
    }
}

#[tokio::test]
async fn nothing_is_written_when_the_cluster_cannot_be_looked_at() {
    let (result, log) = look(|asked| {
        let is_look = asked.method == "GET" && asked.path.ends_with("/services/small");
        is_look.then(|| refusal(500, "InternalError", "etcd is away"))
    })
    .await;
    assert_eq!(result, Err(Category::Api));
    assert!(!log.writes().iter().any(|asked| asked.path.ends_with("/services/small")));
    assert!(status(&log).is_none());
}

/// It is someone else's, whatever it is.
#[tokio::test]
async fn an_object_that_somebody_else_made_is_left_alone_and_reported() {
    let (result, log) = look(|asked| {
        let theirs = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "small", "namespace": "search", "uid": "1", "labels": {"app": "x"}}
        });
        asked.is("GET", "/services/small").then(|| Answer::Json(200, theirs))
    })
    .await;
    assert_eq!(result, Ok(()));
    assert!(!log.writes().iter().any(|asked| asked.path.ends_with("/services/small")));
    let (reason, message) = ready(&log);
    assert_eq!(reason, "ApplyFailed");
    assert!(message.contains("Service small exists"), "{message}");
}

#[tokio::test]
async fn a_model_that_is_deleted_meanwhile_needs_no_status() {
    let (result, log) = look(|asked| asked.path.ends_with("/status").then(not_found)).await;
    assert_eq!(result, Ok(()));
    let has_event = log.writes().iter().any(|asked| asked.path.ends_with("/events"));
    assert!(!has_event, "nobody is told about a model that is gone");
}

#[tokio::test]
async fn a_status_that_is_not_taken_is_tried_again() {
    for (code, expected) in [(409, Category::Conflict), (500, Category::Api)] {
        let (result, log) = look(move |asked| {
            asked.path.ends_with("/status").then(|| refusal(code, "Reason", "no"))
        })
        .await;
        assert_eq!(result, Err(expected), "{code}");
        assert!(!log.writes().iter().any(|asked| asked.path.ends_with("/events")), "{code}");
    }
}

#[tokio::test]
async fn events_that_are_refused_change_nothing() {
    let (result, log) = look(|asked| {
        asked.path.ends_with("/events").then(|| refusal(403, "Forbidden", "no events"))
    })
    .await;
    assert_eq!(result, Ok(()));
    assert!(log.writes().iter().any(|asked| asked.path.ends_with("/events")));
    assert_eq!(ready(&log).0, "Resolving");
}

#[tokio::test]
async fn a_reconcile_that_gets_no_answer_is_ended() {
    let silent = |asked: &Asked| is_resolve_job(asked).then_some(Answer::Silence);
    let (context, log) = context(&model(), Inventory::default(), silent);
    let ended = attempt(Arc::new(model()), context, Duration::from_millis(300)).await;
    assert!(matches!(ended, Err(ReconcileError::TookTooLong(_))), "{ended:?}");
    assert!(status(&log).is_none());
}

/// Otherwise a model that fails now and then over weeks waits five minutes each time.
#[tokio::test]
async fn a_success_ends_a_row_of_failures() {
    let (context, _) = context(&model(), Inventory::default(), |_| None);
    let uid = model().metadata.uid.expect("it has one");
    assert_eq!([context.count_failure(&uid), context.count_failure(&uid)], [1, 2]);
    let done = attempt(Arc::new(model()), Arc::clone(&context), Duration::from_secs(60)).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(context.count_failure(&uid), 1);
}

/// Refusals of the API server are not guessed from half an answer.
#[tokio::test]
async fn an_answer_that_is_no_object_is_an_error() {
    let (result, log) =
        look(|asked| is_resolve_job(asked).then(|| Answer::Json(200, Value::Null))).await;
    assert!(result.is_err(), "{result:?}");
    assert!(status(&log).is_none());
}
