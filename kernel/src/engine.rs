//! Runs cells: text → plan → library → outcome, one stage after the other. Called by the execute handler.
//!
//! The engine owns the session, the compiler and the worker. A cell that rustc refuses, or that is interrupted before it
//! runs, leaves the session as it was; a cell that fails while it runs leaves what it did before.

mod attempt;
mod build;
mod build_progress;
mod callers;
mod commands;
mod configuration;
mod dependencies;
mod documentation;
mod habits;
mod hints;
mod in_flight;
mod options;
mod outline;
mod report;
mod steps;
mod turn;

use std::ops::Range;
use std::sync::Arc;

use boucle_wire::{Failure, Location};
use tokio::sync::watch;

use crate::assist::Outline;
pub(crate) use crate::cell::IsComplete;
use crate::cell::{self, CellPlan, Item, Parsed, Purpose};
use crate::comms::Comms;
use crate::compile::runtime::{self, Runtime};
use crate::compile::{CompileError, Compiler, Progress};
use crate::error::ErrorReport;
use crate::magics::{self, Segment};
use crate::publish::Publisher;
use crate::session::{Change, Session};
use crate::stdin::Asker;
use crate::worker::{Death, Worker, WorkerError};
use build::{Built, Refusal};
use build_progress::BuildProgress;
pub(crate) use dependencies::POPULAR;
use in_flight::InFlight;
use options::Options;
pub(crate) use turn::{SharedEngine, Turn};

/// rustc's level for code whose time is taken, unless `:opt` has set one: nobody wants to know how slow unoptimized code
/// is.
const MEASURED_LEVEL: u8 = 3;

/// Runs the cells of one notebook.
#[derive(Debug)]
pub(crate) struct Engine {
    session: Session,
    ready: Option<Ready>,
    options: Options,
    /// Whether the user's files for all notebooks have been run.
    is_configured: bool,
    /// What rustc was given for the last cell.
    last_source: Option<String>,
    interrupts: watch::Receiver<u64>,
    comms: Comms,
    /// The main cell whose library runs.
    in_flight: Option<InFlight>,
    /// What completion and help are told of the notebook.
    outline: watch::Sender<Arc<Outline>>,
}

/// What a cell needs, once the runtime is there.
#[derive(Debug)]
struct Ready {
    runtime: Runtime,
    compiler: Compiler,
    /// `None` after a death, until the next cell.
    worker: Option<Arc<Worker>>,
}

/// Interrupts what the engine does, from anywhere. Without effect when it does nothing.
#[derive(Debug, Clone)]
pub(crate) struct Interrupter {
    interrupts: Arc<watch::Sender<u64>>,
}

/// A cell to run.
#[derive(Debug)]
pub(crate) struct CellRequest<'a> {
    pub(crate) code: &'a str,
    pub(crate) execution_count: u64,
    pub(crate) silent: bool,
    /// Who can be asked for input.
    pub(crate) asker: Option<&'a Asker>,
}

/// A text to run: that of a cell, or of a file that is run like one.
#[derive(Debug)]
struct Text<'a> {
    /// How messages call it.
    label: String,
    code: &'a str,
    /// The number of values that it shows; without one they are not shown.
    count: Option<u64>,
    /// Who can be asked for input.
    asker: Option<&'a Asker>,
}

/// A part of a text that is Rust: all of it, unless it holds commands.
#[derive(Debug, Clone, Default)]
struct Part {
    range: Range<usize>,
    purpose: Purpose,
    /// rustc's `opt-level`, if it is not the notebook's.
    opt_level: Option<u8>,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Executed {
    Ok,
    Error(ErrorReport),
}

impl Ready {
    /// Whether cells still run in this worker.
    fn is_of(&self, worker: &Arc<Worker>) -> bool {
        self.worker.as_ref().is_some_and(|current| Arc::ptr_eq(current, worker))
    }
}

impl Interrupter {
    pub(crate) fn interrupt(&self) {
        self.interrupts.send_modify(|count| *count += 1);
    }

