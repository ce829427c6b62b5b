//! From what Kubernetes says about pods to why they do not serve, in words. Pure.
//!
//! Nothing that a pod says is hidden behind a summary: the reason names the remedy, and the message
//! carries the pod's own words.

use crds::conditions::Reason;
use crds::status::LastFailure;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use model_repository::job_report::{FailureReport, JobReport, SourceReport};

use crate::facts::{ContainerFacts, PodFacts, Termination};
use crate::names::Component;

/// Why a pod does not do its part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason for conditions.
    pub reason: Reason,
    /// The pod's own words.
    pub message: String,
    /// The hub's HTTP status, if a hub refused.
    pub http_status: Option<u16>,
    /// The pod.
    pub pod: String,
    /// The container, if it was one.
    pub container: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Kubernetes' reason, for example OOMKilled.
    pub kubernetes_reason: String,
    /// When.
    pub time: Option<Time>,
}

impl Failure {
    /// The failure as the status shows it.
    pub fn into_status(self, component: Component) -> LastFailure {
        LastFailure {
            component: Some(component.as_str().to_owned()),
            pod: Some(self.pod).filter(|pod| !pod.is_empty()),
            container: self.container,
            exit_code: self.exit_code,
            reason: Some(self.kubernetes_reason).filter(|reason| !reason.is_empty()),
            message: Some(self.message).filter(|message| !message.is_empty()),
            time: self.time,
        }
    }
}

/// What keeps a pod from working right now; `None` where nothing does, or only patience is needed.
pub fn of_pod(pod: &PodFacts) -> Option<Failure> {
    if pod.is_leaving {
        return None;
    }
    let plain = |reason, kubernetes_reason: &str, message: &str| Failure {
        reason,
        message: message.to_owned(),
        http_status: None,
        pod: pod.name.clone(),
        container: None,
        exit_code: None,
        kubernetes_reason: kubernetes_reason.to_owned(),
        time: None,
    };
    if let Some(message) = &pod.unschedulable {
        return Some(plain(unschedulable(message), "Unschedulable", message));
    }
    if let Some((reason, message)) = &pod.ended {
        let kind = match reason.as_str() {
            "Evicted" if message.contains("memory") => Reason::InsufficientMemory,
            "UnexpectedAdmissionError" => Reason::InsufficientGPU,
            _ => Reason::PodsNotReady,
        };
        return Some(plain(kind, reason, message));
    }
    let failure = pod.containers.iter().find_map(|container| of_container(pod, container));
    failure.or_else(|| {
        let message = pod.stuck.as_ref()?;
        let reason = missing_reference(message).unwrap_or(Reason::PodsNotReady);
        Some(plain(reason, "ContainerCreating", message))
    })
}

/// The last time that a container of the pod ended badly, also if it runs again.
pub fn last_end(pod: &PodFacts) -> Option<Failure> {
    pod.containers
        .iter()
        .filter_map(|container| {
            let ended = container.last_end().filter(|ended| ended.exit_code != 0)?;
            Some(of_termination(pod, container, ended))
        })
        .max_by_key(|failure| failure.time.as_ref().map(|time| time.0))
}

fn of_container(pod: &PodFacts, container: &ContainerFacts) -> Option<Failure> {
    let (reason, message) = container.waiting.as_ref()?;
    let named = |kind, message: String| Failure {
        reason: kind,
        message,
        http_status: None,
        pod: pod.name.clone(),
        container: Some(container.name.clone()),
        exit_code: None,
        kubernetes_reason: reason.clone(),
        time: None,
    };
    match reason.as_str() {
        "ImagePullBackOff"
        | "ErrImagePull"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => Some(named(Reason::ImagePullFailed, message.clone())),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(named(missing_reference(message).unwrap_or(Reason::CrashLoop), message.clone()))
        }
        "CrashLoopBackOff" => match container.last_end() {
            Some(ended) => Some(Failure {
                // Every failure that loops is a loop, unless its own reason says more.
                kubernetes_reason: match ended.reason.as_str() {
                    "Error" | "" => reason.clone(),
                    own => own.to_owned(),
                },
                ..of_termination(pod, container, ended)
            }),
            None => Some(named(Reason::CrashLoop, message.clone())),
        },
        _ => None,
    }
}

