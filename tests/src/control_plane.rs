//! A real Kubernetes control plane on loopback: etcd, an API server and, where a test asks for it, the
//! controller manager. No node and no network; what a kubelet would do, a test does by patching statuses.
//!
//! Rules of the schema, server-side apply, subresources, access rules and admission are the real ones.
//! Everything ends with the test program, however that ends.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use reqwest::blocking::Client;

use crate::certificate::Certificate;
use crate::wait;

mod audit;
mod kubectl;
mod process;
mod programs;
mod request;

pub use audit::AuditEvent;
pub(crate) use programs::kubernetes as kubernetes_program;
pub use request::Answer;

use process::Process;

/// The definition of `EmbeddingModel`, from this package.
const DEFINITION: &str = "../crds/embeddingmodels.embedserve.dev.yaml";

/// Somebody whom the API server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// May do everything.
    Admin,
    /// The operator's service account, which may do only what a test allows it.
    Operator,
}

impl User {
    /// Every user.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Operator];

    /// The name in access rules and in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "system:serviceaccount:embedserve-system:embedserve-operator",
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Operator => "system:serviceaccounts,system:serviceaccounts:embedserve-system",
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Admin => "admins-token",
            Self::Operator => "operators-token",
        }
    }
}

/// A program of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the API server stores objects in.
    Etcd,
    /// What everybody talks to.
    ApiServer,
    /// Garbage collection, Deployments, Jobs, autoscaling, volumes, namespaces and all the others. Runs only
    /// where a test [runs](ControlPlane::run) it. It follows the kinds that there are then; those defined
    /// later it sees half a minute late.
    ControllerManager,
}

/// A running control plane, ended when dropped and when the test program ends.
///
/// The tests of a test program share one in a static, each in a [namespace](Self::namespace) of its own;
/// only one's own can be stopped.
pub struct ControlPlane {
    // In the order in which they are ended.
    controller_manager: Process,
    apiserver: Process,
    etcd: Process,
    client: Client,
    base: String,
    folder: PathBuf,
}

impl ControlPlane {
    /// Whether the programs are there; otherwise what is missing and how to get it.
    pub fn available() -> Result<(), String> {
        let needed = [programs::etcd(), programs::kubernetes("kube-apiserver")];
        match needed.iter().find(|program| !program.exists()) {
            Some(missing) => {
                Err(format!("{} is missing: run `make kubernetes`", missing.display()))
            }
            None => Ok(()),
        }
    }

    /// Starts etcd and the API server and waits until they are ready. `None` without the programs, which
    /// is said aloud; the test then returns.
    ///
    /// # Panics
    /// With the log, if one does not become ready.
    pub fn start() -> Option<Self> {
        if let Err(reason) = Self::available() {
            // Not by a macro, whose text cargo shows only for tests that fail.
            let _ = writeln!(std::io::stderr(), "skipped: a test with an API server: {reason}");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let certificate = Certificate::generate();
        programs::write_settings(&folder, &certificate);
        let (etcd, etcd_address) = programs::prepare_etcd(&folder);
        let (apiserver, base) = programs::prepare_apiserver(&folder, &etcd_address);
        let controller_manager = programs::prepare_controller_manager(&folder);
        kubectl::write_kubeconfigs(&folder, &base);
        let authority = reqwest::Certificate::from_pem(certificate.authority_pem.as_bytes());
        let client = Client::builder()
            .tls_certs_only([authority.expect("the certificate is PEM")])
            .no_proxy()
            .build()
            .expect("a client");
        let mut plane = Self { controller_manager, apiserver, etcd, client, base, folder };
        plane.run(Part::Etcd);
        plane.run(Part::ApiServer);
        Some(plane)
    }

    /// Starts a program, which must not run, and waits until it is ready: after [`Self::stop`] at the same
    /// address and with the same data.
    ///
    /// # Panics
    /// With the log, if it does not become ready.
    pub fn run(&mut self, part: Part) {
        let client = self.client.clone();
        self.process(part).run(&client);
    }

    /// Ends a program at once, as a crash would.
    pub fn stop(&mut self, part: Part) {
        self.process(part).kill();
    }

    /// What a program has logged.
    pub fn log(&mut self, part: Part) -> String {
        self.process(part).log()
    }

    /// Applies the checked-in definition of `EmbeddingModel`, as users do (client-side, which a definition
    /// of more than 256 KiB could not be), and waits until the kind is there.
    pub fn define_embedding_models(&self) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFINITION);
        self.kubectl_ok(["apply".as_ref(), "--filename".as_ref(), file.as_os_str()]);
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/embeddingmodels.embedserve.dev";
        wait::until("the definition is established", || {
            let definition = self.get(path).unwrap_or_default();
            let mut conditions =
                definition["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|it| it["type"] == "Established" && it["status"] == "True")
        });
    }

    /// The audit log so far. The event of a request can come a moment after its answer.
    pub fn audit(&self) -> Vec<AuditEvent> {
        audit::read(&self.folder)
    }

    fn process(&mut self, part: Part) -> &mut Process {
        match part {
            Part::Etcd => &mut self.etcd,
            Part::ApiServer => &mut self.apiserver,
            Part::ControllerManager => &mut self.controller_manager,
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for process in [&mut self.controller_manager, &mut self.apiserver, &mut self.etcd] {
            process.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
