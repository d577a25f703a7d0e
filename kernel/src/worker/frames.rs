//! The socket to the worker. It is read all the time: a thread may show something when no cell runs. What is to be shown
//! goes to `output`, everything else to whoever waits for it, by `routes`. Started by `process`.

use std::sync::{Arc, Weak};

use boucle_wire::{CommEvent, FrameError, FromWorker, Role, ToWorker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant};

use super::output::Output;
use super::routes::Routes;
use crate::comms::Comms;

/// How many things a worker may show within a second; Jupyter's server cuts a kernel off at 1,000 messages. Updates do
/// not count: of those that come too fast only the last is published.
const SHOWN_PER_SECOND: u32 = 500;

/// The way to the worker, for everybody who has something to tell it. Reading ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Sending>);

#[derive(Debug)]
struct Sending {
    socket: Mutex<OwnedWriteHalf>,
    reader: AbortHandle,
}

/// Starts to read: tells `routes`, `comms` and `output` what the worker says.
pub(super) fn start(socket: UnixStream, routes: Routes, comms: Comms, output: Output) -> Writer {
    let (socket, writing) = socket.into_split();
    let (sender, writer) = oneshot::channel::<Weak<Sending>>();
    let reader = tokio::spawn(async move {
        let Ok(writer) = writer.await else { return };
        let pace = Pace { second: Instant::now(), shown: 0 };
        Reader { socket, received: Vec::new(), writer, routes, comms, output, pace }.run().await;
    });
    let writer = Arc::new(Sending { socket: Mutex::new(writing), reader: reader.abort_handle() });
    // The task waits for it.
    let _ = sender.send(Arc::downgrade(&writer));
    Writer(writer)
}

impl Writer {
    /// Sends a frame. Half of it may be sent when the future is dropped.
    ///
    /// # Errors
    /// If the worker has ended, or the frame is too large.
    pub(super) async fn send(&self, frame: &ToWorker) -> Result<(), FrameError> {
        self.0.socket.lock().await.write_all(&boucle_wire::encode(frame)?).await?;
        Ok(())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// How much room is kept for the next frames, in bytes.
const ROOM: usize = 1 << 16;

struct Reader {
    socket: OwnedReadHalf,
    received: Vec<u8>,
    writer: Weak<Sending>,
    routes: Routes,
    comms: Comms,
    output: Output,
    pace: Pace,
}

impl Reader {
    async fn run(mut self) {
        loop {
            match self.receive().await {
                Ok(FromWorker::Show(show)) if matches!(show.role, Role::Update(_)) => self.output.show(show).await,
                Ok(FromWorker::Show(show)) => {
                    self.keep_pace().await;
                    self.output.show(show).await;
                    self.tell(&ToWorker::Shown).await;
                }
                Ok(FromWorker::ClearOutput { wait }) => {
                    self.keep_pace().await;
                    self.output.clear(wait).await;
                    self.tell(&ToWorker::Shown).await;
                }
                Ok(FromWorker::Begins { cell }) => {
                    if let Some((publisher, execution_count)) = self.routes.audience(cell) {
                        self.output.publish_for(&publisher, execution_count).await;
                    }
                    self.tell(&ToWorker::Shown).await;
                }
                Ok(FromWorker::Comm(event)) => {
                    self.comms.note(&event);
                    self.output.comm(event);
                }
                Ok(frame) => {
                    if let Some(answer) = self.routes.deliver(frame) {
                        self.tell(&answer).await;
                    }
                }
                Err(error) => {
                    tracing::debug!("the worker says nothing more: {error}");
                    for id in self.comms.close_all() {
                        self.output.comm(CommEvent::close(&id));
                    }
                    return self.routes.close();
                }
            }
        }
    }

    async fn keep_pace(&mut self) {
        let now = Instant::now();
        let next = self.pace.next(now);
        // Even a sleep that is over already takes up to a millisecond.
        if next > now {
            tokio::time::sleep_until(next).await;
        }
    }

    async fn tell(&self, frame: &ToWorker) {
        // If the worker has just ended, the next read says so.
        if let Some(writer) = self.writer.upgrade() {
            let _ = Writer(writer).send(frame).await;
        }
    }

    async fn receive(&mut self) -> Result<FromWorker, FrameError> {
        loop {
            if let Some(frame) = boucle_wire::decode(&mut self.received)? {
                return Ok(frame);
            }
            if self.received.is_empty() {
                // A large value has needed more.
                self.received.shrink_to(ROOM);
            }
            if self.socket.read_buf(&mut self.received).await? == 0 {
                return Err(FrameError::Closed);
            }
        }
    }
}

/// Holds a worker back that shows more than anybody can see: it waits in its own `display`.
struct Pace {
    second: Instant,
    shown: u32,
}

impl Pace {
    /// When one more thing may be shown, at the earliest.
    fn next(&mut self, now: Instant) -> Instant {
        let second = Duration::from_secs(1);
        if now >= self.second + second {
            *self = Pace { second: now, shown: 0 };
        } else if self.shown >= SHOWN_PER_SECOND {
            *self = Pace { second: self.second + second, shown: 0 };
        }
        self.shown += 1;
        self.second.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_is_held_back() {
        let begin = Instant::now();
        let mut pace = Pace { second: begin, shown: 0 };
        let mut now = begin;
        let mut show = |count: u32| {
            for _ in 0..count {
                now = pace.next(now);
            }
            now - begin
        };
        assert_eq!(show(SHOWN_PER_SECOND), Duration::ZERO);
        assert_eq!(show(1), Duration::from_secs(1));
        assert_eq!(show(2 * SHOWN_PER_SECOND), Duration::from_secs(3));
        let later = begin + Duration::from_secs(10);
        assert_eq!(pace.next(later), later);
    }
}
