//! The API server or etcd goes away for a while and comes back.

use std::io::Write;

use integration_tests::cluster::cluster;
use integration_tests::wait;

use super::{RATE, minilm, serve, with_memory};

/// Longer than an operator stays at work that cannot renew its Lease.
const AWAY: u64 = 12;

#[test]
fn what_serves_goes_on_without_a_control_plane_and_what_changes_afterwards_is_done() {
    let Some(cluster) = cluster() else { return };
    if !cluster.is_ours() {
        let reason = "a control plane that somebody else runs is not restarted";
        let _ = writeln!(std::io::stderr(), "skipped: {reason}");
        return;
    }
    let namespace = cluster.namespace_alone("restarts");
    let load = serve(&namespace, &minilm());
    for (process, pooling) in [("kube-apiserver", "CLS"), ("etcd", "LastToken")] {
        let before = load.assert_unharmed();
        cluster.restart_process(process, AWAY);
        let answered = load.assert_unharmed() - before;
        assert!(answered >= AWAY * u64::from(RATE), "{process}: only {answered} answers");

        let releases = || load.seen()["fingerprints"].as_array().map_or(0, Vec::len);
        let known = releases();
        let source = format!("source: {{huggingFace: {{{}}}}}", minilm());
        let pooling = format!("pooling: {pooling}");
        let members = [&source, "conversion: {weightFormat: fp32}", &with_memory("1Gi"), &pooling];
        namespace.apply_model("minilm", &members);
        wait::for_long(
            &format!("the new settings serve after the restart of {process}"),
            || releases() == known + 1,
            || namespace.kubectl(&["describe", "emb,pods"]),
        );
        namespace.wait_for("minilm", "Ready", "True", "Ready");
        load.assert_unharmed();
    }
}
