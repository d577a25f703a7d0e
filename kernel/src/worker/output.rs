//! What the worker's process writes to stdout and stderr, and what it shows, published as it comes. Started by `process`;
//! `frames` passes on what is shown.
//!
//! Invariants:
//! 1. Each byte is published once, in its stream's order; invalid UTF-8 is replaced, never dropped. What stands in a
//!    display block on stdout is shown instead.
//! 2. Text that comes in quick succession is joined, to at most [`RATE`] messages a second; so are updates of one display.
//! 3. What is shown comes behind all that was written before. After a drain, everything that was written before it was
//!    asked for has been published, except for the beginning of a display block; after an end, that too.

use std::collections::VecDeque;
use std::io::{self, PipeReader};
use std::time::Duration;

use boucle_wire::{CommEvent, Role, Show};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::blocks::{Blocks, Piece};
use super::show::{self, Shown};
use super::stream::Stream;
use crate::publish::{Publisher, StreamName};

/// Messages a second at the most; Jupyter's server cuts a kernel off that exceeds 1,000.
const RATE: u32 = 50;

/// How long text that may be the beginning of a display block waits for the rest.
const DOUBT: Duration = Duration::from_millis(50);

/// How much of the last words on stderr is kept, in bytes, to explain a death.
const LAST_WORDS: usize = 4096;

/// Asks the pump to do something.
enum Command {
    /// From now on, publish for this request, and its value with this number if it has one; then answer.
    Publish(Publisher, Option<u64>, oneshot::Sender<()>),
    /// Show this, then answer.
    Show(Show, oneshot::Sender<()>),
    /// Say this about a comm.
    Comm(CommEvent),
    /// Remove the output, at once or when there is new output; then answer.
    Clear(bool, oneshot::Sender<()>),
    /// Publish what has been written so far, at the end of a cell even the beginning of a display block; then answer with
    /// the last words on stderr.
    Drain { end: bool, done: oneshot::Sender<String> },
}

/// The pump of one worker; it ends when all of these are dropped.
#[derive(Debug, Clone)]
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
            blocks: Blocks::default(),
            read_at: Instant::now(),
            pending: VecDeque::new(),
            publisher: None,
            execution_count: None,
            published_at: Instant::now(),
            last_words: Vec::new(),
        };
        tokio::spawn(pump.run(receiver));
        Ok(Output { commands })
    }

    /// Publishes for another request from now on, and its value with this number, unless that is `None`. What was written
    /// before this resolves has its place among the output of the one before.
    pub(super) async fn publish_for(&self, publisher: &Publisher, execution_count: Option<u64>) {
        let (done, changed) = oneshot::channel();
        // The pump ends only with this value.
        let _ = self.commands.send(Command::Publish(publisher.clone(), execution_count, done));
        let _ = changed.await;
    }

    /// Says what happens to a comm on the worker's side, behind all that was written before.
    pub(super) fn comm(&self, event: CommEvent) {
        let _ = self.commands.send(Command::Comm(event));
    }

    /// Shows something; resolves when it has its place among the output.
    pub(super) async fn show(&self, show: Show) {
        let (done, shown) = oneshot::channel();
        let _ = self.commands.send(Command::Show(show, done));
        let _ = shown.await;
    }

    /// Removes the output of the cell; with `wait`, when there is something in its place.
    pub(super) async fn clear(&self, wait: bool) {
        let (done, cleared) = oneshot::channel();
        let _ = self.commands.send(Command::Clear(wait, done));
        let _ = cleared.await;
    }

    /// Resolves when all that was written so far has been published.
    pub(super) async fn drain(&self) {
        self.ask(false).await;
    }

    /// As `drain`, at the end of a cell: whatever has been begun ends here. The last words on stderr.
    pub(super) async fn end(&self) -> String {
        self.ask(true).await
    }

    async fn ask(&self, end: bool) -> String {
        let (done, drained) = oneshot::channel();
        let _ = self.commands.send(Command::Drain { end, done });
        drained.await.unwrap_or_default()
    }
}

struct Pump {
    streams: [Stream; 2],
    /// The display blocks in stdout.
    blocks: Blocks,
    /// When something has last been read from stdout.
    read_at: Instant,
    /// What has come and is not published, in order.
    pending: VecDeque<Pending>,
    publisher: Option<Publisher>,
    execution_count: Option<u64>,
    published_at: Instant,
    last_words: Vec<u8>,
}

