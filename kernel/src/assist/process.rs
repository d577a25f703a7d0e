//! Starts the analyzer's process when it is first needed, again when it has died, and speaks with it. Used by the
//! assistant.
//!
//! One task owns the process. Whoever asks waits for a message of its own, which does not come if the process dies.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use boucle_assist::message::{About, Answer, FromAssistant, Library, Project, Question, ToAssistant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};

/// After so many deaths in a row without an answer, it is not started again.
const HOPELESS: u32 = 3;

/// How much less of the processor it gets than cells, if both want it.
const NICE: i32 = 5;

/// A question, the crates that it is about, and where the answer goes.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) project: Project,
    pub(super) text: String,
    pub(super) offset: usize,
    pub(super) about: About,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The analyzer, from outside of its process.
#[derive(Debug)]
pub(super) struct Analyst {
    program: PathBuf,
    process: Option<Process>,
    /// Who waits for which answer.
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
    questions: u64,
    deaths: u32,
}

#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it has been asked to load.
    project: Option<Project>,
}

impl Analyst {
    /// One whose process will run this program.
    pub(super) fn new(program: PathBuf) -> Analyst {
        Analyst { program, process: None, waiting: BTreeMap::new(), questions: 0, deaths: 0 }
    }

    /// Takes orders until there is nobody left who could give one; then the process ends.
    pub(super) async fn serve(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    None => return,
                },
                message = next(&mut self.process) => match message {
                    Some(message) => self.heard(message),
                    None => self.died().await,
                },
            }
        }
    }

    async fn take(&mut self, order: Order) {
        // What nobody waits for is no reason to give up what somebody waits for.
        if order.answer.is_closed() && self.waiting.values().any(|waiting| !waiting.is_closed()) {
            return;
        }
        self.questions += 1;
        let Order { project, text, offset, about, answer } = order;
        let question = Question { id: self.questions, text, offset, about };
        self.waiting.insert(question.id, answer);
        if let Err(error) = self.ask(project, question).await {
            tracing::debug!("cannot ask `{}`: {error}", self.program.display());
            // Its end is noticed where its messages are read; if there is no process, nobody answers.
            if self.process.is_none() {
                self.waiting.clear();
            }
        }
    }

    async fn ask(&mut self, project: Project, question: Question) -> io::Result<()> {
        if self.process.is_none() && self.deaths >= HOPELESS {
            return Err(io::Error::other("it has died too often"));
        }
        let process = match &mut self.process {
            Some(process) => process,
            None => self.process.insert(Process::start(&self.program)?),
        };
        if process.project.as_ref() != Some(&project) {
            process.project = Some(project.clone());
            process.send(&ToAssistant::Open(project)).await?;
        }
        process.send(&ToAssistant::Ask(question)).await
    }

    fn heard(&mut self, message: FromAssistant) {
        match message {
            FromAssistant::Answer(id, answer) => {
                self.deaths = 0;
                if let Some(waiting) = self.waiting.remove(&id) {
                    // Whoever has asked may have given up.
                    let _ = waiting.send(answer);
                }
            }
            FromAssistant::Opened { library: Library::Missing } => tracing::warn!("{NO_LIBRARY}"),
            FromAssistant::Opened { library } => tracing::debug!("the analyzer is ready; std: {library:?}"),
            FromAssistant::NotOpened(reason) => tracing::warn!("completion knows names only: {reason}"),
        }
    }

    async fn died(&mut self) {
        self.deaths += 1;
        self.waiting.clear();
        if let Some(mut process) = self.process.take() {
            let _ = process.child.start_kill();
            match process.child.wait().await {
                Ok(status) => tracing::warn!("the analyzer has ended ({status}); the next completion starts it again"),
                Err(error) => tracing::warn!("the analyzer has ended: {error}"),
            }
        }
    }
}

const NO_LIBRARY: &str = "completion knows nothing of std, because the toolchain has neither its sources nor its \
documentation: `rustup component add rust-src`, then restart the kernel";

/// What the process says next; `None` when it has ended. Waits forever if there is none.
async fn next(process: &mut Option<Process>) -> Option<FromAssistant> {
    let Some(process) = process else { return std::future::pending().await };
    let line = process.output.next_line().await.ok()??;
    serde_json::from_str(&line).ok()
}

impl Process {
    fn start(program: &Path) -> io::Result<Process> {
        let mut command = Command::new(program);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Signals to the kernel's group are not meant for it.
            .process_group(0)
            .kill_on_drop(true);
        // SAFETY: `setpriority` is a system call, safe between fork and exec, and touches no memory.
        unsafe {
            command.pre_exec(|| {
                libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("it has no pipes"));
        };
        Ok(Process { child, input, output: BufReader::new(output).lines(), project: None })
    }

    async fn send(&mut self, message: &ToAssistant) -> io::Result<()> {
        let mut line = Vec::new();
        boucle_assist::message::write(&mut line, message)?;
        self.input.write_all(&line).await
    }
}
