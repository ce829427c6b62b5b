//! Who reconciles: of several operators the one that holds a Lease.
//!
//! The holder renews it every few seconds and ends its process if it cannot for so long that another
//! may have taken over; on an orderly end it gives the Lease back, so that the next one need not wait.
//! The protocol is that of Kubernetes' own components (client-go's `leaderelection`): what counts is
//! how long this process has seen no change of the Lease, not the times in it, so that clocks may differ.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::sleep;
use tracing::{info, warn};

/// How long things take. By default shorter than with Kubernetes' own components (15, 10 and 2 seconds), whose
/// state takes no time to read: with a thousand models the next operator should be at work within 20 seconds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a Lease that is not renewed is respected, in whole seconds.
    pub lease: Duration,
    /// How long the holder tries to renew until it gives up; shorter than `lease`.
    pub renew_deadline: Duration,
    /// How long is waited between two tries.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(12),
            renew_deadline: Duration::from_secs(8),
            retry: Duration::from_secs(1),
        }
    }
}

/// A place in the queue for a Lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    pace: Pace,
}

/// A Lease that is held.
pub struct Leadership {
    election: Election,
    lease: Lease,
    /// Others respect the Lease from here on for as long as it is long.
    renewed: Instant,
}

/// What became of an attempt to renew.
enum Renewal {
    /// It was renewed.
    Renewed(Lease),
    /// It is still held, and was changed by somebody; the next attempt starts from there.
    Held(Lease),
    /// Another process holds it.
    Lost,
}

impl Election {
    /// An election by the Lease of this name; `identity` is this process alone.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity, pace: Pace::default() }
    }

    /// The same election at another pace.
    pub fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Waits until this process leads.
    pub async fn win(self) -> Leadership {
        let mut seen: Option<(Option<String>, Instant)> = None;
        loop {
            let attempt = self.try_once(&mut seen);
            match tokio::time::timeout(self.pace.renew_deadline, attempt).await {
                Ok(Ok(Some((lease, since)))) => {
                    info!(lease = self.name, identity = self.identity, "leading");
                    return Leadership { election: self, lease, renewed: since };
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    warn!(%error, lease = self.name, "the lease could not be read or written")
                }
                Err(_) => warn!(lease = self.name, "the lease was not answered for in time"),
            }
            sleep(self.pace.retry).await;
        }
    }

    /// Takes the Lease if nobody holds it, or its holder has not been heard of for long enough; with the time
    /// from which on it counts.
    async fn try_once(
        &self,
        seen: &mut Option<(Option<String>, Instant)>,
    ) -> Result<Option<(Lease, Instant)>, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let lease = self.taken(&Lease::default());
            let since = Instant::now();
            return settled(self.api.create(&PostParams::default(), &lease).await, since);
        };
        let version = lease.metadata.resource_version.clone();
        if seen.as_ref().is_none_or(|(known, _)| *known != version) {
            *seen = Some((version, Instant::now()));
        }
        let quiet = seen.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let holder =
            lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        let patience = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_duration_seconds)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.pace.lease, Duration::from_secs);
        if !holder.is_empty() && holder != self.identity && quiet < patience {
            return Ok(None);
        }
        let lease = self.taken(&lease);
        let since = Instant::now();
        settled(self.api.replace(&self.name, &PostParams::default(), &lease).await, since)
    }

    /// The Lease as it is when this process has taken it.
    fn taken(&self, before: &Lease) -> Lease {
        let now = MicroTime(Timestamp::now());
        let spec = before.spec.clone().unwrap_or_default();
        let is_ours = spec.holder_identity.as_deref() == Some(self.identity.as_str());
        let transitions = spec.lease_transitions.unwrap_or(0);
        Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..before.metadata.clone() },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.pace.lease.as_secs()).ok(),
                acquire_time: match is_ours {
                    true => spec.acquire_time.clone(),
                    false => Some(now.clone()),
                },
                renew_time: Some(now),
                lease_transitions: Some(if is_ours {
                    transitions
                } else {
                    transitions.saturating_add(1)
                }),
                ..spec
            }),
        }
    }
}

impl Leadership {
    /// Renews the Lease for as long as that works; returns when another process may lead.
    ///
    /// No attempt outlasts the deadline, so that the process has stopped before the Lease is over.
    pub async fn keep(&mut self) {
        let Pace { renew_deadline, retry, .. } = self.election.pace;
        loop {
            sleep(retry).await;
            let left = renew_deadline.saturating_sub(self.renewed.elapsed());
            let begun = Instant::now();
            match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(Renewal::Renewed(lease))) => {
                    self.lease = lease;
                    self.renewed = begun;
                }
                Ok(Ok(Renewal::Held(lease))) => self.lease = lease,
                Ok(Ok(Renewal::Lost)) => return,
                Ok(Err(error)) => warn!(%error, "the lease could not be renewed"),
                Err(_) => warn!("the lease could not be renewed in time"),
            }
            if self.renewed.elapsed() >= renew_deadline {
                return;
            }
        }
    }

    async fn renew(&self) -> Result<Renewal, kube::Error> {
        let election = &self.election;
        let lease = election.taken(&self.lease);
        let params = PostParams::default();
        match election.api.replace(&election.name, &params, &lease).await {
            Err(kube::Error::Api(status)) if status.code == 409 || status.code == 404 => {}
            answer => return answer.map(Renewal::Renewed),
        }
        match election.api.get_opt(&election.name).await? {
            Some(lease) if is_held_by(&lease, &election.identity) => Ok(Renewal::Held(lease)),
            Some(_) => Ok(Renewal::Lost),
            None => {
                let lease = election.taken(&Lease::default());
                election.api.create(&params, &lease).await.map(Renewal::Renewed)
            }
        }
    }

    /// Gives the Lease back, so that another process can lead at once.
    pub async fn give_back(self) {
        let Self { election, mut lease, renewed: _ } = self;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
        }
        let params = PostParams::default();
        let answer = election.api.replace(&election.name, &params, &lease);
        match tokio::time::timeout(election.pace.retry, answer).await {
            Ok(Ok(_)) => info!(lease = election.name, "the lease was given back"),
            Ok(Err(error)) => warn!(%error, "the lease could not be given back"),
            Err(_) => warn!("the lease could not be given back in time"),
        }
    }
}

fn is_held_by(lease: &Lease, identity: &str) -> bool {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(identity)
}

/// Somebody else having been faster is no error.
fn settled(
    answer: Result<Lease, kube::Error>,
    since: Instant,
) -> Result<Option<(Lease, Instant)>, kube::Error> {
    match answer {
        Ok(lease) => Ok(Some((lease, since))),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}