    /// Tells of each interrupt from now on.
    pub(crate) fn presses(&self) -> watch::Receiver<u64> {
        self.interrupts.subscribe()
    }
}

/// Judges what has been typed so far.
pub(crate) fn is_complete(code: &str) -> IsComplete {
    let Some(segments) = magics::segments(code, |_| false) else { return cell::is_complete(code) };
    let judge = |segment: &Segment| match segment {
        Segment::Code(range) => cell::is_complete(&code[range.clone()]),
        Segment::Command(line) if magics::is_open(code, line) => IsComplete::Incomplete { indent: "    ".into() },
        Segment::Command(line) if magics::goes_on(code, line) => IsComplete::Incomplete { indent: String::new() },
        Segment::Command(_) => IsComplete::Complete,
    };
    let Some((last, earlier)) = segments.split_last() else { return IsComplete::Complete };
    // What follows a command cannot complete what stands before it.
    match earlier.iter().all(|segment| judge(segment) == IsComplete::Complete) {
        true => judge(last),
        false => IsComplete::Invalid,
    }
}

impl Engine {
    /// An engine that takes note of what its cells do to comms.
    pub(crate) fn new(comms: Comms) -> (Engine, Interrupter) {
        let (sender, interrupts) = watch::channel(0);
        let engine = Engine {
            session: Session::default(),
            ready: None,
            options: Options::default(),
            is_configured: false,
            last_source: None,
            interrupts,
            comms,
            in_flight: None,
            outline: watch::Sender::default(),
        };
        (engine, Interrupter { interrupts: Arc::new(sender) })
    }

    /// Prepares everything that the first cell needs, if that is a matter of a moment. What takes longer, or fails, is
    /// left to the first cell, where the user sees it.
    async fn warm_up(&mut self) {
        let Ok(Some(runtime)) = tokio::task::spawn_blocking(runtime::find).await else { return };
        if let Err(error) = self.get_ready(runtime).await {
            tracing::warn!("{}: {}", error.ename, error.evalue);
            return;
        }
        self.publish_outline();
        let Some(ready) = &self.ready else { return };
        // Loads rustc and the libraries into the system's cache.
        if let Err(error) = ready.compiler.warm_up().await {
            tracing::warn!("{error}");
        }
        let cache = ready.compiler.cache().clone();
        tokio::task::spawn_blocking(move || cache.prune());
    }

    /// Ends the worker, and rustc if it runs. The front end has let go of the comms by itself.
    async fn shutdown(&mut self) {
        self.comms.close_all();
        if let Some(worker) = self.ready.take().and_then(|ready| ready.worker) {
            worker.shutdown().await;
        }
    }

    /// Everything before the cell runs: split, plan, compile. Nothing of the session changes but what it knows of texts.
    async fn build(
        &mut self,
        text: &Text<'_>,
        part: &Part,
        publisher: &Publisher,
    ) -> Result<(CellPlan, Built, Change), ErrorReport> {
        self.prepare(publisher).await?;
        self.refresh_dependencies(publisher).await?;
        let mut parsed = self.split(text, part).await?;
        self.add_extern_crates(&parsed.extern_crates, publisher).await?;
        let opt_level = part.opt_level.or(self.options.opt_level);
        let opt_level = opt_level.or(matches!(part.purpose, Purpose::Measure { .. }).then_some(MEASURED_LEVEL));
        let mut conflicting = Vec::new();
        loop {
            let change = self.session.change(&parsed, &conflicting);
            let mut plan = cell::plan(parsed, self.session.known(&change), part.purpose);
            plan.formats = self.options.formats.clone();
            if plan.parsed.items.is_empty() && plan.parsed.uses.is_empty() && !plan.runs() {
                return Ok((plan, Built::default(), change));
            }
            match build::build(&self.ready()?.compiler, &mut plan, &self.session, &text.label, opt_level).await {
                Ok(built) => return Ok((plan, built, change)),
                Err(refusal) => self.mend(refusal, &plan.parsed, &mut conflicting).await?,
            }
            parsed = plan.parsed;
        }
    }

