//! Which release the pods serve, and which are kept to go back to.
//!
//! The wanted release is rolled out once its files are verified. Until then, and after a rollout that
//! failed, the last good one serves. Kubernetes' Deployment does the rolling; here is only decided
//! which release it is to roll to.

use crds::status::{Release, RolloutState};

use super::{CacheState, Observed};
use crate::release;
use crate::validate::ValidatedModel;

/// Short names for what is asked of a release often.
pub trait ReleaseState {
    /// Whether pods have answered with it.
    fn has_served(&self) -> bool;
    /// Whether its rollout failed and the specification is still the same.
    fn has_failed_for(&self, generation: i64) -> bool;
    /// The label of its pods.
    fn label(&self) -> Option<&str>;
}

impl ReleaseState for Release {
    fn has_served(&self) -> bool {
        self.served_time.is_some()
    }

    fn has_failed_for(&self, generation: i64) -> bool {
        self.failed_generation == Some(generation)
    }

    fn label(&self) -> Option<&str> {
        self.config_map.as_deref().map(release::label)
    }
}

/// How the change from one release to the other goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutPlan {
    /// How far it is.
    pub state: RolloutState,
    /// The state in words.
    pub message: String,
    /// The commit that serves.
    pub current: Option<String>,
    /// The commit that served before.
    pub previous: Option<String>,
}

/// Which release the pods are to serve.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The release; `None` where nothing can serve yet.
    pub serving: Option<Release>,
    /// Whether it is the wanted one.
    pub serves_target: bool,
    /// Whether the wanted one's rollout failed.
    pub target_failed: bool,
    /// How the change goes.
    pub plan: RolloutPlan,
}

/// Decides which release the pods are to serve.
pub fn decide(
    valid: &ValidatedModel,
    target: Option<&Release>,
    cache: &CacheState,
    old: &[Release],
    observed: &Observed,
) -> Decided {
    let settings = &valid.model.spec.rollout;
    let is_populated = matches!(cache, CacheState::Populated { .. });
    let ready = target.filter(|_| is_populated);
    let running = running(old, observed);
    let last_good = last_good(old, target);
    let decided = |serving: Option<&Release>, state, message: String| {
        let serves_target = serving.is_some()
            && serving.and_then(ReleaseState::label) == ready.and_then(ReleaseState::label);
        Decided {
            serving: serving.cloned(),
            serves_target,
            target_failed: false,
            plan: RolloutPlan {
                state,
                message,
                current: running.or(serving).and_then(|it| it.resolved_revision.clone()),
                previous: last_good
                    .filter(|it| {
                        it.config_map != running.or(serving).and_then(|it| it.config_map.clone())
                    })
                    .and_then(|it| it.resolved_revision.clone()),
            },
        }
    };
    let Some(target) = ready else {
        let serving = running.filter(|it| it.has_served()).or(last_good);
        return match serving {
            Some(serving) => {
                let message =
                    format!("{} goes on serving until the wanted files are there", named(serving));
                decided(Some(serving), RolloutState::Progressing, message)
            }
            None => decided(None, RolloutState::Progressing, "nothing serves yet".to_owned()),
        };
    };
    let is_other = running.is_some_and(|it| it.label() != target.label());
    if settings.paused && is_other {
        let message = format!(
            "{} serves, and {} waits",
            running.map(named).unwrap_or_default(),
            named(target)
        );
        return decided(running, RolloutState::Paused, message);
    }
    let timed_out = observed.deployments.values().any(|deployment| {
        deployment.is_observed
            && deployment.deadline_exceeded
            && deployment.release.as_deref() == target.label()
    });
    let failed_before =
        old.iter().any(|it| it.label() == target.label() && it.has_failed_for(valid.generation));
    if timed_out || failed_before {
        let seconds = settings.progress_deadline().as_secs();
        // What has served is not to blame: another release would fail the same way, and answer with
        // other vectors if it did not.
        let has_served = old.iter().any(|it| it.label() == target.label() && it.has_served());
        return match last_good.filter(|_| settings.auto_rollback && !has_served) {
            Some(good) => Decided {
                target_failed: true,
                ..decided(
                    Some(good),
                    RolloutState::RolledBack,
                    format!(
                        "{} made no progress for {seconds} s; {} serves again",
                        named(target),
                        named(good)
                    ),
                )
            },
            None => decided(
                Some(target),
                RolloutState::Failed,
                format!("{} made no progress for {seconds} s", named(target)),
            ),
        };
    }
    let is_complete = !observed.deployments.is_empty()
        && observed.deployments.values().all(|deployment| {
            deployment.release.as_deref() == target.label() && deployment.is_complete()
        });
    match is_complete {
        true => decided(Some(target), RolloutState::Complete, format!("{} serves", named(target))),
        false => decided(
            Some(target),
            RolloutState::Progressing,
            format!("{} is being rolled out", named(target)),
        ),
    }
}

