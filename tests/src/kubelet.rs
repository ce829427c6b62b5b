//! Plays the node of a control plane that has none: pods get a node, run, end and fail as a test says.
//!
//! What a kubelet writes into a pod's status, this writes; what follows from it (Jobs that complete,
//! Deployments that are available) is done by Kubernetes' own controllers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, User};
use crate::wait;

/// The node that all pods run on.
pub const NODE: &str = "node-a";

/// The pods of one namespace.
#[derive(Clone, Copy)]
pub struct Kubelet<'a> {
    plane: &'a ControlPlane,
    namespace: &'a str,
}

/// How a container ended.
#[derive(Clone, Debug)]
pub struct End<'a> {
    /// Its exit code.
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`.
    pub reason: &'a str,
    /// Its termination message.
    pub message: &'a str,
}

impl<'a> Kubelet<'a> {
    /// The pods of a namespace.
    pub fn new(plane: &'a ControlPlane, namespace: &'a str) -> Self {
        Self { plane, namespace }
    }

    /// The pods with these labels that are not going away, the oldest first.
    pub fn pods(&self, selector: &str) -> Vec<Value> {
        let path = format!("{}?labelSelector={selector}", self.path(""));
        let list = self.plane.get(&path).expect("the namespace is there");
        let mut pods: Vec<Value> = list["items"].as_array().cloned().unwrap_or_default();
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        pods.sort_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string());
        pods
    }

    /// Waits for a pod with these labels that has not ended, and returns its name.
    pub fn wait_for_pod(&self, selector: &str) -> String {
        let mut found = None;
        wait::until(&format!("there is a pod {selector} in {}", self.namespace), || {
            let is_open = |pod: &Value| {
                !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
            };
            let pods = self.pods(selector);
            found = pods.iter().find(|pod| is_open(pod)).map(name);
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Gives a pod the node.
    pub fn bind(&self, pod: &str) {
        self.plane.request(
            User::Admin,
            Method::POST,
            "/api/v1/nodes",
            Some(&json!({"metadata": {"name": NODE}})),
        );
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        });
        let path = self.path(&format!("/{pod}/binding"));
        let answer = self.plane.request(User::Admin, Method::POST, &path, Some(&binding));
        // A pod that has its node keeps it.
        assert!(
            answer.status < 300 || matches!(answer.status, 404 | 409),
            "{}: {}",
            answer.status,
            answer.body
        );
    }

    /// No node fits a pod, in the scheduler's words.
    pub fn refuse(&self, pod: &str, message: &str) {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        });
        self.patch_status(pod, &json!({"phase": "Pending", "conditions": [condition]}));
    }

    /// A pod's container ends well.
    pub fn finish(&self, pod: &str, message: &str) {
        self.bind(pod);
        let end = End { exit_code: 0, reason: "Completed", message };
        self.patch_status(
            pod,
            &json!({"phase": "Succeeded", "containerStatuses": [self.container(pod, &terminated(&end), &json!({}), 0)]}),
        );
    }

    /// A pod's container ended badly and waits for its next start.
    pub fn crash(&self, pod: &str, end: &End<'_>, restarts: i32) {
        self.bind(pod);
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}});
        let status = self.container(pod, &waiting, &terminated(end), restarts);
        self.patch_status(pod, &json!({"phase": "Running", "containerStatuses": [status]}));
    }

    /// A pod's container waits for something.
    pub fn hold(&self, pod: &str, reason: &str, message: &str) {
        self.bind(pod);
        let waiting = json!({"waiting": {"reason": reason, "message": message}});
        let status = self.container(pod, &waiting, &json!({}), 0);
        self.patch_status(pod, &json!({"phase": "Pending", "containerStatuses": [status]}));
    }

    /// A pod's container runs at an address; `is_ready` as its readiness probe says.
    pub fn run(&self, pod: &str, address: &str, is_ready: bool) {
        self.bind(pod);
        let now = self.now();
        let mut status =
            self.container(pod, &json!({"running": {"startedAt": now}}), &json!({}), 0);
        status["ready"] = json!(is_ready);
        status["started"] = json!(true);
        let state = if is_ready { "True" } else { "False" };
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": now});
        self.patch_status(
            pod,
            &json!({
                "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                "conditions": [
                    condition("PodScheduled", "True"), condition("ContainersReady", state), condition("Ready", state)
                ],
                "containerStatuses": [status],
            }),
        );
    }

    /// As [`Self::finish`]; a pod that has gone meanwhile is no mistake.
    pub fn try_finish(&self, pod: &str, message: &str) {
        if self.exists(pod) {
            self.finish(pod, message);
        }
    }

    /// As [`Self::run`] of a ready pod; a pod that has gone meanwhile is no mistake.
    pub fn try_run(&self, pod: &str, address: &str) {
        if self.exists(pod) {
            self.run(pod, address, true);
        }
    }

    fn exists(&self, pod: &str) -> bool {
        self.plane.get(&self.path(&format!("/{pod}"))).is_some()
    }

    /// Pods that are going away are gone, as when their containers have ended.
    pub fn end_leaving_pods(&self) {
        let list = self.plane.get(&self.path("")).expect("the namespace is there");
        for pod in list["items"].as_array().into_iter().flatten() {
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                let path = self.path(&format!("/{}", name(pod)));
                let options = json!({"gracePeriodSeconds": 0});
                // It may be gone already.
                self.plane.request(User::Admin, Method::DELETE, &path, Some(&options));
            }
        }
    }

    fn now(&self) -> String {
        let namespace = self.plane.get("/api/v1/namespaces/default").expect("it is always there");
        // Any time will do that the API server itself wrote.
        namespace["metadata"]["creationTimestamp"].as_str().expect("it has one").to_owned()
    }

    fn container(&self, pod: &str, state: &Value, last: &Value, restarts: i32) -> Value {
        let pod = self.plane.get(&self.path(&format!("/{pod}"))).unwrap_or_default();
        let container = &pod["spec"]["containers"][0];
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
            "restartCount": restarts, "state": state, "lastState": last,
        })
    }

    fn patch_status(&self, pod: &str, status: &Value) {
        let path = self.path(&format!("/{pod}/status"));
        let status = json!({"status": status});
        let answer = self.plane.request(User::Admin, Method::PATCH, &path, Some(&status));
        // Controllers delete pods whenever they like.
        assert!(answer.status < 300 || answer.status == 404, "{}: {}", answer.status, answer.body);
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/pods{rest}", self.namespace)
    }
}

fn terminated(end: &End<'_>) -> Value {
    json!({"terminated": {"exitCode": end.exit_code, "reason": end.reason, "message": end.message}})
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().expect("objects have names").to_owned()
}
