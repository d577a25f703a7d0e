//! `StreamWriter`: what goes out. Writing never waits; `drain` does, so that a fast writer does not fill the memory.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::{fmt, io};

use super::Sink;
use crate::event_loop::get_event_loop;
use crate::event_loop::watch::in_background;
use crate::state::waiter::Waiter;
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// With more than this many bytes unsent, `drain` waits,
const HIGH_WATER: usize = 64 * 1024;
/// until there are no more than this.
const LOW_WATER: usize = 16 * 1024;

/// The writing end of a connection or a pipe: Python's `asyncio.StreamWriter`.
///
/// What is written is sent at once as far as the system takes it, and the rest while the loop runs. Dropping the writer
/// closes it, as [`close`](Self::close): so what was written before arrives.
///
/// ```
/// use asyncio::{StreamWriter, open_connection, start_server};
///
/// asyncio::run(async {
///     let server = start_server(async |mut reader, mut writer| {
///         writer.write(&reader.read_to_end().await.unwrap());
///     }, "127.0.0.1", 0).await.unwrap();
///     let address = server.local_addr().unwrap();
///
///     let (mut reader, mut writer): (_, StreamWriter) = open_connection("127.0.0.1", address.port()).await.unwrap();
///     assert_eq!(writer.peername(), Some(address));
///     assert_ne!(writer.sockname(), Some(address));
///     writer.write(b"to ");
///     writer.writelines(["and ", "fro"]);
///     writer.drain().await.unwrap();
///     writer.write_eof();
///     assert_eq!(reader.read_to_end().await.unwrap(), b"to and fro");
///
///     writer.close();
///     assert!(writer.is_closing());
///     writer.wait_closed().await.unwrap();
///     server.close();
/// });
/// ```
pub struct StreamWriter {
    state: Rc<State>,
}

struct State {
    sink: RefCell<Option<Rc<Sink>>>,
    unsent: RefCell<VecDeque<u8>>,
    /// Somebody sends what is unsent.
    sending: Cell<bool>,
    closing: Cell<bool>,
    finishing: Cell<bool>,
    failed: RefCell<Option<io::Error>>,
    waiters: RefCell<Vec<(usize, Rc<Waiter>)>>,
}

impl StreamWriter {
    pub(crate) fn new(sink: Sink) -> Self {
        let state = State {
            sink: RefCell::new(Some(Rc::new(sink))),
            unsent: RefCell::default(),
            sending: Cell::new(false),
            closing: Cell::new(false),
            finishing: Cell::new(false),
            failed: RefCell::default(),
            waiters: RefCell::default(),
        };
        Self { state: Rc::new(state) }
    }

    /// Writes `data`, without waiting. What cannot be sent, since the connection is closed or lost, is dropped, and
    /// [`drain`](Self::drain) says so.
    pub fn write(&mut self, data: &[u8]) {
        State::write(&self.state, data);
    }

    /// Writes all of `parts`.
    pub fn writelines<D: AsRef<[u8]>>(&mut self, parts: impl IntoIterator<Item = D>) {
        for part in parts {
            self.write(part.as_ref());
        }
    }

    /// Waits until not much is unsent any more: to be awaited after writing. Gives no turn away with less than 64 KiB
    /// unsent. Cancel-safe: what was written is sent all the same.
    ///
    /// # Errors
    /// What the operating system says when the connection is lost; `BrokenPipe` when it was closed.
    #[track_caller]
    pub fn drain(&mut self) -> impl Future<Output = io::Result<()>> {
        awaiting(What::Drain, async move {
            if self.state.unsent.borrow().len() > HIGH_WATER {
                self.state.wait_for(LOW_WATER).await;
            }
            self.state.check()
        })
    }

    /// Says that nothing more will be written; the other side reads its end once all has been sent. Reading goes on.
    pub fn write_eof(&mut self) {
        self.state.finishing.set(true);
        self.state.finish();
    }

    /// Closes the connection once all has been sent. A second call does nothing.
    pub fn close(&mut self) {
        self.state.closing.set(true);
        self.state.finish();
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state.closing.get()
    }

