//! What the worker's process writes to stdout and stderr, published as it comes. Started by `process`.
//!
//! Invariants:
//! 1. Each byte is published once, in its stream's order; invalid UTF-8 is replaced, never dropped.
//! 2. Text that comes in quick succession is joined, to at most [`RATE`] messages a second.
//! 3. After a drain, everything that was written before the drain was asked for has been published.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::publish::{Publisher, StreamName};

/// Messages a second at the most; Jupyter's server cuts a kernel off that exceeds 1,000.
const RATE: u32 = 50;

/// How much is read in one turn, in bytes: enough to be fast, little enough for others to have theirs.
const AT_ONCE: usize = 1 << 18;

/// How much of the last words on stderr is kept, in bytes, to explain a death.
const LAST_WORDS: usize = 4096;

/// Asks the pump to do something.
enum Command {
    /// From now on, publish for this request.
    Publish(Publisher),
    /// Publish what has been written so far, then answer with the last words on stderr.
    Drain(oneshot::Sender<String>),
}

/// The pump of one worker; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Output {
    commands: mpsc::UnboundedSender<Command>,
}

impl Output {
    /// Starts to read. Both pipes must not block.
    pub(super) fn start(stdout: PipeReader, stderr: PipeReader) -> io::Result<Output> {
        let (commands, receiver) = mpsc::unbounded_channel();
        let streams = [Stream::new(StreamName::Stdout, stdout)?, Stream::new(StreamName::Stderr, stderr)?];
        let pump = Pump {
            streams,
            joined: VecDeque::new(),
            publisher: None,
            published_at: Instant::now(),
            last_words: Vec::new(),
        };
        tokio::spawn(pump.run(receiver));
        Ok(Output { commands })
    }

    /// Publishes for another request from now on.
    pub(super) fn publish_for(&self, publisher: &Publisher) {
        // The pump ends only with this value.
        let _ = self.commands.send(Command::Publish(publisher.clone()));
    }

    /// Resolves when all that was written so far has been published, with the last words on stderr.
    pub(super) async fn drain(&self) -> String {
        let (done, drained) = oneshot::channel();
        let _ = self.commands.send(Command::Drain(done));
        drained.await.unwrap_or_default()
    }
}

struct Pump {
    streams: [Stream; 2],
    /// What has been read and not published, joined while the stream stays the same.
    joined: VecDeque<(StreamName, String)>,
    publisher: Option<Publisher>,
    published_at: Instant,
    last_words: Vec<u8>,
}

impl Pump {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let due = self.published_at + Duration::from_secs(1) / RATE;
            let [stdout, stderr] = &self.streams;
            let (stdout_open, stderr_open, waiting) = (stdout.open, stderr.open, !self.joined.is_empty());
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Publish(publisher)) => {
                        self.publish();
                        self.publisher = Some(publisher);
                    }
                    Some(Command::Drain(done)) => {
                        self.drain();
                        let _ = done.send(String::from_utf8_lossy(&self.last_words).into_owned());
                    }
                },
                () = tokio::time::sleep_until(due), if waiting => self.publish(),
                () = stdout.readable(), if stdout_open => drop(self.read(0)),
                () = stderr.readable(), if stderr_open => drop(self.read(1)),
            }
        }
    }

    /// Takes what one stream holds now, and publishes it unless that would be too soon. The number of bytes.
    fn read(&mut self, index: usize) -> usize {
        let stream = &mut self.streams[index];
        let (text, bytes) = stream.take();
        let length = bytes.len();
        if stream.name == StreamName::Stderr {
            self.last_words.extend_from_slice(&bytes);
            let surplus = self.last_words.len().saturating_sub(LAST_WORDS);
            self.last_words.drain(..surplus);
        }
        let name = stream.name;
        self.join(name, text);
        if self.published_at.elapsed() >= Duration::from_secs(1) / RATE {
            self.publish();
        }
        length
    }

    /// Publishes what had been written when this was called. What a thread goes on to write can wait.
    fn drain(&mut self) {
        for index in 0..2 {
            let mut left = self.streams[index].waiting();
            loop {
                let read = self.read(index);
                left = left.saturating_sub(read);
                if left == 0 || read == 0 {
                    break;
                }
            }
            let rest = self.streams[index].flush();
            self.join(self.streams[index].name, rest);
        }
        self.publish();
    }

    fn join(&mut self, name: StreamName, text: String) {
        match self.joined.back_mut() {
            _ if text.is_empty() => {}
            Some((last, joined)) if *last == name => joined.push_str(&text),
            _ => self.joined.push_back((name, text)),
        }
    }

    fn publish(&mut self) {
        let Some(publisher) = &self.publisher else { return };
        for (name, text) in self.joined.drain(..) {
            publisher.stream(name, text);
            self.published_at = Instant::now();
        }
    }
}