/// Something to publish.
enum Pending {
    /// Text, joined while the stream stays the same.
    Text(StreamName, String),
    Show(Shown),
    Comm(CommEvent),
    Clear(bool),
}

impl Pump {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            let due = self.published_at + Duration::from_secs(1) / RATE;
            let doubt_ends = self.read_at + DOUBT;
            let [stdout, stderr] = &self.streams;
            let (stdout_open, stderr_open) = (stdout.open, stderr.open);
            let (waiting, in_doubt) = (!self.pending.is_empty(), self.blocks.in_doubt());
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => self.obey(command),
                },
                () = tokio::time::sleep_until(due), if waiting => self.publish(),
                () = stdout.readable(), if stdout_open => drop(self.read(0)),
                () = stderr.readable(), if stderr_open => drop(self.read(1)),
                () = tokio::time::sleep_until(doubt_ends), if in_doubt => self.settle(false),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Publish(publisher, execution_count, done) => {
                self.catch_up(true);
                self.publish();
                self.publisher = Some(publisher);
                self.execution_count = execution_count;
                let _ = done.send(());
            }
            Command::Comm(event) => {
                self.catch_up(false);
                self.pending.push_back(Pending::Comm(event));
                self.publish_if_due();
            }
            Command::Show(show, done) => {
                self.catch_up(false);
                let Show { role, data, metadata } = show;
                let shown = show::prepare(role, data, metadata);
                self.show(shown);
                self.publish_if_due();
                let _ = done.send(());
            }
            Command::Clear(wait, done) => {
                self.catch_up(false);
                self.pending.push_back(Pending::Clear(wait));
                self.publish_if_due();
                let _ = done.send(());
            }
            Command::Drain { end, done } => {
                self.catch_up(end);
                self.publish();
                let _ = done.send(String::from_utf8_lossy(&self.last_words).into_owned());
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
        self.join(index, text);
        self.publish_if_due();
        length
    }

    /// Takes all that had been written when this was called. What a thread goes on to write can wait.
    fn catch_up(&mut self, end: bool) {
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
            self.join(index, rest);
        }
        self.settle(end);
    }

    /// Decides what stdout's last text is; at the end, also what a display block was that lacks its end.
    fn settle(&mut self, end: bool) {
        let pieces = self.blocks.settle(end);
        self.add(pieces);
    }

    fn join(&mut self, index: usize, text: String) {
        match self.streams[index].name {
            StreamName::Stdout if !text.is_empty() => {
                self.read_at = Instant::now();
                let pieces = self.blocks.feed(text);
                self.add(pieces);
            }
            name => self.text(name, text),
        }
    }

    fn add(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.text(StreamName::Stdout, text),
                Piece::Block(data) => {
                    // Nobody knows the name, so nobody updates it.
                    self.show(show::prepare(Role::Display(String::new()), data, Default::default()));
                }
            }
        }
    }

    fn text(&mut self, name: StreamName, text: String) {
        match self.pending.back_mut() {
            _ if text.is_empty() => {}
            Some(Pending::Text(last, joined)) if *last == name => joined.push_str(&text),
            _ => self.pending.push_back(Pending::Text(name, text)),
        }
    }

    fn show(&mut self, shown: Shown) {
        if let Some(complaint) = &shown.complaint {
            self.text(StreamName::Stderr, complaint.clone());
        }
        if let Role::Update(id) = &shown.role {
            // Only the latest of several updates can be seen.
            self.pending.retain(|other| !matches!(other, Pending::Show(earlier) if earlier.updates(id)));
        }
        self.pending.push_back(Pending::Show(shown));
    }

    fn publish_if_due(&mut self) {
        if self.published_at.elapsed() >= Duration::from_secs(1) / RATE {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let Some(publisher) = &self.publisher else { return };
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Text(name, text) => publisher.stream(name, text),
                Pending::Show(shown) => shown.publish(publisher, self.execution_count),
                Pending::Comm(event) => publisher.comm(event),
                Pending::Clear(wait) => publisher.clear_output(wait),
            }
            self.published_at = Instant::now();
        }
    }
}
