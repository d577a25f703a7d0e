//! The socket to the worker. It is read all the time: a thread may show something when no cell runs. What is to be shown
//! goes to `output`, everything else to `process`.

use std::sync::Arc;

use boucle_wire::{FrameError, FromWorker, Role, ToWorker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::output::Output;

/// How many things a worker may show within a second; Jupyter's server cuts a kernel off at 1,000 messages. Updates do
/// not count: of those that come too fast only the last is published.
const SHOWN_PER_SECOND: u32 = 500;

/// Both directions of the socket. Reading ends when this is dropped.
#[derive(Debug)]
pub(super) struct Frames {
    received: mpsc::UnboundedReceiver<Result<FromWorker, FrameError>>,
    writer: Writer,
    task: JoinHandle<()>,
}

/// The way to the worker, for the engine and for the reader's answers.
#[derive(Debug, Clone)]
struct Writer(Arc<Mutex<OwnedWriteHalf>>);

impl Frames {
    /// Starts to read.
    pub(super) fn start(socket: UnixStream, output: Output) -> Frames {
        let (sender, received) = mpsc::unbounded_channel();
        let (socket, writer) = socket.into_split();
        let writer = Writer(Arc::new(Mutex::new(writer)));
        let pace = Pace { second: Instant::now(), shown: 0 };
        let reader = Reader { socket, received: Vec::new(), writer: writer.clone(), output, pace };
        Frames { received, writer, task: tokio::spawn(reader.run(sender)) }
    }

    /// The next frame that is not about something to show. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// What ended the conversation.
    pub(super) async fn next(&mut self) -> Result<FromWorker, FrameError> {
        self.received.recv().await.unwrap_or(Err(FrameError::Closed))
    }

    /// Sends a frame. Half of it may be sent when the future is dropped.
    ///
    /// # Errors
    /// If the worker has ended, or the frame is too large.
    pub(super) async fn send(&self, frame: &ToWorker) -> Result<(), FrameError> {
        self.writer.send(frame).await
    }
}

impl Writer {
    async fn send(&self, frame: &ToWorker) -> Result<(), FrameError> {
        self.0.lock().await.write_all(&boucle_wire::encode(frame)?).await?;
        Ok(())
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    socket: OwnedReadHalf,
    received: Vec<u8>,
    writer: Writer,
    output: Output,
    pace: Pace,
}

impl Reader {
    async fn run(mut self, sender: mpsc::UnboundedSender<Result<FromWorker, FrameError>>) {
        loop {
            match self.receive().await {
                Ok(FromWorker::Show(show)) if matches!(show.role, Role::Update(_)) => self.output.show(show).await,
                Ok(FromWorker::Show(show)) => {
                    self.keep_pace().await;
                    self.output.show(show).await;
                    self.answer().await;
                }
                Ok(FromWorker::ClearOutput { wait }) => {
                    self.keep_pace().await;
                    self.output.clear(wait).await;
                    self.answer().await;
                }
                frame => {
                    let ended = frame.is_err();
                    if sender.send(frame).is_err() || ended {
                        return;
                    }
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

    async fn answer(&self) {
        // If the worker has just ended, the next read says so.
        let _ = self.writer.send(&ToWorker::Shown).await;
    }

    async fn receive(&mut self) -> Result<FromWorker, FrameError> {
        loop {
            if let Some(frame) = boucle_wire::decode(&mut self.received)? {
                return Ok(frame);
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
