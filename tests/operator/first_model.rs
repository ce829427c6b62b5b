//! From six lines to an address that answers.

use integration_tests::kubelet::Kubelet;
use integration_tests::operator::Model;

use crate::stage::{COMMIT, bring_files, finish_job, resolved, stage};

#[test]
fn six_lines_lead_to_files_settings_and_pods() {
    let Some(stage) = stage() else { return };
    let plane = &stage.plane;
    let namespace = plane.namespace("first");
    let model = Model { plane, namespace: &namespace, name: "minilm" };
    let kubelet = Kubelet::new(plane, &namespace);
    model.apply("{source: {huggingFace: {repo: sentence-transformers/all-MiniLM-L6-v2}}}");

    model.wait_for("SourceResolved", "False", "Resolving");
    finish_job(&kubelet, "resolve", &resolved(COMMIT));
    model.wait_for("SourceResolved", "True", "Resolved");
    model.wait_for("CachePopulated", "False", "Pulling");
    finish_job(&kubelet, "pull", &resolved(COMMIT));
    model.wait_for("CachePopulated", "True", "Populated");
    let deployment = model.wait_for_object("apis/apps/v1", "deployments", "minilm");
    println!("{deployment:#}");
    println!("{:#}", model.status());
    println!("{}", stage.operator.log());
    let _ = bring_files;
}