/// The releases to keep: the wanted one, what serves, the last good one, and so many others that
/// have served as the specification says, newest first.
pub fn history(
    valid: &ValidatedModel,
    decided: &Decided,
    target: Option<&Release>,
    old: &[Release],
    observed: &Observed,
) -> Vec<Release> {
    let limit = usize::try_from(valid.model.spec.rollout.history_limit).unwrap_or(1).max(1);
    let mut kept: Vec<Release> = Vec::new();
    if let Some(target) = target {
        let mut target = target.clone();
        let before = old.iter().find(|it| same(it, &target));
        let serves_now = decided.serves_target && answers(&target, observed);
        target.served_time = before.and_then(|it| it.served_time.clone());
        if serves_now && target.served_time.is_none() {
            target.served_time = observed.now.clone();
        }
        target.failed_generation = match decided.target_failed {
            true => Some(valid.generation),
            false => None,
        };
        kept.push(target);
    }
    let mut others: Vec<&Release> = old
        .iter()
        .filter(|it| it.has_served() && !target.is_some_and(|target| same(it, target)))
        .collect();
    // Newest first; what serves now is kept in any case.
    others.sort_by_key(|it| {
        let serves = decided.serving.as_ref().is_some_and(|serving| same(it, serving));
        (std::cmp::Reverse(serves), std::cmp::Reverse(it.served_time.as_ref().map(|time| time.0)))
    });
    kept.extend(others.into_iter().take(limit).cloned());
    kept
}

/// Whether two releases are the same files with the same settings; before the settings are known,
/// the same files for the same wish.
fn same(one: &Release, other: &Release) -> bool {
    match (&one.config_map, &other.config_map) {
        (Some(one), Some(other)) => one == other,
        _ => one.key == other.key && one.request == other.request,
    }
}

/// Whether a pod is ready that serves the release.
fn answers(release: &Release, observed: &Observed) -> bool {
    observed.deployments.values().any(|it| {
        it.release.as_deref() == release.label()
            && it.updated > 0
            && it.is_observed
            && it.available > 0
            && it.is_complete()
    })
}

/// The release that the Deployments run.
fn running<'a>(old: &'a [Release], observed: &Observed) -> Option<&'a Release> {
    observed.deployments.values().find_map(|deployment| {
        let label = deployment.release.as_deref()?;
        old.iter().find(|release| release.label() == Some(label))
    })
}

/// The newest release that has served and is not the wanted one.
fn last_good<'a>(old: &'a [Release], target: Option<&Release>) -> Option<&'a Release> {
    old.iter()
        .filter(|it| it.has_served() && it.config_map.is_some())
        .filter(|it| target.is_none_or(|target| it.config_map != target.config_map))
        .max_by_key(|it| it.served_time.as_ref().map(|time| time.0))
}

/// A release in words.
fn named(release: &Release) -> String {
    let revision = release.resolved_revision.as_deref().unwrap_or("the release");
    format!(
        "{} ({})",
        revision.get(..8).unwrap_or(revision),
        release.label().unwrap_or("settings unknown")
    )
}

#[cfg(test)]
mod tests;
