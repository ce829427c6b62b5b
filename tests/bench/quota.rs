//! The server with a CPU quota of one core, as a container has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use integration_tests::program;

use crate::http::{HttpServer, arguments};

/// Microseconds of CPU time in [`PERIOD`].
const QUOTA: &str = "100000";
/// Microseconds.
const PERIOD: &str = "100000";

/// A control group with one core's CPU time, removed when dropped.
struct OneCore(PathBuf);

/// A server in such a group. The clients stay outside.
pub(crate) struct LimitedServer {
    pub(crate) server: HttpServer,
    // Dropped after the server, because a group with a process cannot be removed.
    _group: OneCore,
}

impl LimitedServer {
    /// The server with its own settings; `Err` says why it cannot be limited here.
    pub(crate) fn start(model: &Path) -> Result<Result<Self, String>> {
        let group = match OneCore::make() {
            Ok(group) => group,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut command = Command::new("sh");
        command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]);
        command.arg(group.0.join("cgroup.procs")).arg(program::program());
        command.args(arguments(model)?);
        program::clean(&mut command);
        Ok(Ok(Self { server: HttpServer::spawn(command)?, _group: group }))
    }
}

impl OneCore {
    /// In the unified hierarchy, else in that of the CPU controller.
    fn make() -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("embedserve-bench-{}", std::process::id());
        let delegated = fs::read_to_string(root.join("cgroup.subtree_control"));
        let group = match delegated {
            Ok(controllers) if controllers.split_whitespace().any(|name| name == "cpu") => {
                let group = Self::make_folder(root.join(name))?;
                group.set("cpu.max", &format!("{QUOTA} {PERIOD}"))?;
                group
            }
            Ok(_) => return Err("the unified hierarchy does not delegate the CPU".to_owned()),
            Err(_) => {
                let group = Self::make_folder(root.join("cpu").join(name))?;
                group.set("cpu.cfs_period_us", PERIOD)?;
                group.set("cpu.cfs_quota_us", QUOTA)?;
                group
            }
        };
        Ok(group)
    }

    fn make_folder(folder: PathBuf) -> Result<Self, String> {
        match fs::create_dir(&folder) {
            Ok(()) => Ok(Self(folder)),
            Err(error) => Err(format!("{}: {error}", folder.display())),
        }
    }

    fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.0.join(file);
        fs::write(&path, value).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // The kernel lets go of an ended process a moment later.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
