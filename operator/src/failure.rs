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
        None if ended.message.trim().is_empty() => {
            let name = &container.name;
            let message = format!("the container {name} ended with exit code {}", ended.exit_code);
            (Reason::CrashLoop, message, None)
        }
        None => (Reason::CrashLoop, last_lines(&ended.message), None),
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
fn last_lines(text: &str) -> String {
    let text = text.trim();
    let start = text.char_indices().rev().nth(499).map_or(0, |(index, _)| index);
    match text[start..].split_once('\n') {
        Some((_, rest)) if start > 0 && !rest.is_empty() => rest.to_owned(),
        _ => text[start..].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(containers: serde_json::Value) -> PodFacts {
        let pod = serde_json::json!({
            "metadata": {"name": "bge-0", "uid": "1"},
            "status": {"phase": "Running", "containerStatuses": containers}
        });
        PodFacts::from(
            &serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(pod).expect("a pod"),
        )
    }

    fn container(state: serde_json::Value, last: serde_json::Value) -> serde_json::Value {
        serde_json::json!([{
            "name": "server", "image": "x", "imageID": "", "ready": false, "restartCount": 3,
            "state": state, "lastState": last
        }])
    }

    #[test]
    fn a_container_that_was_killed_for_memory_says_so_also_in_its_back_off() {
        let facts = pod(container(
            serde_json::json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}),
            serde_json::json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        ));
        let failure = of_pod(&facts).expect("it fails");
        assert_eq!(failure.reason, Reason::OutOfMemory);
        assert_eq!(
            (failure.exit_code, failure.kubernetes_reason.as_str()),
            (Some(137), "OOMKilled")
        );
    }

    #[test]
    fn the_last_words_of_a_crash_are_the_message() {
        let facts = pod(container(
            serde_json::json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}),
            serde_json::json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "error: no such file\n"}}),
        ));
        let failure = of_pod(&facts).expect("it fails");
        assert_eq!(failure.reason, Reason::CrashLoop);
        assert_eq!(failure.message, "error: no such file");
        assert_eq!(failure.kubernetes_reason, "CrashLoopBackOff");
    }

    #[test]
    fn a_typed_report_decides_the_reason() {
        let report = JobReport::Failed(FailureReport {
            reason: "RevisionNotFound".to_owned(),
            message: "a/b has no revision v9".to_owned(),
            http_status: Some(404),
        });
        let facts = pod(container(
            serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            serde_json::json!({"terminated": {"exitCode": 1, "reason": "Error", "message": report.render()}}),
        ));
        let failure = of_pod(&facts).expect("it fails");
        assert_eq!((failure.reason, failure.http_status), (Reason::RevisionNotFound, Some(404)));
        assert_eq!(failure.message, "a/b has no revision v9");
    }

    #[test]
    fn containers_that_only_start_have_not_failed() {
        let waiting = serde_json::json!({"waiting": {"reason": "ContainerCreating"}});
        assert_eq!(of_pod(&pod(container(waiting, serde_json::json!({})))), None);
        let running = serde_json::json!({"running": {}});
        assert_eq!(of_pod(&pod(container(running.clone(), serde_json::json!({})))), None);
        // It failed before and runs again: the last failure is remembered, and is not the state.
        let before = serde_json::json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        let facts = pod(container(running, before));
        assert_eq!(of_pod(&facts), None);
        assert_eq!(last_end(&facts).expect("it failed before").exit_code, Some(2));
    }

    #[test]
    fn the_schedulers_and_the_kubelets_sentences_come_down_to_reasons() {
        for (message, expected) in [
            ("0/3 nodes are available: 3 Insufficient cpu.", Reason::InsufficientCPU),
            (
                "0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.",
                Reason::InsufficientMemory,
            ),
            ("0/1 nodes are available: 1 Insufficient gpu.intel.com/xe.", Reason::InsufficientGPU),
            (
                "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
                Reason::VolumeNodeConflict,
            ),
            (
                "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
                Reason::WaitingForVolume,
            ),
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.",
                Reason::Unschedulable,
            ),
        ] {
            assert_eq!(unschedulable(message), expected, "{message}");
        }
        for (message, expected) in [
            ("secret \"hub\" not found", Some(Reason::SecretNotFound)),
            ("couldn't find key token in Secret search/hub", Some(Reason::SecretNotFound)),
            (
                "MountVolume.SetUp failed for volume \"ca\" : configmap \"ca\" not found",
                Some(Reason::ConfigMapNotFound),
            ),
            ("failed to create containerd task", None),
        ] {
            assert_eq!(missing_reference(message), expected, "{message}");
        }
    }

    #[test]
    fn long_logs_are_cut_at_a_line() {
        let log = (0..100).map(|line| format!("line {line} äöü\n")).collect::<String>();
        let end = last_lines(&log);
        assert!(end.starts_with("line ") && end.ends_with("line 99 äöü"), "{end}");
        assert!(end.chars().count() <= 500);
    }
}
