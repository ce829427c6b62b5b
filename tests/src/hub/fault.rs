//! Faults: which request goes wrong, and how.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Listener, Recorded};

/// What happens instead of the right answer.
#[derive(Debug, Clone)]
pub enum Action {
    /// This status with these headers and no body.
    Status(u16, Vec<(String, String)>),
    /// The right headers, so many bytes of the body, then the connection breaks.
    CutAfter(usize),
    /// Every byte of the body changed, the length and the headers right.
    WrongBytes,
    /// These bytes with status 200 and the right ETag, whatever was asked for.
    Body(Bytes),
    /// The right body, one byte for every permit of the gate.
    Trickle(Gate),
    /// The right body, at most so many bytes a second.
    Slow(usize),
    /// A redirect to this address.
    RedirectTo(String),
    /// The whole file, though a part was asked for.
    IgnoreRange,
}

/// Lets bytes of a trickling answer through, one by one, when the test says so.
#[derive(Debug, Clone)]
pub struct Gate(pub(super) Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// A gate that lets nothing through yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets so many more bytes through.
    pub fn release(&self, bytes: usize) {
        self.0.add_permits(bytes);
    }
}

/// An [`Action`] for some of the requests.
#[derive(Debug, Clone)]
pub struct Fault {
    listener: Option<Listener>,
    method: Option<&'static str>,
    part_of_path: String,
    skip: usize,
    times: usize,
    action: Action,
}

impl Fault {
    /// `action` for every request whose path (percent-encoded) contains `part_of_path`. A file in LFS has its SHA-256
    /// in its path at the storage.
    pub fn new(part_of_path: &str, action: Action) -> Self {
        Self {
            listener: None,
            method: None,
            part_of_path: part_of_path.to_owned(),
            skip: 0,
            times: usize::MAX,
            action,
        }
    }

    /// A status without further headers.
    pub fn status(part_of_path: &str, status: u16) -> Self {
        Self::new(part_of_path, Action::Status(status, Vec::new()))
    }

    /// A status with one more header.
    pub fn status_with(part_of_path: &str, status: u16, name: &str, value: &str) -> Self {
        Self::new(part_of_path, Action::Status(status, vec![(name.to_owned(), value.to_owned())]))
    }

    /// Only at this listener.
    pub fn at(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Only for this method.
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only after so many fitting requests have been answered rightly.
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// The action for `request`, counting it.
    pub(super) fn apply(&mut self, request: &Recorded) -> Option<Action> {
        let fits = self.listener.is_none_or(|listener| listener == request.listener)
            && self.method.is_none_or(|method| method == request.method)
            && request.path.contains(&self.part_of_path);
        if !fits || self.times == 0 {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.action.clone())
    }
}
