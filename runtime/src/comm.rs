//! Comms: messages between a notebook's code and its front end, in both directions. A widget library is built on these.
//!
//! ```no_run
//! use asyncio::Comm;
//!
//! // The front end opens a comm to us…
//! Comm::register_target("counter", |comm, _open| {
//!     let mut count = 0;
//!     let front = comm.clone();
//!     comm.on_message(move |_click| {
//!         count += 1;
//!         front.send(format!("{{\"count\": {count}}}"));
//!     });
//! });
//!
//! // …or we open one to it.
//! let mut comm = Comm::open("jupyter.widget", r#"{"state": {}}"#);
//! comm.message("{\"method\": \"custom\"}").buffer(vec![1, 2, 3]).send();
//! # let _ = async move {
//! while let Some(message) = comm.next().await {
//!     println!("{}", message.data());
//! }
//! # };
//! ```
//!
//! What there is beside that:
//!
//! ```no_run
//! use asyncio::Comm;
//! use asyncio::comm::{Message, Opening, Sending};
//!
//! let opening: Opening = Comm::opening("chart", r#"{"kind": "line"}"#);
//! let comm = opening.metadata(r#"{"version": "2.1.0"}"#).buffer(*b"pixels").open();
//! comm.on_close(|_| println!("the chart is gone"));
//! let reply = |message: &Message| println!("{} {} {:?}", message.data(), message.metadata(), message.buffers());
//! comm.on_message(move |message| reply(&message));
//! let sending: Sending = comm.message("{}");
//! sending.metadata("{}").send();
//! println!("{} to {}, open: {}", comm.id(), comm.target(), comm.is_open());
//! comm.close();
//! Comm::unregister_target("counter");
//! ```
//!
//! Data is JSON, as text or as anything whose `Display` form is JSON, such as a `serde_json::Value`.
//!
//! Callbacks run on the thread of cells: between two turns of a loop that runs there, else when no cell runs. While a cell
//! computes, messages wait. What a callback prints belongs to the message that it is called for.

mod table;

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display};
use std::rc::Rc;

use crate::iterate::{AsyncIterator, inherent_iteration};
use crate::sync::Queue;
pub use table::{Event, Kind, deliver, set_link};

/// One end of a comm; clones are the same. It stays open until either side closes it, whoever holds it.
#[derive(Clone)]
pub struct Comm {
    end: Rc<End>,
}

struct End {
    id: String,
    target: String,
    open: Cell<bool>,
    on_message: Callback<Message>,
    on_close: Callback<Message>,
    /// Messages for which there was no callback.
    unheard: Queue<Message>,
}

/// What somebody wants to be told; not borrowed while it is called.
type Callback<T> = RefCell<Option<Rc<RefCell<dyn FnMut(T)>>>>;

/// Something that has come through a comm, or that is to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    data: String,
    metadata: String,
    buffers: Vec<Vec<u8>>,
}

impl Message {
    /// What it says, as JSON.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// What is to be known about it, as JSON.
    #[must_use]
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The bytes that came with it.
    #[must_use]
    pub fn buffers(&self) -> &[Vec<u8>] {
        &self.buffers
    }
}

impl Comm {
    /// Opens a comm to what the front end calls `target`.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) if `data` is not JSON, and [`RuntimeError`](crate::RuntimeError) where
    /// there is no front end.
    #[track_caller]
    pub fn open(target: &str, data: impl Display) -> Comm {
        Comm::opening(target, data).open()
    }

    /// As [`open`](Self::open), with metadata and buffers to be added.
    #[must_use = "nothing is opened without `open()`"]
    pub fn opening(target: &str, data: impl Display) -> Opening {
        Opening { target: target.to_owned(), message: message(data) }
    }

    /// Has `function` called whenever the front end opens a comm to `target`: with the comm, and what it was opened with.
    /// A later registration takes the place of an earlier one.
    pub fn register_target(target: &str, function: impl FnMut(Comm, Message) + 'static) {
        table::register(target, Some(Rc::new(RefCell::new(function))));
    }

    /// Comms to `target` are refused from now on; those that are open stay.
    pub fn unregister_target(target: &str) {
        table::register(target, None);
    }

