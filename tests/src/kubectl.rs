//! kubectl, as a user would call it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::control_plane::kubernetes_program;
use crate::program::clean;

/// A call in the cluster of a kubeconfig, still without arguments.
pub(crate) fn command(kubeconfig: &Path) -> Command {
    let mut command = Command::new(kubernetes_program("kubectl"));
    clean(&mut command);
    command.env("KUBECONFIG", kubeconfig);
    command
}

/// Runs a call to its end with `input` on standard input.
pub(crate) fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kubectl starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // One that does not read its input says why on standard error.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("kubectl ends")
}

/// What a call has printed, which must have succeeded.
///
/// # Panics
/// With its errors, if it failed.
pub(crate) fn printed(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl: {stderr}");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}
