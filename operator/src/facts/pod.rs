//! Pods: where they run, how far they are, and what their containers last said.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::names::{self, Component};

/// What a pod is and does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The part that it plays.
    pub component: Option<Component>,
    /// The Job that made it.
    pub job: Option<String>,
    /// The release that it serves.
    pub release: Option<String>,
    /// The node that it runs on.
    pub node: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Whether it is going away.
    pub is_leaving: bool,
    /// Why no node fits, in the scheduler's words.
    pub unschedulable: Option<String>,
    /// When it was made.
    pub created: Option<Time>,
    /// When a node was found.
    pub scheduled: Option<Time>,
    /// When it became ready.
    pub ready_since: Option<Time>,
    /// Why it does not start, in the words of its events.
    pub stuck: Option<String>,
    /// Why the whole pod ended, for example Evicted, with the message.
    pub ended: Option<(String, String)>,
    /// Its containers, those that run first included.
    pub containers: Vec<ContainerFacts>,
}

/// Whether a container runs before the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerKind {
    /// An init container.
    Init,
    /// A container that runs as long as the pod.
    #[default]
    Main,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub kind: ContainerKind,
    /// How often it was started again.
    pub restarts: i32,
    /// What it waits for: Kubernetes' reason and message.
    pub waiting: Option<(String, String)>,
    /// Since when it runs.
    pub running_since: Option<Time>,
    /// How it ended, if it does not run any more.
    pub ended: Option<Termination>,
    /// How it ended the time before.
    pub ended_before: Option<Termination>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Termination {
    /// Its exit code.
    pub exit_code: i32,
    /// Kubernetes' reason, for example OOMKilled or Error.
    pub reason: String,
    /// Its termination message, or the last lines of its log.
    pub message: String,
    /// When it began.
    pub started: Option<Time>,
    /// When it ended.
    pub time: Option<Time>,
}

impl PodFacts {
    /// Whether the pod is there to stay and not over.
    pub fn is_current(&self) -> bool {
        !self.is_leaving && self.phase != "Succeeded" && self.phase != "Failed"
    }
}

impl From<&Pod> for PodFacts {
    fn from(pod: &Pod) -> Self {
        let metadata = &pod.metadata;
        let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key));
        let status = pod.status.clone().unwrap_or_default();
        let condition = |kind: &str| {
            status.conditions.iter().flatten().find(|condition| condition.type_ == kind)
        };
        let is_true = |kind: &str| condition(kind).filter(|it| it.status == "True");
        let containers = |statuses: &Option<Vec<ContainerStatus>>, kind| {
            let statuses = statuses.iter().flatten();
            statuses.map(|status| ContainerFacts::of(status, kind)).collect::<Vec<_>>()
        };
        let mut all = containers(&status.init_container_statuses, ContainerKind::Init);
        all.extend(containers(&status.container_statuses, ContainerKind::Main));
        all.shrink_to_fit();
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            component: label(names::COMPONENT).and_then(|it| Component::from_label(it)),
            job: label("batch.kubernetes.io/job-name").or_else(|| label("job-name")).cloned(),
            release: label(names::RELEASE).cloned(),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            address: status.pod_ip.clone().filter(|address| !address.is_empty()),
            is_ready: is_true("Ready").is_some(),
            is_leaving: metadata.deletion_timestamp.is_some(),
            unschedulable: condition("PodScheduled")
                .filter(|it| it.status == "False" && it.reason.as_deref() == Some("Unschedulable"))
                .map(|it| it.message.clone().unwrap_or_default()),
            created: metadata.creation_timestamp.clone(),
            scheduled: is_true("PodScheduled").and_then(|it| it.last_transition_time.clone()),
            ready_since: is_true("Ready").and_then(|it| it.last_transition_time.clone()),
            stuck: None,
            ended: status
                .reason
                .clone()
                .filter(|_| status.phase.as_deref() == Some("Failed"))
                .map(|reason| (reason, status.message.clone().unwrap_or_default())),
            phase: status.phase.unwrap_or_default(),
            containers: all,
        }
    }
}

impl ContainerFacts {
    fn of(status: &ContainerStatus, kind: ContainerKind) -> Self {
        let state = status.state.clone().unwrap_or_default();
        let before = status.last_state.clone().unwrap_or_default();
        let termination =
            |ended: k8s_openapi::api::core::v1::ContainerStateTerminated| Termination {
                exit_code: ended.exit_code,
                reason: ended.reason.unwrap_or_default(),
                message: ended.message.unwrap_or_default(),
                started: ended.started_at,
                time: ended.finished_at,
            };
        Self {
            name: status.name.clone(),
            kind,
            restarts: status.restart_count,
            waiting: state.waiting.map(|waiting| {
                (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default())
            }),
            running_since: state.running.and_then(|running| running.started_at),
            ended: state.terminated.map(termination),
            ended_before: before.terminated.map(termination),
        }
    }

    /// How it ended last, now or before.
    pub fn last_end(&self) -> Option<&Termination> {
        self.ended.as_ref().or(self.ended_before.as_ref())
    }
}