    /// Its id, the same on both sides.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.end.id
    }

    /// What it was opened to.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.end.target
    }

    /// Whether neither side has closed it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.end.open.get()
    }

    /// Sends `data` to the other side.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) if it is not JSON, and [`RuntimeError`](crate::RuntimeError) if the comm is
    /// closed.
    #[track_caller]
    pub fn send(&self, data: impl Display) {
        self.message(data).send();
    }

    /// As [`send`](Self::send), with metadata and buffers to be added.
    #[must_use = "nothing is sent without `send()`"]
    pub fn message(&self, data: impl Display) -> Sending<'_> {
        Sending { comm: self, message: message(data) }
    }

    /// Has `function` called with each message from now on, and with those that nobody has taken yet. It takes the place
    /// of an earlier one. Without one, messages wait for [`next`](Self::next).
    pub fn on_message(&self, function: impl FnMut(Message) + 'static) {
        self.end.on_message.replace(Some(Rc::new(RefCell::new(function))));
        while let Ok(message) = self.end.unheard.get_nowait() {
            self.hear(message);
        }
    }

    /// Has `function` called when the other side closes the comm, with what it closes it with.
    pub fn on_close(&self, function: impl FnMut(Message) + 'static) {
        self.end.on_close.replace(Some(Rc::new(RefCell::new(function))));
    }

    /// Closes the comm, if it is open. Messages that have come can still be taken.
    pub fn close(&self) {
        if self.is_open() {
            self.end();
            // A comm that is open has a link.
            let _ = table::send(Event { kind: Kind::Close, id: self.id().to_owned(), message: message("{}") });
        }
    }

    fn made(id: String, target: String) -> Comm {
        let end = End {
            id,
            target,
            open: Cell::new(true),
            on_message: RefCell::default(),
            on_close: RefCell::default(),
            unheard: Queue::new(0),
        };
        Comm { end: Rc::new(end) }
    }

    fn hear(&self, message: Message) {
        if let Err(message) = call(&self.end.on_message, message) {
            // It has no limit, and is shut down only when nothing comes any more.
            let _ = self.end.unheard.put_nowait(message);
        }
    }

    fn close_by_other(&self, message: Message) {
        let on_close = self.end.on_close.take();
        self.end();
        let _ = call(&RefCell::new(on_close), message);
    }

    fn end(&self) {
        self.end.open.set(false);
        table::forget(self.id());
        self.end.unheard.shutdown(false);
        // They hold the comm itself, if they answer. Dropped outside the borrow.
        let callbacks = (self.end.on_message.take(), self.end.on_close.take());
        drop(callbacks);
    }
}

/// Calls what is to be called, or gives the message back.
fn call(callback: &Callback<Message>, message: Message) -> Result<(), Message> {
    let Some(function) = callback.borrow().clone() else { return Err(message) };
    // A callback that is under way cannot be called once more: nothing is delivered meanwhile.
    (function.borrow_mut())(message);
    Ok(())
}

fn message(data: impl Display) -> Message {
    Message { data: data.to_string(), ..Message::default() }
}

impl AsyncIterator for Comm {
    type Item = Message;

    /// The next message for which there is no callback; `None` when the comm is closed and all have been taken.
    /// Cancel-safe.
    async fn next(&mut self) -> Option<Message> {
        let mut unheard = self.end.unheard.clone();
        unheard.next().await
    }
}

inherent_iteration!(impl [] Comm, Message, Comm);

impl PartialEq for Comm {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.end, &other.end)
    }
}

impl Eq for Comm {}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_open() { "" } else { " closed" };
        write!(f, "<Comm {} to {}{closed}>", self.id(), self.target())
    }
}

macro_rules! with_parts {
    () => {
        /// With this metadata, JSON as `data`.
        #[must_use]
        pub fn metadata(mut self, metadata: impl Display) -> Self {
            self.message.metadata = metadata.to_string();
            self
        }

        /// With these bytes, which travel as they are. There may be several.
        #[must_use]
        pub fn buffer(mut self, bytes: impl Into<Vec<u8>>) -> Self {
            self.message.buffers.push(bytes.into());
            self
        }
    };
}

/// A message on its way: see [`Comm::message`].
#[derive(Debug)]
pub struct Sending<'a> {
    comm: &'a Comm,
    message: Message,
}

impl Sending<'_> {
    with_parts!();

    /// Sends it.
    ///
    /// # Panics
    /// As [`Comm::send`].
    #[track_caller]
    pub fn send(self) {
        if !self.comm.is_open() {
            crate::error::misuse("this comm is closed");
        }
        let event = Event { kind: Kind::Message, id: self.comm.id().to_owned(), message: self.message };
        table::check(table::send(event));
    }
}

/// A comm to be opened: see [`Comm::opening`].
#[derive(Debug)]
pub struct Opening {
    target: String,
    message: Message,
}

impl Opening {
    with_parts!();

    /// Opens it.
    ///
    /// # Panics
    /// As [`Comm::open`].
    #[track_caller]
    pub fn open(self) -> Comm {
        let comm = Comm::made(table::new_id(), self.target.clone());
        let kind = Kind::Open { target: self.target };
        table::check(table::send(Event { kind, id: comm.id().to_owned(), message: self.message }));
        table::remember(&comm);
        comm
    }
}