    /// Waits until all has been sent and the connection is closed; it is to be called after [`close`](Self::close).
    /// Cancel-safe.
    ///
    /// # Errors
    /// What the operating system says when the connection was lost before.
    #[track_caller]
    pub fn wait_closed(&mut self) -> impl Future<Output = io::Result<()>> {
        awaiting(What::Drain, async move {
            self.state.wait_for(0).await;
            self.state.failed.borrow_mut().take().map_or(Ok(()), Err)
        })
    }

    /// The other side's address, of a TCP connection: Python's `get_extra_info('peername')`.
    #[must_use]
    pub fn peername(&self) -> Option<SocketAddr> {
        self.state.sink.borrow().as_ref().and_then(|sink| sink.peer())
    }

    /// Our own address, of a TCP connection: Python's `get_extra_info('sockname')`.
    #[must_use]
    pub fn sockname(&self) -> Option<SocketAddr> {
        self.state.sink.borrow().as_ref().and_then(|sink| sink.local())
    }
}

impl State {
    fn write(this: &Rc<Self>, data: &[u8]) {
        if this.closing.get() || this.finishing.get() || this.failed.borrow().is_some() {
            this.failed.borrow_mut().get_or_insert_with(closed);
            return;
        }
        let sent = if this.unsent.borrow().is_empty() { this.try_send(data) } else { 0 };
        if sent < data.len() && this.failed.borrow().is_none() {
            this.unsent.borrow_mut().extend(&data[sent..]);
            Self::send_later(this);
        }
    }

    /// Sends what the system takes; how much that was. An error is kept.
    fn try_send(&self, data: &[u8]) -> usize {
        let sink = self.sink.borrow();
        let Some(sink) = sink.as_ref() else { return 0 };
        let mut sent = 0;
        while sent < data.len() {
            match sink.try_write(&data[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.failed.replace(Some(error));
                    break;
                }
            }
        }
        sent
    }

    fn send_later(this: &Rc<Self>) {
        if !this.sending.replace(true) {
            let state = Rc::clone(this);
            in_background(&get_event_loop(), move |cx| state.poll_send(cx));
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let (sent, left) = {
                let mut unsent = self.unsent.borrow_mut();
                let sent = self.try_send(unsent.as_slices().0);
                unsent.drain(..sent);
                if self.failed.borrow().is_some() {
                    unsent.clear();
                }
                (sent, unsent.len())
            };
            self.release(left);
            if left == 0 {
                self.sending.set(false);
                self.finish();
                return Poll::Ready(());
            }
            if sent == 0 {
                let sink = self.sink.borrow().clone();
                let Some(sink) = sink else { return Poll::Ready(()) };
                match sink.poll_write_ready(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => drop(self.failed.replace(Some(error))),
                }
            }
        }
    }

    /// Does what was put off until all has been sent.
    fn finish(&self) {
        if !self.unsent.borrow().is_empty() || !(self.closing.get() || self.finishing.get()) {
            return;
        }
        let is_pipe = self.sink.borrow().as_ref().is_some_and(|sink| sink.is_pipe());
        let sink = if self.closing.get() || is_pipe { self.sink.take() } else { self.sink.borrow().clone() };
        if let Some(sink) = sink {
            sink.shut_down(self.closing.get());
        }
        self.release(0);
    }

    /// Wakes those who wait until no more than this is left.
    fn release(&self, left: usize) {
        self.waiters.borrow_mut().retain(|(enough, waiter)| {
            let go = left <= *enough;
            if go {
                waiter.release();
            }
            !go
        });
    }

    async fn wait_for(&self, enough: usize) {
        if self.unsent.borrow().len() > enough {
            let waiter = Waiter::new();
            self.waiters.borrow_mut().push((enough, Rc::clone(&waiter)));
            let _ = waiter.wait().await;
        }
    }

    fn check(&self) -> io::Result<()> {
        // The error itself is for the first who asks; afterwards the connection just counts as closed.
        let failed = self.failed.borrow_mut().replace(closed());
        match failed {
            Some(error) => Err(error),
            None => {
                self.failed.replace(None);
                Ok(())
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection is closed")
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closing = if self.is_closing() { " closing" } else { "" };
        write!(f, "<StreamWriter {} bytes unsent{closing}>", self.state.unsent.borrow().len())
    }
}
