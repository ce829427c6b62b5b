//! The hub's stand-in, with repositories that are as they should be and others that are not.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use integration_tests::hub::{Action, Fault, Repository, TestHub};
use integration_tests::program::MINILM;

/// Who may read the gated repository.
const TOKEN: &str = "hub-token";

const WEIGHTS: &str = "model.safetensors";
/// Bytes a second of the slow repository's weights, which are 91 MB.
const SLOW: usize = 5_000_000;

/// Serves at the ports 8080 and 8081 until the process is ended; clients know it as `host`.
///
/// # Errors
/// When MiniLM's files cannot be read from the folder.
pub(crate) fn serve(folder: &Path, host: &str) -> anyhow::Result<()> {
    let at = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let hub = TestHub::start_at(at(8080), at(8081), host);
    let minilm = |name: &str| {
        Repository::from_folder(name, folder)
            .with_context(|| format!("{} cannot be read", folder.display()))
    };
    // The tag v1 is another commit than main.
    hub.add(minilm(MINILM)?.tag("v1").file("README.md", "The second revision."));
    hub.add(minilm("test/gated")?.gated(TOKEN));
    // Where weights are not in LFS, their path says whose they are.
    let weights = std::fs::read(folder.join(WEIGHTS))?;
    for (name, action) in
        [("test/wrong-bytes", Action::WrongBytes), ("test/slow", Action::Slow(SLOW))]
    {
        let repository = minilm(name)?.file(WEIGHTS, weights.clone());
        let path = format!("{name}/resolve/{}/{WEIGHTS}", repository.commit());
        hub.add(repository);
        hub.fault(Fault::new(&path, action));
    }
    hub.add(
        minilm("test/unloadable")?
            .file("openvino/openvino_model.xml", "<net/>")
            .file("openvino/openvino_model.bin", ""),
    );
    loop {
        std::thread::park();
    }
}
