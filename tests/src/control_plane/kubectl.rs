//! kubectl, as a user of the control plane would call it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::{ControlPlane, User};
use crate::kubectl;

impl User {
    pub(super) fn kubeconfig_name(self) -> &'static str {
        match self {
            Self::Admin => "admin.kubeconfig",
            Self::Operator => "operator.kubeconfig",
        }
    }
}

/// Writes each user's kubeconfig into the folder.
pub(super) fn write_kubeconfigs(folder: &Path, server: &str) {
    for user in User::ALL {
        let (name, token) = (user.name(), user.token());
        let text = format!(
            "\
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {{server: \"{server}\", certificate-authority: authority.crt}}
users:
- name: {name}
  user: {{token: {token}}}
contexts:
- name: test
  context: {{cluster: test, user: \"{name}\"}}
current-context: test
"
        );
        let path = folder.join(user.kubeconfig_name());
        fs::write(path, text).expect("the folder can be written to");
    }
}

impl ControlPlane {
    /// The file with a user's way to the API server.
    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.folder.join(user.kubeconfig_name())
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        self.kubectl_with_input(arguments, "")
    }

    /// Runs kubectl as the administrator with `input` on standard input, for `-f -`.
    pub fn kubectl_with_input<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &str,
    ) -> Output {
        let mut command = kubectl::command(&self.kubeconfig(User::Admin));
        // What it caches and which settings it reads is not the caller's.
        command.env("HOME", &self.folder).args(arguments);
        kubectl::run(command, input)
    }

    /// Runs kubectl as the administrator, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// With its errors, if it fails.
    pub fn kubectl_ok<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> String {
        kubectl::printed(self.kubectl(arguments))
    }
}