/// One of the pipes.
struct Stream {
    name: StreamName,
    pipe: AsyncFd<PipeReader>,
    /// The beginning of a character whose rest has not come yet.
    partial: Vec<u8>,
    /// Whether the last read has left something, so that the next need not wait.
    more: bool,
    open: bool,
}

impl Stream {
    fn new(name: StreamName, pipe: PipeReader) -> io::Result<Stream> {
        // SAFETY: the registration owns the pipe, which so stays open for as long as it is watched.
        let pipe = unsafe { AsyncFd::register(pipe) }?;
        Ok(Stream { name, pipe, partial: Vec::new(), more: false, open: true })
    }

    /// Resolves when there is something to read, or the other end has been closed.
    async fn readable(&self) {
        if self.more {
            // Others have their turn first: the kernel has only one thread.
            return tokio::task::yield_now().await;
        }
        if let Ok(mut guard) = self.pipe.readable().await {
            // Reading goes past tokio; so ask the system again next time.
            guard.clear_ready();
        }
    }

    /// What can be read now, up to [`AT_ONCE`]: as text, and as it came.
    fn take(&mut self) -> (String, Vec<u8>) {
        let mut bytes = std::mem::take(&mut self.partial);
        let mut chunk = vec![0; 1 << 16];
        self.more = true;
        while self.more && self.open && bytes.len() < AT_ONCE {
            match self.pipe.get_ref().read(&mut chunk) {
                Ok(0) => self.open = false,
                Ok(length) => bytes.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.more = false;
                    self.open &= error.kind() == io::ErrorKind::WouldBlock;
                }
            }
        }
        self.more &= self.open;
        let text = decode(&mut bytes, &mut self.partial, !self.open);
        (text, bytes)
    }

    /// What is left of a character that was begun and will not be finished.
    fn flush(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        decode(&mut bytes, &mut self.partial, true)
    }

    /// How many bytes wait in the pipe.
    fn waiting(&self) -> usize {
        let mut length: libc::c_int = 0;
        // SAFETY: the descriptor is open and the number lives during the call.
        match unsafe { libc::ioctl(self.pipe.as_raw_fd(), libc::FIONREAD, &raw mut length) } {
            0 => usize::try_from(length).unwrap_or(0),
            _ => 0,
        }
    }
}

/// The bytes as text. An incomplete character at the end is moved to `partial`, unless this is the end.
fn decode(bytes: &mut Vec<u8>, partial: &mut Vec<u8>, end: bool) -> String {
    if !end {
        let whole = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(_) => incomplete_from(bytes),
        };
        *partial = bytes.split_off(whole);
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where an incomplete character at the very end begins; the length if there is none.
fn incomplete_from(bytes: &[u8]) -> usize {
    let tail_start = bytes.len().saturating_sub(3);
    (tail_start..bytes.len())
        .find(|&at| {
            std::str::from_utf8(&bytes[at..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_survive_any_chunking_and_garbage_is_replaced() {
        let bytes = b"\xcf\x80 ok \xff\xf0\x9f\xa6\x80 \xe2\x82";
        let (mut text, mut partial) = (String::new(), Vec::new());
        for &byte in bytes {
            let mut chunk = std::mem::take(&mut partial);
            chunk.push(byte);
            text += &decode(&mut chunk, &mut partial, false);
        }
        text += &decode(&mut std::mem::take(&mut partial), &mut Vec::new(), true);
        assert_eq!(text, "π ok \u{fffd}🦀 \u{fffd}");
    }
}
