//! The comms that are open on this thread, the targets that it has registered, and the link to the front end. Used by
//! `comm`; the worker sets the link and delivers what comes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Comm, Message};
use crate::error::{misuse, value_error};

/// Something that happens to a comm, on either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happens.
    pub kind: Kind,
    /// To which comm.
    pub id: String,
    /// What is said.
    pub message: Message,
}

/// What can happen to a comm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// It is opened.
    Open {
        /// To this target.
        target: String,
    },
    /// A message passes.
    Message,
    /// It is closed.
    Close,
}

impl Message {
    /// A message of these parts.
    #[must_use]
    pub fn of_parts(data: String, metadata: String, buffers: Vec<Vec<u8>>) -> Self {
        Self { data, metadata, buffers }
    }

    /// Data, metadata and buffers.
    #[must_use]
    pub fn into_parts(self) -> (String, String, Vec<Vec<u8>>) {
        (self.data, self.metadata, self.buffers)
    }
}

type Link = Box<dyn Fn(Event) -> Result<(), String> + Send + Sync>;
type Target = Rc<RefCell<dyn FnMut(Comm, Message)>>;

static LINK: OnceLock<Link> = OnceLock::new();

thread_local! {
    static COMMS: RefCell<HashMap<String, Comm>> = RefCell::default();
    static TARGETS: RefCell<HashMap<String, Target>> = RefCell::default();
}

/// Sends what happens on this side to `link`, from now on, which may say what is wrong with it. Only the first call counts.
pub fn set_link(link: impl Fn(Event) -> Result<(), String> + Send + Sync + 'static) {
    let _ = LINK.set(Box::new(link));
}

/// Lets something happen that the other side has begun; runs the callbacks for it, on this thread.
pub fn deliver(event: Event) {
    let Event { kind, id, message } = event;
    let known = COMMS.with_borrow(|comms| comms.get(&id).cloned());
    match (kind, known) {
        (Kind::Open { target }, None) => open(id, target, message),
        (Kind::Message, Some(comm)) => comm.hear(message),
        (Kind::Close, Some(comm)) => comm.close_by_other(message),
        // It was opened twice, or closed by us meanwhile.
        (Kind::Open { .. }, Some(_)) | (Kind::Message | Kind::Close, None) => {}
    }
}

fn open(id: String, target: String, message: Message) {
    let comm = Comm::made(id, target);
    remember(&comm);
    let Some(function) = TARGETS.with_borrow(|targets| targets.get(comm.target()).cloned()) else {
        return comm.close();
    };
    // Whatever ends the function early, the other side must not wait for an answer.
    let mut unfinished = CloseUnlessFinished(Some(comm.clone()));
    (function.borrow_mut())(comm, message);
    unfinished.0 = None;
}

struct CloseUnlessFinished(Option<Comm>);

impl Drop for CloseUnlessFinished {
    fn drop(&mut self) {
        if let Some(comm) = &self.0 {
            comm.close();
        }
    }
}

/// Tells the other side.
///
/// # Errors
/// What is wrong with the event.
pub(super) fn send(event: Event) -> Result<(), String> {
    match LINK.get() {
        Some(link) => link(event),
        None => misuse("there is no front end to which a comm could be opened"),
    }
}

/// Raises what is wrong.
#[track_caller]
pub(super) fn check(sent: Result<(), String>) {
    if let Err(problem) = sent {
        value_error(&problem);
    }
}

pub(super) fn remember(comm: &Comm) {
    COMMS.with_borrow_mut(|comms| comms.insert(comm.id().to_owned(), comm.clone()));
}

pub(super) fn forget(id: &str) {
    // Dropped outside the borrow: what the callbacks hold is the user's.
    let comm = COMMS.with_borrow_mut(|comms| comms.remove(id));
    drop(comm);
}

pub(super) fn register(target: &str, function: Option<Target>) {
    let old = TARGETS.with_borrow_mut(|targets| match function {
        Some(function) => targets.insert(target.to_owned(), function),
        None => targets.remove(target),
    });
    drop(old);
}

/// An id that no other comm has, in this session or another.
pub(super) fn new_id() -> String {
    static SESSION: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let session = SESSION.get_or_init(|| RandomState::new().hash_one(()));
    format!("{session:016x}{:016x}", COUNT.fetch_add(1, Ordering::Relaxed))
}
