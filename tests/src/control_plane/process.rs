//! One program of the control plane, which can be ended and started again in place: same port, same
//! arguments, same data.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::wait;

/// The program beside a shell that waits for the test program's end: then it removes the folder and ends
/// the group. (The kernel's own signal at a parent's end would come when the thread that started the
/// program ends, which is the first test that needed it.)
const SCRIPT: &str = r#"exec 3<&0
{ read -r _; rm -rf "${FOLDER:?}"; kill -KILL 0; } <&3 &
exec "$0" "$@" </dev/null 3<&-"#;

/// A program with a port of its own.
pub(super) struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    address: String,
    folder: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// A program that does not run yet. `address` is what answers with 200 once it is ready.
    pub(super) fn new(
        program: PathBuf,
        arguments: Vec<String>,
        address: String,
        folder: PathBuf,
    ) -> Self {
        Self { program, arguments, address, folder, child: None }
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// With the log, if it ends or does not become ready.
    pub(super) fn run(&mut self, client: &reqwest::blocking::Client) {
        assert!(self.child.is_none(), "{} runs already", self.name());
        let log = OpenOptions::new().create(true).append(true).open(self.log_path());
        let log = log.expect("the log can be opened");
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(&self.program).args(&self.arguments);
        command.current_dir(&self.folder).env("FOLDER", &self.folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(log.try_clone().expect("the log opens twice"));
        let mut child = command.stderr(log).spawn().expect("a shell starts");
        wait::until(&format!("{} is ready", self.name()), || {
            let ended = child.try_wait().expect("the child can be waited for");
            assert!(ended.is_none(), "{} ended at once, log:\n{}", self.name(), self.log());
            let answer = client.get(&self.address).timeout(Duration::from_secs(5)).send();
            answer.is_ok_and(|answer| answer.status().is_success())
        });
        self.child = Some(child);
    }

    /// Ends it as the kernel would, without a word.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
        }
    }

    /// What it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name()))
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that a program can take again after it was ended. The kernel gives ports from 32768 on to
/// outgoing connections, so these are below.
pub(super) fn lasting_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 1_000).expect("less than a thousand");
    loop {
        let port = 12_000 + process * 20 + TRIED.fetch_add(1, Ordering::Relaxed) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
