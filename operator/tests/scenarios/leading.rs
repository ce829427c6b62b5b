//! Elections with others: who waits, who takes over, who gives up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use operator::leader::{Election, Pace};
use serde_json::{Value, json};

use crate::api::{Answer, Asked, Log, client, not_found, refusal};

/// Far longer than anything takes here that does not wait for ever.
const ENOUGH: Duration = Duration::from_secs(20);

fn quick() -> Pace {
    Pace {
        lease: Duration::from_secs(1),
        renew_deadline: Duration::from_millis(300),
        retry: Duration::from_millis(10),
    }
}

/// A Lease on a server that refuses a version other than the newest.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Option<Value>>>);

impl Shared {
    fn held_by(holder: &str) -> Self {
        let shared = Self::default();
        shared.set(holder);
        shared
    }

    /// Somebody else writes it.
    fn set(&self, holder: &str) {
        let mut lease = self.0.lock().expect("nobody panics with it");
        let version = lease.as_ref().map_or(1, version) + 1;
        *lease = Some(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "lease", "namespace": "system", "resourceVersion": version.to_string()},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 1},
        }));
    }

    fn delete(&self) {
        *self.0.lock().expect("nobody panics with it") = None;
    }

    fn holder(&self) -> Option<String> {
        let lease = self.0.lock().expect("nobody panics with it");
        lease.as_ref()?["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let mut lease = self.0.lock().expect("nobody panics with it");
        let known = lease.as_ref().map(version);
        match (asked.method.as_str(), known) {
            ("GET", None) | ("PUT", None) => not_found(),
            ("GET", Some(_)) => Answer::Json(200, lease.clone().expect("it is there")),
            ("POST", Some(_)) => refusal(409, "AlreadyExists", "it is there"),
            ("PUT", Some(known)) if version(&asked.body) != known => {
                refusal(409, "Conflict", "the object has been modified")
            }
            (_, known) => {
                let mut new = asked.body.clone();
                new["metadata"]["resourceVersion"] = json!((known.unwrap_or(0) + 1).to_string());
                *lease = Some(new.clone());
                Answer::Json(200, new)
            }
        }
    }
}

fn version(lease: &Value) -> u64 {
    lease["metadata"]["resourceVersion"].as_str().and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn election(answer: impl Fn(&Asked) -> Answer + Clone + Send + Sync + 'static) -> (Election, Log) {
    let (client, log) = client(answer);
    (Election::new(client, "system", "lease", "me".to_owned()).at(quick()), log)
}

fn shared_election(shared: &Shared) -> (Election, Log) {
    let lease = shared.clone();
    election(move |asked| lease.answer(asked))
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(ENOUGH, future).await.expect("it does not wait for ever")
}

#[tokio::test]
async fn a_lease_that_is_not_there_or_was_given_back_is_taken_at_once() {
    for shared in [Shared::default(), Shared::held_by("")] {
        let (election, log) = shared_election(&shared);
        in_time(election.win()).await;
        assert_eq!(shared.holder().as_deref(), Some("me"));
        assert_eq!(log.all().len(), 2, "{:?}", log.all());
    }
}

#[tokio::test]
async fn a_holder_that_renews_is_respected_and_one_that_is_silent_for_long_is_not() {
    let shared = Shared::held_by("other");
    let (election, log) = shared_election(&shared);
    let winning = tokio::spawn(election.win());
    // As long as it changes, nothing is written.
    while log.all().len() < 50 {
        shared.set("other");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(log.writes().is_empty() && !winning.is_finished());
    in_time(winning).await.expect("it wins");
    assert_eq!(shared.holder().as_deref(), Some("me"));
}

#[tokio::test]
async fn whoever_is_slower_to_take_a_free_lease_waits() {
    let shared = Shared::held_by("");
    let lease = shared.clone();
    let (election, log) = election(move |asked| {
        // Between the look and the attempt another process takes it, once.
        if asked.method == "PUT" && lease.holder().as_deref() == Some("") {
            lease.set("other");
        }
        lease.answer(asked)
    });
    let winning = tokio::spawn(election.win());
    in_time(async {
        while log.writes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(shared.holder().as_deref(), Some("other"));
    assert!(!winning.is_finished());
    winning.abort();
}

#[tokio::test]
async fn a_leader_whose_lease_another_has_stops() {
    let shared = Shared::default();
    let (election, _) = shared_election(&shared);
    let mut leadership = in_time(election.win()).await;
    shared.set("other");
    in_time(leadership.keep()).await;
    assert_eq!(shared.holder().as_deref(), Some("other"), "it is not taken back");
}

#[tokio::test]
async fn a_leader_goes_on_when_its_lease_was_changed_or_deleted_by_hand() {
    let shared = Shared::default();
    let (election, log) = shared_election(&shared);
    let mut leadership = in_time(election.win()).await;
    let keeping = tokio::spawn(async move { leadership.keep().await });
    for change in [Shared::delete, |shared: &Shared| shared.set("me")] {
        let before = log.writes().len();
        change(&shared);
        in_time(async {
            while log.writes().len() < before + 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(shared.holder().as_deref(), Some("me"));
        assert!(!keeping.is_finished());
    }
    keeping.abort();
}

/// Otherwise two operators would reconcile at the same time once the Lease is over.
#[tokio::test]
async fn a_leader_that_gets_no_answer_or_errors_only_stops_before_the_lease_is_over() {
    for answer in [Answer::Silence, refusal(500, "InternalError", "etcd is away")] {
        let shared = Shared::default();
        let lease = shared.clone();
        let is_away = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let away = Arc::clone(&is_away);
        let (election, _) =
            election(move |asked| match away.load(std::sync::atomic::Ordering::SeqCst) {
                true => answer.clone(),
                false => lease.answer(asked),
            });
        let mut leadership = in_time(election.win()).await;
        is_away.store(true, std::sync::atomic::Ordering::SeqCst);
        in_time(leadership.keep()).await;
    }
}

#[tokio::test]
async fn a_lease_that_is_given_back_has_no_holder() {
    let shared = Shared::default();
    let (election, _) = shared_election(&shared);
    in_time(in_time(election.win()).await.give_back()).await;
    assert_eq!(shared.holder().as_deref(), Some(""));
}