fn of_termination(pod: &PodFacts, container: &ContainerFacts, ended: &Termination) -> Failure {
    let report = match JobReport::parse(&ended.message) {
        Some(JobReport::Failed(report)) => Some(report),
        _ => None,
    };
    let (reason, message, http_status) = match report {
        Some(FailureReport { reason, message, http_status }) => {
            (Reason::from_name(&reason).unwrap_or(Reason::PullFailed), message, http_status)
        }
        None if ended.reason == "OOMKilled" => {
            (Reason::OutOfMemory, "the container used more memory than its limit".to_owned(), None)
        }
        None => (Reason::CrashLoop, end_in_words(container, ended), None),
    };
    Failure {
        reason,
        message,
        http_status,
        pod: pod.name.clone(),
        container: Some(container.name.clone()),
        exit_code: Some(ended.exit_code),
        kubernetes_reason: ended.reason.clone(),
        time: ended.time.clone(),
    }
}

/// Why a pod's server does not serve the model, in its own words.
pub fn of_load(pod: &PodFacts, error: &str) -> Failure {
    Failure {
        reason: Reason::LoadFailed,
        message: error.to_owned(),
        http_status: None,
        pod: pod.name.clone(),
        container: Some("server".to_owned()),
        exit_code: None,
        kubernetes_reason: "LoadFailed".to_owned(),
        time: None,
    }
}

/// Why a pod could not even be made, in the words of the event that says so.
pub fn of_unmade_pod(message: &str) -> Failure {
    let reason = match message.contains("exceeded quota") {
        true => Reason::QuotaExceeded,
        false => Reason::ApplyFailed,
    };
    Failure {
        reason,
        message: message.to_owned(),
        http_status: None,
        pod: String::new(),
        container: None,
        exit_code: None,
        kubernetes_reason: "FailedCreate".to_owned(),
        time: None,
    }
}

/// What a Job's container reported when it succeeded.
pub fn report(pod: &PodFacts) -> Option<SourceReport> {
    pod.containers.iter().find_map(|container| {
        let ended = container.ended.as_ref().filter(|ended| ended.exit_code == 0)?;
        match JobReport::parse(&ended.message)? {
            JobReport::Done(report) => Some(report),
            JobReport::Failed(_) | JobReport::RenderGroup { .. } => None,
        }
    })
}

/// The render group that a Job's container found.
pub fn render_group(pod: &PodFacts) -> Option<i64> {
    pod.containers.iter().find_map(|container| {
        let ended = container.ended.as_ref().filter(|ended| ended.exit_code == 0)?;
        match JobReport::parse(&ended.message)? {
            JobReport::RenderGroup { gid } => Some(i64::from(gid)),
            JobReport::Done(_) | JobReport::Failed(_) => None,
        }
    })
}

/// What the scheduler's sentence comes down to. Of several causes the one that a person can do most
/// about is named; the message has them all.
pub fn unschedulable(message: &str) -> Reason {
    let says = |text: &str| message.contains(text);
    if says("volume node affinity conflict") || says("Multi-Attach") {
        Reason::VolumeNodeConflict
    } else if says("Insufficient gpu.intel.com") || says("cannot allocate all claims") {
        Reason::InsufficientGPU
    } else if says("Insufficient memory") {
        Reason::InsufficientMemory
    } else if says("Insufficient cpu") {
        Reason::InsufficientCPU
    } else if says("unbound immediate PersistentVolumeClaims") {
        Reason::WaitingForVolume
    } else {
        Reason::Unschedulable
    }
}

/// What the kubelet says when something that a container refers to is not there.
pub fn missing_reference(message: &str) -> Option<Reason> {
    let is_missing = message.contains("not found")
        || message.contains("couldn't find key")
        || message.contains("references non-existent");
    match () {
        () if !is_missing => None,
        () if message.contains("onfigmap") || message.contains("ConfigMap") => {
            Some(Reason::ConfigMapNotFound)
        }
        () if message.contains("ecret") => Some(Reason::SecretNotFound),
        () => None,
    }
}

/// The end of a log: the last lines, at most about 500 characters.
/// What the container said last, and what ended it where that was not itself: then its last words say nothing of it.
fn end_in_words(container: &ContainerFacts, ended: &Termination) -> String {
    let (name, code) = (&container.name, ended.exit_code);
    let said = last_lines(&ended.message);
    match (code.checked_sub(128).filter(|signal| *signal > 0), said.is_empty()) {
        (Some(signal), true) => format!("the container {name} was ended by signal {signal}"),
        (Some(signal), false) => {
            format!("the container {name} was ended by signal {signal}; it had said: {said}")
        }
        (None, true) => format!("the container {name} ended with exit code {code}"),
        (None, false) => said,
    }
}

fn last_lines(text: &str) -> String {
    let text = text.trim();
    let start = text.char_indices().rev().nth(499).map_or(0, |(index, _)| index);
    match text[start..].split_once('\n') {
        Some((_, rest)) if start > 0 && !rest.is_empty() => rest.to_owned(),
        _ => text[start..].to_owned(),
    }
}

#[cfg(test)]
mod tests;
