//! What has been typed, in this session and in earlier ones, for front ends that offer it again. It is kept in one file that
//! all kernels of a user share. `handlers::execute` adds to it, `handlers::history` asks.
//!
//! Invariants:
//! 1. Only who asks for the history waits for the file. One thread reads and writes it, in the order in which it was told
//!    to, so an answer holds all that was added before.
//! 2. The history is a convenience. A file that cannot be used costs one line in the log; the session's own lines are then
//!    kept in memory.

mod store;

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use store::Store;

/// Says where the history is kept: a file, or [`IN_MEMORY`].
const VARIABLE: &str = "BOUCLE_HISTORY";

/// Keeps the history in memory, as SQLite calls it.
const IN_MEMORY: &str = ":memory:";

/// The history of this kernel, to be added to and asked from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct History {
    jobs: mpsc::UnboundedSender<Job>,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of the session, or 0 if this one was asked for.
    pub(crate) session: i64,
    /// The `execution_count`.
    pub(crate) line: i64,
    pub(crate) source: String,
    /// The plain text of its value, if it has shown one.
    pub(crate) output: Option<String>,
}

/// Which lines are asked for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) access: Access,
    /// At most so many, the latest; not for a range.
    pub(crate) limit: Option<u32>,
}

/// How lines are chosen.
#[derive(Debug)]
pub(crate) enum Access {
    /// The latest of all sessions.
    Tail,
    /// Those that match a glob as a whole. Of equal ones only the latest, if it is to be `unique`.
    Search { pattern: String, unique: bool },
    /// From `start` up to but not including `stop`. Session 0 is this one, and -1 the one before it.
    Range { session: i64, start: i64, stop: Option<i64> },
}

/// What the thread is asked to do.
#[derive(Debug)]
enum Job {
    Input { line: i64, source: String },
    Output { line: i64, output: String },
    Find(Query, oneshot::Sender<Vec<Entry>>),
    Close(oneshot::Sender<()>),
}

/// Where the history is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Memory,
    File(PathBuf),
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
enum HistoryError {
    #[error("cannot make the folder `{}`: {cause}", folder.display())]
    Folder { folder: PathBuf, cause: io::Error },
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

impl History {
    /// Starts the thread, which opens the file only when it has something to do. Within a tokio runtime.
    pub(crate) fn start() -> Self {
        Self::start_at(Place::of(|name| env::var_os(name)))
    }

    /// A history that ends with the kernel, whatever the environment says.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self::start_at(Place::Memory)
    }

    fn start_at(place: Place) -> Self {
        let (jobs, receiver) = mpsc::unbounded_channel();
        tokio::task::spawn_blocking(move || Keeper { place, store: None, told: false }.work(receiver));
        Self { jobs }
    }

    /// Adds what was typed.
    pub(crate) fn add_input(&self, line: u64, source: &str) {
        self.tell(Job::Input { line: number(line), source: source.trim_end_matches('\n').to_owned() });
    }

    /// Adds what a line has shown as its value.
    pub(crate) fn add_output(&self, line: u64, output: String) {
        self.tell(Job::Output { line: number(line), output });
    }

    /// The lines that are asked for, in the order in which they were typed; none if the file cannot be read.
    pub(crate) async fn find(&self, query: Query) -> Vec<Entry> {
        let (sender, found) = oneshot::channel();
        self.tell(Job::Find(query, sender));
        found.await.unwrap_or_default()
    }

    /// Resolves when everything has been written. What is added later is lost.
    pub(crate) async fn close(&self) {
        let (sender, closed) = oneshot::channel();
        self.tell(Job::Close(sender));
        let _ = closed.await;
    }

    fn tell(&self, job: Job) {
        // An error means that it has been closed.
        let _ = self.jobs.send(job);
    }
}

/// SQLite's numbers have a sign.
fn number(line: u64) -> i64 {
    i64::try_from(line).unwrap_or(i64::MAX)
}

impl Place {
    /// `$BOUCLE_HISTORY`, or a file in the user's folder for the state of programs.
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        match set(VARIABLE) {
            Some(path) if path == Path::new(IN_MEMORY) => Place::Memory,
            Some(path) => Place::File(path),
            None => set("XDG_STATE_HOME")
                .filter(|folder| folder.is_absolute())
                .or_else(|| set("HOME").map(|home| home.join(".local/state")))
                .map_or(Place::Memory, |folder| Place::File(folder.join("boucle").join("history.sqlite"))),
        }
    }
}

/// Runs on the thread.
struct Keeper {
    place: Place,
    store: Option<Store>,
    /// Whether the log has a complaint.
    told: bool,
}

impl Keeper {
    fn work(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            // Nobody waiting for an answer any more is fine.
            match job {
                Job::Input { line, source } => self.with_store(|store| store.add_input(line, &source)),
                Job::Output { line, output } => self.with_store(|store| store.add_output(line, &output)),
                Job::Find(query, answer) => drop(answer.send(self.with_store(|store| store.find(&query)))),
                Job::Close(done) => {
                    // The last kernel to close the file tidies up beside it.
                    drop(self.store.take());
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    fn with_store<T: Default>(&mut self, work: impl FnOnce(&mut Store) -> rusqlite::Result<T>) -> T {
        if self.store.is_none() {
            self.store = self.open();
        }
        match self.store.as_mut().map(work) {
            Some(Ok(done)) => done,
            Some(Err(error)) => {
                self.complain(&error.into(), "what is typed may be missing from it");
                T::default()
            }
            None => T::default(),
        }
    }

    /// The store in its place, or else in memory.
    fn open(&mut self) -> Option<Store> {
        if let Place::File(path) = &self.place {
            match open_file(path) {
                Ok(store) => return Some(store),
                Err(error) => self.complain(&error, "this session's lines are kept in memory only"),
            }
        }
        Store::in_memory().ok()
    }

    /// Once: what is wrong with a file will be wrong with it again.
    fn complain(&mut self, error: &HistoryError, consequence: &str) {
        if !std::mem::replace(&mut self.told, true) {
            let place = match &self.place {
                Place::File(path) => path.display().to_string(),
                Place::Memory => IN_MEMORY.to_owned(),
            };
            tracing::warn!(
                "cannot use the history in `{place}`: {error}; {consequence} \
                 (move the file away, or set {VARIABLE} to another one or to `{IN_MEMORY}`)"
            );
        }
    }
}

fn open_file(path: &Path) -> Result<Store, HistoryError> {
    if let Some(folder) = path.parent() {
        // What somebody types is nobody else's business.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| HistoryError::Folder { folder: folder.to_owned(), cause })?;
    }
    Ok(Store::open(path)?)
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;
