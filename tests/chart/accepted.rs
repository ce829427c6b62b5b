//! A real API server takes every object that the chart renders, under the strictest Pod Security.

use integration_tests::control_plane::ControlPlane;
use integration_tests::helm::{Helm, chart, chart_file, object};
use integration_tests::operator::NAMESPACE;
use integration_tests::program::cache;
use integration_tests::wait;
use serde_json::Value;

use crate::SETS;

/// A namespace in which only pods of the level `restricted` run, and other things' pods are warned about.
fn restricted(plane: &ControlPlane, namespace: &str) {
    plane.kubectl_ok(["create", "namespace", namespace]);
    let levels =
        ["enforce", "warn"].map(|it| format!("pod-security.kubernetes.io/{it}=restricted"));
    let label = ["label", "namespace", namespace];
    plane.kubectl_ok(label.into_iter().chain(levels.iter().map(String::as_str)));
}

#[test]
fn the_api_server_takes_everything_without_a_warning() {
    let (Some(helm), Some(plane)) = (Helm::find(), ControlPlane::start()) else { return };
    plane.define_embedding_models();
    let definitions = cache().join("definitions");
    let apply =
        ["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), definitions.as_os_str()];
    plane.kubectl_ok(apply);
    wait::until("the kinds of the Prometheus operator are there", || {
        ["podmonitors", "prometheusrules"].iter().all(|kind| {
            let path = format!("/apis/monitoring.coreos.com/v1/namespaces/default/{kind}");
            plane.get(&path).is_some()
        })
    });
    for namespace in [NAMESPACE, "search", "ranking"] {
        restricted(&plane, namespace);
    }
    for (name, arguments) in SETS {
        let text = helm.template(arguments);
        let apply = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let output = plane.kubectl_with_input(apply, &text);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        // The definition is there already, applied by somebody else.
        let ours = said.lines().filter(|line| !line.contains("last-applied-configuration"));
        assert_eq!(ours.collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

/// Templates would stumble over braces in the definition's texts, and YAML's numbers over Helm's.
#[test]
fn the_definition_arrives_as_it_is_generated_and_stays_when_the_chart_goes() {
    let Some(helm) = Helm::find() else { return };
    let name = "embeddingmodels.embedserve.dev";
    let generated: Value =
        serde_yaml::from_str(&chart_file(&format!("files/{name}.yaml"))).expect("YAML");
    let rendered = helm.objects(&[]);
    let definition = object(&rendered, "CustomResourceDefinition", name);
    assert_eq!(definition["spec"], generated["spec"]);
    let keep = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
    assert_eq!(keep, "keep");
    assert_eq!(definition["metadata"]["labels"]["app.kubernetes.io/instance"], "embedserve");
    let rendered = helm.objects(&["--set", "crds.keep=false"]);
    let definition = object(&rendered, "CustomResourceDefinition", name);
    assert!(definition["metadata"]["annotations"].is_null());
    let rendered = helm.template(&["--set", "crds.install=false"]);
    assert!(!rendered.contains("kind: CustomResourceDefinition"));
}

/// What was changed in a newer chart has to reach clusters: Helm never upgrades what is in a folder crds/.
#[test]
fn the_definition_is_upgraded_with_the_chart() {
    assert!(!chart().join("crds").exists());
    let link = chart().join("../../crds/embeddingmodels.embedserve.dev.yaml");
    let file = chart().join("files/embeddingmodels.embedserve.dev.yaml");
    let same = [link, file].map(|path| path.canonicalize().expect("it is there"));
    assert_eq!(same[0], same[1], "there is one definition");
}
