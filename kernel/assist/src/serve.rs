//! Answers questions until the kernel is gone. Run by the program `boucle-assist`.
//!
//! One thread owns the analyzer. It never waits for an answer: that is found by another thread, which ends when a newer
//! question comes, because the analyzer gives up what is asked about an older text. Loading takes seconds and has a thread
//! of its own, too. Only this thread writes.

use std::io::{self, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::analyzer::Analyzer;
use crate::message::{About, Answer, FromAssistant, Library, Project, Question, ToAssistant, read, write};
use crate::{completion, help, memory};

/// The stack of a thread that analyzes, in bytes. Only what is used of it takes memory.
const STACK: usize = 1 << 28;

/// When nobody has asked for so long, nobody waits for an answer either, and there is time to tidy up.
const IDLE: Duration = Duration::from_secs(3);

enum Event {
    Kernel(ToAssistant),
    Loaded(anyhow::Result<(Box<Analyzer>, Library)>),
    Answered(u64, Answer),
}

/// Answers what comes on stdin, on stdout, until stdin closes. Then the process ends, whatever it is doing.
///
/// # Errors
/// If stdout is closed.
pub fn serve() -> io::Result<()> {
    memory::prepare();
    let (events, queue) = channel();
    let kernel = events.clone();
    thread::spawn(move || {
        let mut stdin = BufReader::new(io::stdin());
        while let Ok(Some(message)) = read(&mut stdin) {
            if kernel.send(Event::Kernel(message)).is_err() {
                return;
            }
        }
        #[expect(clippy::exit, reason = "the kernel is gone, and whatever the other threads compute is for nobody")]
        process::exit(0);
    });
    Server { events, analyzer: None, is_tidy: true, loading: false, next: None, latest: None }
        .run(&queue, &mut io::stdout().lock())
}

struct Server {
    events: Sender<Event>,
    analyzer: Option<Box<Analyzer>>,
    /// Whether it has been tidied up since it last answered.
    is_tidy: bool,
    loading: bool,
    /// What is to be loaded when the present loading is over.
    next: Option<Project>,
    /// The newest question, as long as it has no answer.
    latest: Option<Question>,
}

impl Server {
    fn run(mut self, queue: &Receiver<Event>, out: &mut impl Write) -> io::Result<()> {
        // It holds a sender itself, so the queue never ends.
        while let Ok(event) = self.next(queue) {
            match event {
                Event::Kernel(ToAssistant::Open(project)) => self.open(project),
                Event::Kernel(ToAssistant::Ask(question)) => {
                    if let Some(older) = self.latest.replace(question) {
                        write(out, &FromAssistant::Answer(older.id, Answer::Outdated))?;
                    }
                    self.ask();
                }
                Event::Loaded(loaded) => self.loaded(loaded, out)?,
                Event::Answered(id, answer) => {
                    self.is_tidy = false;
                    // One that was given up has been answered already.
                    if self.latest.as_ref().is_some_and(|latest| latest.id == id) {
                        self.latest = None;
                        write(out, &FromAssistant::Answer(id, answer))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next event; tidies up if it is long in coming.
    fn next(&mut self, queue: &Receiver<Event>) -> Result<Event, RecvError> {
        if self.is_tidy || self.latest.is_some() {
            return queue.recv();
        }
        match queue.recv_timeout(IDLE) {
            Err(RecvTimeoutError::Timeout) => {
                self.is_tidy = true;
                self.analyzer.iter_mut().for_each(|analyzer| analyzer.tidy());
                memory::release();
                queue.recv()
            }
            event => event.map_err(|_| RecvError),
        }
    }

    fn open(&mut self, project: Project) {
        if self.loading {
            self.next = Some(project);
            return;
        }
        self.loading = true;
        let events = self.events.clone();
        spawn(move || {
            let loaded = catch_unwind(|| Analyzer::load(&project));
            let loaded = loaded.unwrap_or_else(|_| Err(anyhow::anyhow!("the analyzer panicked")));
            let _ = events.send(Event::Loaded(loaded.map(|(analyzer, library)| (Box::new(analyzer), library))));
        });
    }

    fn loaded(&mut self, loaded: anyhow::Result<(Box<Analyzer>, Library)>, out: &mut impl Write) -> io::Result<()> {
        self.loading = false;
        match loaded {
            Ok((analyzer, library)) => {
                self.analyzer = Some(analyzer);
                write(out, &FromAssistant::Opened { library })?;
            }
            Err(error) => write(out, &FromAssistant::NotOpened(format!("{error:#}")))?,
        }
        if let Some(project) = self.next.take() {
            self.open(project);
        }
        self.ask();
        Ok(())
    }

    /// Looks for the answer to the newest question.
    fn ask(&mut self) {
        let Some(Question { id, text, offset, about }) = self.latest.clone() else { return };
        let events = self.events.clone();
        let Some(analyzer) = &mut self.analyzer else {
            if !self.loading {
                let _ = events.send(Event::Answered(id, Answer::NotReady));
            }
            return;
        };
        let analysis = analyzer.with_text(text.clone());
        let position = analyzer.position(offset);
        let callee = match about {
            About::Help { callee, .. } => callee.map(|offset| analyzer.position(offset)),
            About::Completion => None,
        };
        spawn(move || {
            let find = || match about {
                About::Completion => completion::candidates(&analysis, &text, position).map(Answer::Candidates),
                About::Help { call_first, source, .. } => {
                    help::help(&analysis, position, callee, call_first, source).map(Answer::Help)
                }
            };
            let answer = catch_unwind(AssertUnwindSafe(find));
            drop(analysis);
            // A panic is about this text; the next one may do.
            let answer = answer.unwrap_or(Ok(Answer::NotReady)).unwrap_or(Answer::Outdated);
            let _ = events.send(Event::Answered(id, answer));
        });
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    // Without a thread there is no answer, and the kernel does not wait for long.
    let _ = thread::Builder::new().stack_size(STACK).spawn(work);
}
