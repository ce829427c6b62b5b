//! Values: the chart is in order with each set, and refuses what it does not know.

use integration_tests::helm::{Helm, chart};

use crate::SETS;

#[test]
fn helm_has_no_objection_with_any_set_of_values() {
    let Some(helm) = Helm::find() else { return };
    let folder = chart();
    let folder = folder.to_str().expect("UTF-8");
    for (name, arguments) in SETS {
        let lint = ["lint", "--strict", folder];
        let output = helm.run(lint.iter().chain(arguments));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {text}");
    }
}

#[test]
fn a_packed_chart_has_everything_that_it_renders_from() {
    let Some(helm) = Helm::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let chart = chart();
    let package = ["package".as_ref(), chart.as_os_str(), "-d".as_ref(), folder.path().as_os_str()];
    assert!(helm.run(package).status.success());
    let packed = std::fs::read_dir(folder.path()).expect("the folder is there").flatten().next();
    let packed = packed.expect("a file").path();
    let arguments = ["template", "embedserve", packed.to_str().expect("UTF-8")];
    let monitored =
        ["--set", "monitoring.dashboard.enabled=true", "--namespace", "embedserve-system"];
    let output = helm.run(arguments.iter().chain(&monitored));
    let monitored = ["--set", "monitoring.dashboard.enabled=true"];
    assert_eq!(String::from_utf8_lossy(&output.stdout), helm.template(&monitored));
}

/// A mistyped value that were ignored would be found out about in an incident.
#[test]
fn unknown_and_impossible_values_are_refused() {
    let Some(helm) = Helm::find() else { return };
    for (value, expected) in [
        ("replicaCount=2", "replicaCount"),
        ("hub.tokenSecret.nmae=x", "nmae"),
        ("image.operator.tags=x", "tags"),
        ("monitoring.podMonitor.enable=true", "enable"),
        ("concurrency=0", "concurrency"),
        ("podAccess=sometimes", "podAccess"),
        ("hub.endpoint=hub.example.com", "endpoint"),
        ("hub.cidrs[0]=everywhere", "cidrs"),
        ("hub.env.NO_PROXY=a;b", "env"),
        ("image.server.digest=sha256:12", "digest"),
        ("watchNamespaces[0]=Not_A_Name", "watchNamespaces"),
        ("test.repo=minilm", "repo"),
        // Two of the same label would be no YAML.
        ("commonLabels.app\\.kubernetes\\.io/name=mine", "commonLabels"),
    ] {
        let output = helm.try_template(&["--set-string", value]);
        let output = match value.split_once('=').is_some_and(|(_, it)| it.parse::<u8>().is_ok()) {
            true => helm.try_template(&["--set", value]),
            false => output,
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{value}: {said}");
    }
}

#[test]
fn a_cluster_that_is_too_old_is_refused() {
    let Some(helm) = Helm::find() else { return };
    let output = helm.try_template(&["--kube-version", "1.29.9"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("requires kubeVersion: >=1.30.0"), "{said}");
    // Managed clusters put a suffix behind theirs.
    assert!(helm.try_template(&["--kube-version", "1.30.0-gke.1"]).status.success());
}