    /// Does what makes a refused cell worth another attempt, if anything does.
    async fn mend(
        &mut self,
        refusal: Refusal,
        parsed: &Parsed,
        conflicting: &mut Vec<Arc<Item>>,
    ) -> Result<(), ErrorReport> {
        match refusal {
            Refusal::Replaces(item) => conflicting.push(item),
            Refusal::OutOfReach(name) => self.session.lose_out_of_reach(&name),
            Refusal::Cell(diagnostics) => {
                let errors = hints::explain(&diagnostics, Some(parsed), &self.session);
                self.session.note_refused(&parsed.source.label, hints::would_be(parsed));
                return Err(report::refused(&errors));
            }
            Refusal::Tool(error) => return Err(self.tool_failed(error).await),
        }
        Ok(())
    }

    /// The type of the final expression of a piece of code, which is not run.
    async fn compile_type(
        &mut self,
        text: &Text<'_>,
        range: Range<usize>,
        publisher: &Publisher,
    ) -> Result<String, ErrorReport> {
        self.prepare(publisher).await?;
        let mut interrupts = self.interrupts.clone();
        let part = Part { range, purpose: Purpose::Type, ..Part::default() };
        let parsed = self.split(text, &part).await?;
        let change = self.session.change(&parsed, &[]);
        let plan = cell::plan(parsed, self.session.known(&change), part.purpose);
        let found = tokio::select! {
            biased;
            found = build::type_of(&self.ready()?.compiler, &plan) => found,
            Ok(()) = interrupts.changed() => return Err(report::keyboard_interrupt()),
        };
        match found {
            Ok(Ok(ty)) => Ok(ty),
            Ok(Err(diagnostics)) => {
                Err(report::refused(&hints::explain(&diagnostics, Some(&plan.parsed), &self.session)))
            }
            Err(error) => Err(self.tool_failed(error).await),
        }
    }

    /// Splits a part. What cannot be split is explained by rustc.
    async fn split(&mut self, text: &Text<'_>, part: &Part) -> Result<Parsed, ErrorReport> {
        let error = match cell::split_part(&text.label, text.code, part.range.clone(), &self.session.item_macros()) {
            Ok(parsed) => {
                self.session.remember_source(&parsed.source);
                return Ok(parsed);
            }
            Err(error) => error,
        };
        let source = Arc::new(cell::unsplit(&text.label, text.code, part.range.clone()));
        self.session.remember_source(&source);
        match build::explain_syntax(&self.ready()?.compiler, &source, error).await {
            Ok(diagnostics) => {
                let errors = hints::explain(&diagnostics, None, &self.session);
                self.session.note_refused(&text.label, hints::would_be_of(&text.code[part.range.clone()]));
                Err(report::refused(&errors))
            }
            Err(error) => Err(self.tool_failed(error).await),
        }
    }

    /// The worker, a new one if the last has died.
    async fn worker(&mut self) -> Result<Arc<Worker>, ErrorReport> {
        let ready = self.ready.as_mut().ok_or_else(report::not_ready)?;
        let worker = match ready.worker.take() {
            Some(worker) => worker,
            None => start_worker(&ready.runtime, &self.options, &self.comms)
                .await
                .map(Arc::new)
                .map_err(|error| ErrorReport::plain("WorkerError", error.to_string()))?,
        };
        Ok(Arc::clone(ready.worker.insert(worker)))
    }

    /// Ends the worker with its variables and tasks; the next cell gets a new one. The names of the variables.
    async fn end_worker(&mut self, cause: &str) -> Vec<String> {
        if let Some(worker) = self.ready.as_mut().and_then(|ready| ready.worker.take()) {
            worker.shutdown().await;
        }
        self.session.lose_variables(cause)
    }

