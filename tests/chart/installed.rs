//! The chart in the hands of a user: installed, tested, upgraded, removed and installed again.

use integration_tests::control_plane::ControlPlane;
use integration_tests::helm::{Helm, chart};
use integration_tests::kubelet::Kubelet;
use integration_tests::operator::{Model, NAMESPACE};

use crate::AIR_GAPPED;

/// What a user does on the first day, later, and at the end; models outlive the operator's removal.
#[test]
fn it_is_installed_upgraded_and_removed_and_models_stay() {
    let (Some(helm), Some(plane)) = (Helm::find(), ControlPlane::start()) else { return };
    let folder = chart();
    let place = ["--namespace", NAMESPACE];
    let try_run = |words: &[&str]| helm.run_in(&plane, words.iter().chain(&place));
    let run = |words: &[&str]| {
        let output = try_run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).expect("output is UTF-8")
    };
    let folder = folder.to_str().expect("UTF-8");
    // Somebody has tried the operator without Helm before.
    plane.define_embedding_models();
    let install = ["install", "embedserve", folder, "--create-namespace", "--values", AIR_GAPPED];
    let refused = try_run(&install);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("invalid ownership metadata"));
    let owning = [&install[..], &["--take-ownership"]].concat();
    let notes = run(&owning);
    for expected in [
        "rollout status deployment/embedserve-operator",
        "helm test embedserve --namespace embedserve-system --timeout 300s",
        "wait --for=condition=Ready --timeout=10m emb/bge-base",
        "create secret generic hub-token --from-file=token=FILE",
        "create configmap company-certificates --from-file=ca.crt=FILE",
    ] {
        assert!(notes.contains(expected), "{expected} is not in:\n{notes}");
    }
    let model = Model { plane: &plane, namespace: "default", name: "kept" };
    model.apply("{source: {huggingFace: {repo: a/b}}}");
    a_passed_test_leaves_nothing(&plane, || {
        run(&["test", "embedserve"]);
    });
    run(&["upgrade", "embedserve", folder, "--set", "replicas=1"]);
    let deployment =
        format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/embedserve-operator");
    assert_eq!(plane.get(&deployment).expect("it is there")["spec"]["replicas"], 1);
    run(&["uninstall", "embedserve"]);
    assert!(plane.get(&deployment).is_none());
    assert!(model.get().is_some());
    run(&install);
    assert!(plane.get(&deployment).is_some() && model.get().is_some());
}

/// `helm test` makes the model before the pod that asks it, and takes both away again.
fn a_passed_test_leaves_nothing(plane: &ControlPlane, test: impl FnOnce() + Send) {
    let kubelet = Kubelet::new(plane, NAMESPACE);
    let model = Model { plane, namespace: NAMESPACE, name: "embedserve-test" };
    std::thread::scope(|scope| {
        let test = scope.spawn(test);
        let pod = kubelet.wait_for_pod("app.kubernetes.io/name=embedserve-test");
        assert!(model.get().is_some());
        kubelet.finish(&pod, "");
        test.join().expect("the test passes");
    });
    assert!(model.get().is_none());
    assert!(kubelet.pods("app.kubernetes.io/name=embedserve-test").is_empty());
}
