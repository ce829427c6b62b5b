//! The control plane that other tests stand on does what they rely on.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use integration_tests::control_plane::{AuditEvent, ControlPlane, Part, User};
use integration_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"greeting": "hello"}})
}

#[test]
fn after_a_crash_the_api_server_is_back_at_the_same_address_with_all_objects() {
    let Some(mut plane) = ControlPlane::start() else { return };
    let path = format!("{CONFIG_MAPS}/kept");
    plane.create(CONFIG_MAPS, &config_map("kept"));
    for part in [Part::ApiServer, Part::Etcd] {
        plane.stop(part);
        let answer = plane.kubectl(["get", "configmap", "kept", "--request-timeout=2s"]);
        assert!(!answer.status.success(), "{part:?} still answers");
        plane.run(part);
        // The API server takes a moment to see that etcd is back.
        wait::until("objects can be read again", || {
            plane.request(User::Admin, Method::GET, &path, None).status == 200
        });
        let kept = plane.get(&path).expect("the object outlives the crash");
        assert_eq!(kept["data"], config_map("kept")["data"], "{part:?}");
    }
}

#[test]
fn the_audit_log_says_who_did_what() {
    let Some(plane) = ControlPlane::start() else { return };
    let namespace = plane.namespace("audit");
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    plane.create(&path, &config_map("watched"));
    let refused = plane.request(User::Operator, Method::DELETE, &format!("{path}/watched"), None);
    assert_eq!(refused.status, 403, "{}", refused.body);
    let event = |user: User, verb: &str, status| AuditEvent {
        user: user.name().to_owned(),
        verb: verb.to_owned(),
        group: String::new(),
        resource: "configmaps".to_owned(),
        subresource: String::new(),
        namespace: namespace.clone(),
        name: "watched".to_owned(),
        status,
        stage: "ResponseComplete".to_owned(),
    };
    let of_the_test = |event: &AuditEvent| event.namespace == namespace && event.name == "watched";
    let mut events = Vec::new();
    wait::until("the audit log has both requests", || {
        events = plane.audit().into_iter().filter(of_the_test).collect();
        events.len() >= 2
    });
    assert_eq!(events, [event(User::Admin, "create", 201), event(User::Operator, "delete", 403)]);
}

#[test]
fn with_controllers_an_object_goes_when_its_owner_has_gone() {
    let Some(mut plane) = ControlPlane::start() else { return };
    plane.define_embedding_models();
    plane.run(Part::ControllerManager);
    let models = "/apis/embedserve.dev/v1alpha1/namespaces/default/embeddingmodels";
    let owner = plane.create(
        models,
        &json!({
            "apiVersion": "embedserve.dev/v1alpha1",
            "kind": "EmbeddingModel",
            "metadata": {"name": "owner"},
            "spec": {"source": {"huggingFace": {"repo": "a/b"}}}
        }),
    );
    let mut owned = config_map("owned");
    owned["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"]
    }]);
    plane.create(CONFIG_MAPS, &owned);
    plane.create(CONFIG_MAPS, &config_map("free"));
    plane.request(User::Admin, Method::DELETE, &format!("{models}/owner"), None).object();
    wait::until("the owned object is gone", || {
        plane.get(&format!("{CONFIG_MAPS}/owned")).is_none()
    });
    assert!(plane.get(&format!("{CONFIG_MAPS}/free")).is_some());
}

/// A test that is ended by force must not leave servers and their data behind.
#[test]
fn nothing_outlives_a_test_program_that_is_killed() {
    if ControlPlane::available().is_err() {
        return assert!(ControlPlane::start().is_none());
    }
    let mut test = Command::new(std::env::current_exe().expect("the test knows its own path"))
        .args(["--exact", "a_control_plane_that_is_never_dropped", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test program starts");
    let output = BufReader::new(test.stdout.take().expect("standard output is a pipe"));
    let mut lines = output.lines().map(|line| line.expect("output is text"));
    let kubeconfig = lines.find_map(|line| line.strip_prefix("kubeconfig: ").map(str::to_owned));
    let kubeconfig = kubeconfig.expect("the test tells where its control plane is");
    let folder = Path::new(&kubeconfig).parent().expect("a kubeconfig is in a folder").to_owned();
    let processes = || {
        let all = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
        all.filter(|process| {
            std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))
        })
        .count()
    };
    assert!(processes() >= 2, "the API server and etcd run");
    test.kill().expect("the test program can be killed");
    test.wait().expect("the test program can be waited for");
    wait::until("the processes have ended and the folder is gone", || {
        processes() == 0 && !folder.exists()
    });
}

#[test]
#[ignore = "run by nothing_outlives_a_test_program_that_is_killed"]
fn a_control_plane_that_is_never_dropped() {
    let plane = ControlPlane::start().expect("the other test has looked");
    #[expect(clippy::print_stdout, reason = "the other test reads it")]
    {
        println!("kubeconfig: {}", plane.kubeconfig(User::Admin).display());
    }
    let _ = std::io::stdin().read_line(&mut String::new());
}