    async fn failed(&self, failure: &Failure) -> ErrorReport {
        let place = failure.location.as_ref().and_then(|location| {
            let source = self.session.source(&location.file)?;
            Some((source.clone(), offset_in(&source.text, location)))
        });
        let mut interrupts = self.interrupts.clone();
        let (place, callers) = match &self.ready {
            Some(ready) => tokio::select! {
                traced = callers::trace(failure, place.clone(), &ready.compiler) => traced,
                Ok(()) = interrupts.changed() => (place, Vec::new()),
            },
            None => (place, Vec::new()),
        };
        report::failed(failure, place.as_ref(), &callers)
    }

    fn died(&mut self, death: &Death) -> ErrorReport {
        let lost = self.session.lose_variables(&death.name);
        report::died(death, &lost)
    }

    fn ready(&self) -> Result<&Ready, ErrorReport> {
        self.ready.as_ref().ok_or_else(report::not_ready)
    }

    /// Builds the runtime if need be, with its progress in the cell that waits for it, and starts the worker.
    async fn prepare(&mut self, publisher: &Publisher) -> Result<(), ErrorReport> {
        if self.ready.is_some() {
            return Ok(());
        }
        let (news, latest) = watch::channel(Progress::default());
        let progress = BuildProgress::new(publisher, "what cells run on (once for this Rust, a minute or two)");
        let describe = |runtime: &Runtime| format!("what cells run on, with {}", runtime.toolchain.short_version());
        let built = progress.follow(runtime::ensure(&news), latest, self.interrupts.clone(), describe).await;
        match built {
            Some(Ok(runtime)) => self.get_ready(runtime).await,
            Some(Err(error)) => Err(report::unavailable(error.to_string()).await),
            None => Err(report::keyboard_interrupt()),
        }
    }

    /// Makes the compiler, and starts the worker.
    async fn get_ready(&mut self, runtime: Runtime) -> Result<(), ErrorReport> {
        let mut compiler = match Compiler::new(runtime.clone(), &runtime::cache_folder()) {
            Ok(compiler) => compiler,
            Err(error) => return Err(report::unavailable(error.to_string()).await),
        };
        for (name, value) in &self.options.build_environment {
            compiler.set_variable(name, value);
        }
        let worker = match start_worker(&runtime, &self.options, &self.comms).await {
            Ok(worker) => worker,
            Err(error) => return Err(report::unavailable(error.to_string()).await),
        };
        self.ready = Some(Ready { runtime, compiler, worker: Some(Arc::new(worker)) });
        Ok(())
    }

    /// rustc could not be asked. If it is another one by now, everything that the old one made has to go, the variables
    /// included: it makes other libraries.
    async fn tool_failed(&mut self, error: CompileError) -> ErrorReport {
        let CompileError::ToolchainChanged(version) = error else {
            return ErrorReport::plain("CompileError", error.to_string());
        };
        if let Some(worker) = self.ready.take().and_then(|ready| ready.worker) {
            worker.shutdown().await;
        }
        let lost = self.session.lose_variables("the Rust toolchain changed");
        report::toolchain_changed(&version, &lost)
    }
}

/// A new worker, with what commands have set.
async fn start_worker(runtime: &Runtime, options: &Options, comms: &Comms) -> Result<Worker, WorkerError> {
    let worker = Worker::start(runtime, &options.environment, comms).await?;
    if options.virtual_time {
        worker.set_clock(true).await;
    }
    Ok(worker)
}

/// The byte at a line and column of a text.
fn offset_in(text: &str, location: &Location) -> usize {
    let start: usize = text.split_inclusive('\n').take(location.line.saturating_sub(1) as usize).map(str::len).sum();
    let column = location.column.saturating_sub(1) as usize;
    text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}
