//! Functions that the outside world calls: `add_reader`, `add_writer`, `add_signal_handler`.
//!
//! Each registration is polled like a small future. Its waker hands a call into its loop, which polls it again; so it is
//! served in turn with everything else, and only while the loop runs.

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{EventLoop, LoopHandle};
use crate::current;
use crate::error::InTask;

/// What is watched: of one loop, one descriptor or signal has one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Readable(RawFd),
    Writable(RawFd),
    Signal(i32),
}

/// One registration.
struct Watch {
    subject: Subject,
    source: RefCell<Source>,
    function: RefCell<Box<dyn FnMut()>>,
    waker: Waker,
}

enum Source {
    Descriptor(AsyncFd<OwnedFd>),
    Signal(Signal),
}

/// Hands the poll of a registration into its loop.
struct Call {
    number: u64,
    event_loop: LoopHandle,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        let number = self.number;
        // A loop that is closed is not to be told anything any more.
        let _ = self.event_loop.try_call_soon(move || serve(number));
    }
}

impl EventLoop {
    /// Calls `function` in each turn in which `descriptor` has something to read, or is at its end: Python's
    /// `loop.add_reader`. It replaces the one that was registered for the descriptor before. What is registered is a
    /// duplicate: closing one's own does not end it, [`remove_reader`](Self::remove_reader) does.
    ///
    /// # Errors
    /// What the operating system says: `PermissionDenied` for files on disk and for `/dev/null`, which are always readable
    /// and cannot be watched.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// let (mut here, mut there) = std::os::unix::net::UnixStream::pair()?;
    /// let event_loop = asyncio::new_event_loop();
    /// asyncio::set_event_loop(&event_loop);
    /// there.write_all(b"x")?;
    /// let descriptor = here.try_clone()?;
    /// event_loop.add_reader(&descriptor, move || {
    ///     here.read_exact(&mut [0]).unwrap();
    ///     asyncio::get_running_loop().stop();
    /// })?;
    /// event_loop.run_forever().unwrap();
    /// assert!(event_loop.remove_reader(&descriptor));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add_reader(&self, descriptor: &impl AsFd, function: impl FnMut() + 'static) -> io::Result<()> {
        self.watch_descriptor(Subject::Readable(descriptor.as_fd().as_raw_fd()), descriptor.as_fd(), Box::new(function))
    }

    /// Calls `function` in each turn in which `descriptor` takes something to write: Python's `loop.add_writer`.
    ///
    /// # Errors
    /// As [`add_reader`](Self::add_reader).
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// let (_here, there) = std::os::unix::net::UnixStream::pair()?;
    /// event_loop.add_writer(&there, || asyncio::get_running_loop().stop())?;
    /// event_loop.run_forever().unwrap();
    /// assert!(event_loop.remove_writer(&there) && !event_loop.remove_writer(&there));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add_writer(&self, descriptor: &impl AsFd, function: impl FnMut() + 'static) -> io::Result<()> {
        self.watch_descriptor(Subject::Writable(descriptor.as_fd().as_raw_fd()), descriptor.as_fd(), Box::new(function))
    }

    /// Ends [`add_reader`](Self::add_reader). Whether there was one.
    pub fn remove_reader(&self, descriptor: &impl AsFd) -> bool {
        self.unwatch(Subject::Readable(descriptor.as_fd().as_raw_fd()))
    }

    /// Ends [`add_writer`](Self::add_writer). Whether there was one.
    pub fn remove_writer(&self, descriptor: &impl AsFd) -> bool {
        self.unwatch(Subject::Writable(descriptor.as_fd().as_raw_fd()))
    }

    /// Calls `function` in the loop when the process gets the signal `number`: Python's `loop.add_signal_handler`. Signals
    /// that come while the loop stands still are heard on its next run, once each.
    ///
    /// A handler for [`SIGINT`](crate::signal::SIGINT) takes the place of [`KeyboardInterrupt`](crate::KeyboardInterrupt).
    /// (In a notebook ■ is no signal, and still interrupts.)
    ///
    /// # Errors
    /// `InvalidInput` for signals that cannot be handled, and what the operating system says.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// use asyncio::signal::SIGUSR1;
    ///
    /// event_loop.add_signal_handler(SIGUSR1, || asyncio::get_running_loop().stop())?;
    /// event_loop.call_soon(|| {
    ///     std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().unwrap();
    /// });
    /// event_loop.run_forever().unwrap();
    /// assert!(event_loop.remove_signal_handler(SIGUSR1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add_signal_handler(&self, number: i32, function: impl FnMut() + 'static) -> io::Result<()> {
        if [libc::SIGKILL, libc::SIGSTOP].contains(&number) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("signal {number} cannot be handled")));
        }
        let _context = self.enter();
        let source = Source::Signal(signal(SignalKind::from_raw(number))?);
        if number == libc::SIGINT {
            crate::interrupt::replace_signal(true);
        }
        self.watch(Subject::Signal(number), source, Box::new(function));
        Ok(())
    }

    /// Ends [`add_signal_handler`](Self::add_signal_handler); the signal is ignored from then on, except that SIGINT is a
    /// [`KeyboardInterrupt`](crate::KeyboardInterrupt) again. Whether there was one.
    pub fn remove_signal_handler(&self, number: i32) -> bool {
        if number == libc::SIGINT {
            crate::interrupt::replace_signal(false);
        }
        self.unwatch(Subject::Signal(number))
    }

    fn watch_descriptor(
        &self,
        subject: Subject,
        descriptor: BorrowedFd<'_>,
        function: Box<dyn FnMut()>,
    ) -> io::Result<()> {
        let interest = if matches!(subject, Subject::Writable(_)) { Interest::WRITABLE } else { Interest::READABLE };
        self.unwatch(subject);
        let _context = self.enter();
        // One of our own, which is open as long as it is registered, whatever the program does with its own.
        let own = descriptor.try_clone_to_owned()?;
        // SAFETY: the `AsyncFd` owns the descriptor, which is valid, and never gives it away.
        let source = unsafe { AsyncFd::register_with_interest(own, interest) }.map_err(io::Error::from)?;
        self.watch(subject, Source::Descriptor(source), function);
        Ok(())
    }

    fn watch(&self, subject: Subject, source: Source, function: Box<dyn FnMut()>) {
        self.unwatch(subject);
        let number = next_number();
        let waker = Waker::from(Arc::new(Call { number, event_loop: self.handle() }));
        let watch = Watch { subject, source: RefCell::new(source), function: RefCell::new(function), waker };
        self.core.attached.borrow_mut().insert(number, Rc::new(watch));
        self.call_soon(move || serve(number));
    }

    fn unwatch(&self, subject: Subject) -> bool {
        let is_it =
            |attached: &Rc<dyn Any>| attached.downcast_ref::<Watch>().is_some_and(|watch| watch.subject == subject);
        // Dropped outside the borrow: what the functions captured is not ours.
        let removed: Vec<_> = self.core.attached.borrow_mut().extract_if(|_, attached| is_it(attached)).collect();
        !removed.is_empty()
    }
}

