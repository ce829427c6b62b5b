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

/// How long a Lease that is not renewed is respected.
const LEASE: Duration = Duration::from_secs(15);
/// How long the holder tries to renew until it gives up.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// How long is waited between two tries.
const RETRY: Duration = Duration::from_secs(2);

/// A place in the queue for a Lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
}

/// A Lease that is held.
pub struct Leadership {
    election: Election,
    lease: Lease,
}

impl Election {
    /// An election by the Lease of this name; `identity` is this process alone.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity }
    }

    /// Waits until this process leads.
    pub async fn win(self) -> Leadership {
        let mut seen: Option<(Option<String>, Instant)> = None;
        loop {
            match self.try_once(&mut seen).await {
                Ok(Some(lease)) => {
                    info!(lease = self.name, identity = self.identity, "leading");
                    return Leadership { election: self, lease };
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(%error, lease = self.name, "the lease could not be read or written")
                }
            }
            sleep(RETRY).await;
        }
    }

    /// Takes the Lease if nobody holds it, or its holder has not been heard of for long enough.
    async fn try_once(
        &self,
        seen: &mut Option<(Option<String>, Instant)>,
    ) -> Result<Option<Lease>, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let lease = self.taken(&Lease::default());
            return settled(self.api.create(&PostParams::default(), &lease).await);
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
            .map_or(LEASE, Duration::from_secs);
        if !holder.is_empty() && holder != self.identity && quiet < patience {
            return Ok(None);
        }
        let lease = self.taken(&lease);
        settled(self.api.replace(&self.name, &PostParams::default(), &lease).await)
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
                lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
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
    pub async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(RETRY).await;
            let election = &self.election;
            let lease = election.taken(&self.lease);
            let params = PostParams::default();
            let renewal = election.api.replace(&election.name, &params, &lease);
            match tokio::time::timeout(RENEW_DEADLINE, renewal).await {
                Ok(Ok(lease)) => {
                    self.lease = lease;
                    renewed = Instant::now();
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {
                    match election.api.get_opt(&election.name).await {
                        Ok(Some(lease)) if is_held_by(&lease, &election.identity) => {
                            self.lease = lease
                        }
                        Ok(Some(_)) => return,
                        Ok(None) => {
                            let lease = election.taken(&Lease::default());
                            match election.api.create(&PostParams::default(), &lease).await {
                                Ok(lease) => self.lease = lease,
                                Err(error) => warn!(%error, "the lease could not be made anew"),
                            }
                        }
                        Err(error) => warn!(%error, "the lease could not be read"),
                    }
                }
                Ok(Err(error)) => warn!(%error, "the lease could not be renewed"),
                Err(_) => warn!("the lease could not be renewed in time"),
            }
            if renewed.elapsed() > RENEW_DEADLINE {
                return;
            }
        }
    }

    /// Gives the Lease back, so that another process can lead at once.
    pub async fn give_back(self) {
        let Self { election, mut lease } = self;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
        }
        let params = PostParams::default();
        let answer = election.api.replace(&election.name, &params, &lease);
        match tokio::time::timeout(RETRY, answer).await {
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
fn settled(answer: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match answer {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        Err(error) => Err(error),
    }
}
