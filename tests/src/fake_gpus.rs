//! GPUs that the cluster's node offers and does not have: real device files, groups and device plugin, no driver.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cluster::script;
use crate::program::{cache, clean};

/// The group of the render nodes.
pub const GROUP: i64 = 993;

/// Where a kubelet on this machine is told of device plugins.
const KUBELET: &str = "/var/lib/kubelet/device-plugins/kubelet.sock";

/// The node's GPUs, which one test at a time may change.
pub struct NodeGpus {
    _lock: File,
}

/// A device plugin at work. When it is dropped, or when this program ends, the GPUs are gone.
pub struct FakeGpus {
    child: Child,
}

impl NodeGpus {
    /// Waits until no other test uses them; `None` where there can be none, which is said aloud.
    pub fn take() -> Option<Self> {
        match Self::prepare() {
            Ok(taken) => Some(taken),
            Err(reason) => {
                // Not by a macro, whose text cargo shows only for tests that fail.
                let _ =
                    writeln!(std::io::stderr(), "skipped: a test with a device plugin: {reason}");
                None
            }
        }
    }

    fn prepare() -> Result<Self, String> {
        if !Path::new(KUBELET).exists() {
            return Err("the cluster's node is another machine".to_owned());
        }
        script("cluster/install.sh", &[cache().as_os_str(), OsStr::new("device-plugin")])?;
        let path = cache().join(".gpus.lock");
        let lock = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        lock.lock().map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { _lock: lock })
    }

    /// Has the node offer so many as this resource.
    ///
    /// # Panics
    /// With the plugin's words on standard error, if the kubelet does not take it.
    pub fn offer(&self, resource: &str, count: u32) -> FakeGpus {
        let mut command = Command::new(cache().join("device-plugin/device-plugin"));
        clean(&mut command);
        command.args([resource, &count.to_string(), &GROUP.to_string()]);
        command.arg(cache().join("cluster/devices"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the device plugin starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "registered\n");
        FakeGpus { child }
    }
}

impl Drop for FakeGpus {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