type PollFn = dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// Something that goes on while its loop runs, without being a task: the sending of what was written.
struct Background {
    poll: RefCell<Box<PollFn>>,
    waker: Waker,
}

/// Polls `poll` in `event_loop`, now and whenever it is woken, until it is ready.
pub(crate) fn in_background(event_loop: &EventLoop, poll: impl FnMut(&mut Context<'_>) -> Poll<()> + 'static) {
    let number = next_number();
    let waker = Waker::from(Arc::new(Call { number, event_loop: event_loop.handle() }));
    let background = Background { poll: RefCell::new(Box::new(poll)), waker };
    event_loop.core.attached.borrow_mut().insert(number, Rc::new(background));
    event_loop.call_soon(move || serve(number));
}

fn next_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Polls what is attached to the running loop under `number`; calls the function of a registration that is due.
fn serve(number: u64) {
    let Some(core) = current::running() else { return };
    let Some(attached) = core.attached.borrow().get(&number).cloned() else { return };
    if let Some(background) = attached.downcast_ref::<Background>() {
        let cx = &mut Context::from_waker(&background.waker);
        if (background.poll.borrow_mut())(cx).is_ready() {
            drop(core.attached.borrow_mut().remove(&number));
        }
    }
    let Ok(watch) = attached.downcast::<Watch>() else { return };
    if !watch.is_due() {
        return;
    }
    let again = watch.waker.clone();
    let mark = InTask::enter();
    // Woken also when the function raises, which the loop reports: the registration stays.
    let _again = OnDrop(|| again.wake_by_ref());
    (watch.function.borrow_mut())();
    drop(mark);
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Watch {
    /// Whether the function is to be called now; otherwise the waker will hand in another poll.
    fn is_due(&self) -> bool {
        let cx = &mut Context::from_waker(&self.waker);
        match &mut *self.source.borrow_mut() {
            Source::Signal(signal) => matches!(signal.poll_recv(cx), Poll::Ready(Some(()))),
            Source::Descriptor(descriptor) => is_ready(descriptor, self.subject, cx),
        }
    }
}

/// Whether the descriptor is ready at this moment: level-triggered, as Python's selectors are.
fn is_ready(descriptor: &AsyncFd<OwnedFd>, subject: Subject, cx: &mut Context<'_>) -> bool {
    loop {
        let (polled, events) = match subject {
            Subject::Writable(_) => (descriptor.poll_write_ready(cx), libc::POLLOUT),
            Subject::Readable(_) | Subject::Signal(_) => (descriptor.poll_read_ready(cx), libc::POLLIN),
        };
        let Poll::Ready(Ok(mut guard)) = polled else { return false };
        let mut asked = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
        // SAFETY: one valid `pollfd`, and no time to wait.
        if unsafe { libc::poll(&raw mut asked, 1, 0) } > 0 {
            guard.retain_ready();
            return true;
        }
        guard.clear_ready();
    }
}
