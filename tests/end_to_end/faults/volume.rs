//! A volume is full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use integration_tests::cluster::{Cluster, Namespace, cluster};

use super::{apply, assert_says, minilm, serve, with_memory};

/// A PersistentVolume of a fixed number of bytes, with a claim of the same name. The files lie in memory.
struct SmallVolume<'a> {
    cluster: &'a Cluster,
    name: String,
    folder: PathBuf,
}

impl<'a> SmallVolume<'a> {
    /// Makes it in the folder in which the node keeps its volumes.
    fn make(namespace: &Namespace<'a>, volumes: &Path, size: &str) -> Self {
        let name = namespace.name.clone();
        let this = Self { cluster: namespace.cluster, folder: volumes.join(&name), name };
        std::fs::create_dir(&this.folder).expect("a folder");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size},mode=0777"), "tmpfs", this.path()],
        );
        let (name, path) = (&this.name, this.path());
        namespace.apply(&format!(
            "apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 1Gi}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: {name}
  hostPath: {{path: {path}, type: Directory}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: {name}
  volumeName: {name}
  resources: {{requests: {{storage: 1Gi}}}}
"
        ));
        this
    }

    fn resize(&self, size: &str) {
        run("mount", &["-o", &format!("remount,size={size}"), self.path()]);
    }

    fn path(&self) -> &str {
        self.folder.to_str().expect("the path is UTF-8")
    }
}

impl Drop for SmallVolume<'_> {
    fn drop(&mut self) {
        self.cluster.kubectl(["delete", "persistentvolume", &self.name, "--wait=false"]);
        // Pods may still be about to leave it.
        run("umount", &["--lazy", self.path()]);
        let _ = std::fs::remove_dir(&self.folder);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("the program starts");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The number before a text.
fn number_before(message: &str, text: &str) -> Option<u64> {
    let (before, _) = message.split_once(text)?;
    before.split_whitespace().last()?.parse().ok()
}

#[test]
fn a_full_volume_is_told_with_both_figures_and_filled_when_there_is_room() {
    let Some(cluster) = cluster() else { return };
    let volumes = cluster.kubeconfig().with_file_name("volumes");
    if !volumes.is_dir() {
        // Not by a macro, whose text cargo shows only for tests that fail.
        let reason = "skipped: the volumes of this cluster are on another machine";
        let _ = writeln!(std::io::stderr(), "{reason}");
        return;
    }
    let namespace = cluster.namespace("full");
    let load = serve(&namespace, &minilm());
    let volume = SmallVolume::make(&namespace, &volumes, "60m");
    let cache = format!("cache: {{persistentVolumeClaim: {{claimName: {}}}}}", volume.name);
    apply(&namespace, "kept", &minilm(), &format!("{}\n  {cache}", with_memory("1Gi")));

    let message = namespace.wait_for("kept", "CachePopulated", "False", "InsufficientStorage");
    assert_says(&message, &["free space", "cache.persistentVolumeClaim"]);
    let needed = number_before(&message, " bytes are needed").expect("a number");
    let free = number_before(&message, " are free").expect("a number");
    assert!(needed > 90_000_000 && free < 63_000_000, "{message}");
    let message = namespace.wait_for("kept", "Ready", "False", "InsufficientStorage");
    assert_says(&message, &["bytes are needed"]);
    load.assert_unharmed();

    volume.resize("1g");
    namespace.wait_for("kept", "Ready", "True", "Ready");
    load.assert_unharmed();
    namespace.kubectl(&["delete", "emb", "kept", "--timeout=120s"]);
}
