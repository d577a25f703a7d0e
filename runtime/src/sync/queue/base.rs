//! What the three queues have in common. Who waits for what needs no types; only the items do.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::store::Store;
use super::{QueueEmpty, QueueShutDown};
use crate::error::value_error;
use crate::state::waiter::Waiter;
use crate::sync::event::Event;
use crate::sync::line::Line;

/// One queue.
pub(super) struct Base<S> {
    items: RefCell<S>,
    pub(super) common: Common,
}

/// A queue without its items.
pub(super) struct Common {
    pub(super) maxsize: usize,
    pub(super) len: Cell<usize>,
    shut_down: Cell<bool>,
    getters: Line,
    putters: Line,
    /// Items that were put in and not yet declared done.
    unfinished: Cell<usize>,
    finished: Event,
}

impl<S: Store> Base<S> {
    pub(super) fn new(maxsize: usize) -> Self {
        let common = Common {
            maxsize,
            len: Cell::new(0),
            shut_down: Cell::new(false),
            getters: Line::default(),
            putters: Line::default(),
            unfinished: Cell::new(0),
            finished: Event::new(),
        };
        Self { items: RefCell::default(), common }
    }

    pub(super) async fn put(&self, item: S::Item) {
        while self.common.is_full() {
            self.common.check_open();
            self.common.turn(Side::Putters).await;
        }
        self.common.check_open();
        self.insert(item);
    }

    pub(super) async fn get(&self) -> S::Item {
        match self.next().await {
            Some(item) => item,
            None => raise_shut_down(),
        }
    }

    /// The next item; `None` when the queue is empty and was shut down.
    pub(super) async fn next(&self) -> Option<S::Item> {
        while self.common.is_empty() && !self.common.shut_down.get() {
            self.common.turn(Side::Getters).await;
        }
        self.take()
    }

    #[track_caller]
    pub(super) fn put_nowait(&self, item: S::Item) -> Result<(), S::Item> {
        self.common.check_open();
        if self.common.is_full() {
            return Err(item);
        }
        self.insert(item);
        Ok(())
    }

    #[track_caller]
    pub(super) fn get_nowait(&self) -> Result<S::Item, QueueEmpty> {
        match self.take() {
            Some(item) => Ok(item),
            None if self.common.shut_down.get() => raise_shut_down(),
            None => Err(QueueEmpty),
        }
    }

    fn insert(&self, item: S::Item) {
        self.items.borrow_mut().put(item);
        self.common.inserted();
    }

    fn take(&self) -> Option<S::Item> {
        let item = self.items.borrow_mut().get()?;
        self.common.taken();
        Some(item)
    }

    pub(super) fn shutdown(&self, immediate: bool) {
        self.common.shut_down.set(true);
        if immediate {
            let items = self.items.take();
            self.common.emptied();
            drop(items);
        }
        self.common.getters.call_all();
        self.common.putters.call_all();
    }
}

#[cold]
#[track_caller]
fn raise_shut_down() -> ! {
    panic_any(QueueShutDown)
}

impl Common {
    pub(super) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.maxsize > 0 && self.len.get() >= self.maxsize
    }

    #[track_caller]
    fn check_open(&self) {
        if self.shut_down.get() {
            raise_shut_down();
        }
    }

    fn inserted(&self) {
        self.len.set(self.len.get() + 1);
        self.unfinished.set(self.unfinished.get() + 1);
        self.finished.clear();
        self.getters.call_next();
    }

    fn taken(&self) {
        self.len.set(self.len.get() - 1);
        self.putters.call_next();
    }

    fn emptied(&self) {
        self.unfinished.set(self.unfinished.get().saturating_sub(self.len.replace(0)));
        if self.unfinished.get() == 0 {
            self.finished.set();
        }
    }

    #[track_caller]
    pub(super) fn task_done(&self) {
        let Some(left) = self.unfinished.get().checked_sub(1) else {
            value_error("task_done() called too many times");
        };
        self.unfinished.set(left);
        if left == 0 {
            self.finished.set();
        }
    }

    pub(super) async fn join(&self) {
        if self.unfinished.get() > 0 {
            self.finished.wait().await;
        }
    }

    /// Waits in line to be called once.
    fn turn(&self, side: Side) -> Turn<'_> {
        Turn { common: self, side, waiter: None }
    }

    fn line(&self, side: Side) -> &Line {
        match side {
            Side::Getters => &self.getters,
            Side::Putters => &self.putters,
        }
    }

    /// Whether those of a side would have to wait now.
    fn blocks(&self, side: Side) -> bool {
        match side {
            Side::Getters => self.is_empty(),
            Side::Putters => self.is_full(),
        }
    }

    pub(super) fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{name} maxsize={} qsize={}", self.maxsize, self.len.get())?;
        let counts =
            [("getters", self.getters.len()), ("putters", self.putters.len()), ("tasks", self.unfinished.get())];
        for (name, count) in counts {
            if count > 0 {
                write!(f, " {name}={count}")?;
            }
        }
        f.write_str(if self.shut_down.get() { " shutdown>" } else { ">" })
    }
}

#[derive(Clone, Copy)]
enum Side {
    Getters,
    Putters,
}

/// One wait for a call. Dropped early, it passes on a call that has come already.
struct Turn<'a> {
    common: &'a Common,
    side: Side,
    waiter: Option<Rc<Waiter>>,
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let line = self.common.line(self.side);
        let waiter = self.waiter.get_or_insert_with(|| line.join());
        if waiter.poll(cx).is_pending() {
            return Poll::Pending;
        }
        if let Some(waiter) = self.waiter.take() {
            line.recycle(waiter);
        }
        Poll::Ready(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        let line = self.common.line(self.side);
        line.leave(&waiter);
        let called = !waiter.is_waiting() && !waiter.is_cancelled();
        if called && !self.common.blocks(self.side) {
            line.call_next();
        }
    }
}
