//! A stand-in for the Hugging Face hub on loopback: real HTTP, the hub's protocol and headers, and faults on demand.
//!
//! Two listeners, as with the real hub: the hub itself (repositories, small files, `X-Repo-Commit`, git object ids as
//! ETags, `X-Error-Code`) and its storage, to which files in LFS are redirected (`X-Linked-Etag`, `X-Linked-Size`, Range
//! requests, signed addresses). Every request is recorded, so that a test can say where a token went and what was
//! downloaded. It runs on a thread of its own: usable from plain and from async tests, and with programs under test.

mod answer;
mod fault;
mod repository;
mod routes;
mod tls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use fault::{Action, Fault, Gate};
pub use repository::{Repository, Snapshot, StoredFile, git_oid, sha256};

use tls::Identity;

/// Any free port of 127.0.0.1.
const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Which of the two listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// The hub itself.
    Hub,
    /// The storage that files in LFS are redirected to.
    Storage,
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Where it came in.
    pub listener: Listener,
    /// `GET`, `HEAD`.
    pub method: String,
    /// The path as it was sent, percent-encoded.
    pub path: String,
    /// What follows the question mark.
    pub query: Option<String>,
    /// Headers; names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// How the stand-in differs from the real hub, to play a mirror.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Whether `?blobs=true` adds sizes and hashes to the list of files.
    pub blobs: bool,
    /// Whether refusals say why in `X-Error-Code`.
    pub error_codes: bool,
    /// Whether facts about a repository hold its `id`, without which the `hf-hub` crate cannot read them.
    pub ids: bool,
    /// Whether ETags are the files' hashes; otherwise they are opaque.
    pub hashes_as_etags: bool,
    /// Tokens that are known. Empty: every token is.
    pub accounts: Vec<String>,
    /// Paths that are listed in every repository besides its files.
    pub extra_paths: Vec<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            blobs: true,
            error_codes: true,
            ids: true,
            hashes_as_etags: true,
            accounts: Vec::new(),
            extra_paths: Vec::new(),
        }
    }
}

/// What both listeners share.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) behaviour: Behaviour,
    pub(crate) faults: Vec<Fault>,
    pub(crate) requests: Vec<Recorded>,
    /// The storage's address, for redirects.
    pub(crate) storage: String,
}

/// The stand-in, running until it is dropped.
#[derive(Debug)]
pub struct TestHub {
    state: Arc<Mutex<State>>,
    endpoint: String,
    authority: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestHub {
    /// Starts an empty hub over plain HTTP on free ports of 127.0.0.1.
    pub fn start() -> Self {
        Self::launch(None, [LOOPBACK; 2])
    }

    /// Starts an empty hub over plain HTTP at these addresses, of which the second is the storage's. `host` is what
    /// clients call both.
    pub fn start_at(hub: SocketAddr, storage: SocketAddr, host: &str) -> Self {
        let mut this = Self::launch(None, [hub, storage]);
        this.endpoint = format!("http://{host}:{}", hub.port());
        this.lock().storage = format!("http://{host}:{}", storage.port());
        this
    }

    /// Starts an empty hub over HTTPS, with a certificate of an authority that nobody trusts: see
    /// [`TestHub::authority_pem`].
    pub fn start_with_tls() -> Self {
        Self::launch(Some(Identity::generate()), [LOOPBACK; 2])
    }

    fn launch(identity: Option<Identity>, addresses: [SocketAddr; 2]) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let scheme = if identity.is_some() { "https" } else { "http" };
        let authority = identity.as_ref().map(|identity| identity.authority_pem.clone());
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let hub = TcpListener::bind(addresses[0]).await.expect("a free port");
                let storage = TcpListener::bind(addresses[1]).await.expect("a free port");
                let addresses = (
                    hub.local_addr().expect("an address"),
                    storage.local_addr().expect("an address"),
                );
                tell.send(addresses).expect("the starter waits");
                tokio::select! {
                    _ = stopped => {}
                    () = serve(hub, Listener::Hub, Arc::clone(&shared), identity.as_ref()) => {}
                    () = serve(storage, Listener::Storage, shared, identity.as_ref()) => {}
                }
            });
        });
        let (hub, storage): (SocketAddr, SocketAddr) =
            told.recv().expect("the listeners are bound");
        let this = Self {
            state,
            endpoint: format!("{scheme}://{hub}"),
            authority,
            stop: Some(stop),
            thread: Some(thread),
        };
        this.lock().storage = format!("{scheme}://{storage}");
        this
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `HF_ENDPOINT` is to be set to.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The storage's address.
    pub fn storage(&self) -> String {
        self.lock().storage.clone()
    }

    /// The certificate of the authority to trust, in PEM, of a hub over HTTPS.
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Adds or replaces a repository.
    pub fn add(&self, repository: Repository) {
        self.lock().repositories.insert(repository.name().to_owned(), repository);
    }

    /// Makes requests fail from now on; the first fault that fits a request wins.
    pub fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Ends all faults.
    pub fn forget_faults(&self) {
        self.lock().faults.clear();
    }

    /// Changes how the hub behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.lock().behaviour);
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// The requests for contents so far: GETs of files at the hub, and everything at the storage.
    pub fn downloads(&self) -> Vec<Recorded> {
        let is_download = |request: &Recorded| {
            request.listener == Listener::Storage
                || (request.method == "GET" && request.path.contains("/resolve/"))
        };
        self.requests().into_iter().filter(is_download).collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.lock().requests.clear();
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    which: Listener,
    state: Arc<Mutex<State>>,
    identity: Option<&Identity>,
) {
    let router = routes::router(which, state);
    let ended = match identity {
        None => axum::serve(listener, router).await,
        Some(identity) => axum::serve(identity.listener(listener), router).await,
    };
    ended.expect("the listener stays");
}
