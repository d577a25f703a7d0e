//! Runs cells: text → plan → library → outcome, one stage after the other. Called by the execute handler.
//!
//! The engine owns the session, the compiler and the worker. A cell that rustc refuses, or that is interrupted before it
//! runs, leaves the session as it was; a cell that fails while it runs leaves what it did before.

mod build;
mod commands;
mod dependencies;
mod report;

use std::ops::Range;
use std::sync::Arc;

use boucle_wire::{Done, Failure, Location, Piece, Run};
use tokio::sync::watch;

pub(crate) use crate::cell::IsComplete;
use crate::cell::{self, CellPlan, Generated, UserPiece};
use crate::compile::runtime::{self, Runtime};
use crate::compile::{CompileError, Compiler};
use crate::error::ErrorReport;
use crate::magics::{self, Segment};
use crate::publish::{Publisher, StreamName};
use crate::session::{Change, Session};
use crate::worker::{Death, Ended, Worker};
use build::{Built, Refusal};

/// Runs the cells of one notebook.
#[derive(Debug)]
pub(crate) struct Engine {
    session: Session,
    ready: Option<Ready>,
    interrupts: watch::Receiver<u64>,
}

/// What a cell needs, once the runtime is there.
#[derive(Debug)]
struct Ready {
    runtime: Runtime,
    compiler: Compiler,
    /// `None` after a death, until the next cell.
    worker: Option<Worker>,
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
}

/// A part of a cell that is Rust: all of it, unless it holds commands.
#[derive(Debug, Clone)]
struct Part {
    range: Range<usize>,
    /// Counts the parts of the cell, from 0.
    number: usize,
}

/// A part with its text, and what messages and generated files are called.
#[derive(Debug)]
struct Code<'a> {
    label: String,
    file: String,
    /// Of the whole cell.
    text: &'a str,
    range: Range<usize>,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Executed {
    Ok,
    Error(ErrorReport),
}

impl Interrupter {
    pub(crate) fn interrupt(&self) {
        self.interrupts.send_modify(|count| *count += 1);
    }
}

/// Judges what has been typed so far.
pub(crate) fn is_complete(code: &str) -> IsComplete {
    let Some(segments) = magics::segments(code, |_| false) else { return cell::is_complete(code) };
    let judge = |segment: &Segment| match segment {
        Segment::Code(range) => cell::is_complete(&code[range.clone()]),
        Segment::Command(line) if magics::is_open(code, line) => IsComplete::Incomplete { indent: "    ".into() },
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
    pub(crate) fn new() -> (Engine, Interrupter) {
        let (sender, interrupts) = watch::channel(0);
        (Engine { session: Session::default(), ready: None, interrupts }, Interrupter { interrupts: Arc::new(sender) })
    }

    /// Prepares everything that the first cell needs, if that is a matter of a moment. What takes longer, or fails, is
    /// left to the first cell, where the user sees it.
    pub(crate) async fn warm_up(&mut self) {
        let built = tokio::task::spawn_blocking(|| runtime::locate().is_ok_and(|runtime| runtime.is_built()));
        if !built.await.unwrap_or(false) {
            return;
        }
        if let Err(error) = self.prepare(None).await {
            tracing::warn!("{}: {}", error.ename, error.evalue);
            return;
        }
        let Some(ready) = &self.ready else { return };
        // Loads rustc and the libraries into the system's cache.
        if let Err(error) = ready.compiler.warm_up().await {
            tracing::warn!("{error}");
        }
        let cache = ready.compiler.cache().clone();
        tokio::task::spawn_blocking(move || cache.prune());
    }

    /// Runs a cell. Output and values are published; the error is left to the caller.
    pub(crate) async fn execute(&mut self, cell: &CellRequest<'_>, publisher: &Publisher) -> Executed {
        // What was pressed before the cell began is not meant for it.
        self.interrupts.mark_unchanged();
        let executed = match magics::segments(cell.code, |name| self.session.knows(name)) {
            None => self.run_part(cell, Part { range: 0..cell.code.len(), number: 0 }, publisher).await,
            Some(segments) => self.run_segments(cell, segments, publisher).await,
        };
        match executed {
            Ok(()) => Executed::Ok,
            Err(report) => Executed::Error(report),
        }
    }

    /// Ends the worker, and rustc if it runs.
    pub(crate) async fn shutdown(self) {
        if let Some(worker) = self.ready.and_then(|ready| ready.worker) {
            worker.shutdown().await;
        }
    }

    /// Runs one part of a cell.
    async fn run_part(
        &mut self,
        request: &CellRequest<'_>,
        part: Part,
        publisher: &Publisher,
    ) -> Result<(), ErrorReport> {
        let code = self.code(request, part);
        let mut interrupts = self.interrupts.clone();
        let (plan, built, change) = tokio::select! {
            biased;
            built = self.build(&code, publisher) => built?,
            Ok(()) = interrupts.changed() => return Err(report::keyboard_interrupt()),
        };
        report::publish_notes(&built, &plan, &change, publisher);
        self.session.commit_definitions(&plan.parsed, change, &built.dropped_uses);
        if !plan.runs() {
            return Ok(());
        }
        let run = Run {
            cell: 0,
            library: built.library.clone(),
            forget: self.session.take_outdated(),
            discard: built.discard.clone(),
            pieces: pieces_of(&built.generated),
            file: code.file,
        };
        let count = (!request.silent).then_some(request.execution_count);
        self.run(&code.label, run, &plan, &built, publisher, count).await
    }

    /// How a part of a cell is called. Each part has a file of its own, since panics name a line in it.
    fn code<'a>(&self, request: &CellRequest<'a>, part: Part) -> Code<'a> {
        let label = self.session.label(request.execution_count, request.code);
        let mut file = self.session.file(&label, request.code);
        if part.number > 0 {
            file.push_str(&format!("+{}", part.number));
        }
        Code { label, file, text: request.code, range: part.range }
    }

    /// Everything before the cell runs: split, plan, compile. Nothing of the session changes but what it knows of texts.
    async fn build(
        &mut self,
        code: &Code<'_>,
        publisher: &Publisher,
    ) -> Result<(CellPlan, Built, Change), ErrorReport> {
        self.prepare(Some(publisher)).await?;
        let Code { label, file, text, range } = code;
        let mut parsed = match cell::split_part(label, text, range.clone(), &self.session.item_macros()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let source = Arc::new(cell::unsplit(label, text, range.clone()));
                self.session.remember_source(&source);
                return match build::explain_syntax(&self.ready()?.compiler, &source, error).await {
                    Ok(diagnostics) => Err(report::refused(&diagnostics, &self.session)),
                    Err(error) => Err(self.tool_failed(error).await),
                };
            }
        };
        self.session.remember_source(&parsed.source);
        let mut conflicting = Vec::new();
        loop {
            let change = self.session.change(&parsed, &conflicting);
            let mut plan = cell::plan(parsed, self.session.known(&change));
            if plan.parsed.items.is_empty() && plan.parsed.uses.is_empty() && !plan.runs() {
                return Ok((plan, Built::default(), change));
            }
            match build::build(&self.ready()?.compiler, &mut plan, self.session.variables(), label, file).await {
                Ok(built) => return Ok((plan, built, change)),
                Err(Refusal::Replaces(item)) => conflicting.push(item),
                Err(Refusal::OutOfReach(name)) => self.session.lose_out_of_reach(&name),
                Err(Refusal::Cell(diagnostics)) => return Err(report::refused(&diagnostics, &self.session)),
                Err(Refusal::Tool(error)) => return Err(self.tool_failed(error).await),
            }
            parsed = plan.parsed;
        }
    }

    /// Runs a library, and takes over what it leaves behind.
    async fn run(
        &mut self,
        label: &str,
        run: Run,
        plan: &CellPlan,
        built: &Built,
        publisher: &Publisher,
        count: Option<u64>,
    ) -> Result<(), ErrorReport> {
        let mut interrupts = self.interrupts.clone();
        let ready = self.ready.as_mut().ok_or_else(report::not_ready)?;
        if ready.worker.is_none() {
            ready.worker = Some(
                Worker::start(&ready.runtime)
                    .await
                    .map_err(|error| ErrorReport::plain("WorkerError", error.to_string()))?,
            );
        }
        let Some(worker) = ready.worker.as_mut() else { return Err(report::not_ready()) };
        if interrupts.has_changed().unwrap_or(false) {
            return Err(report::keyboard_interrupt());
        }
        match worker.run(run, publisher, count, &mut interrupts).await {
            Ended::Done(Done { loaded, stored, variables, failure, .. }) => {
                if loaded {
                    self.session.commit_loaded(plan);
                }
                self.session.commit_variables(label, &stored, &built.types, &variables, &built.ended);
                match failure {
                    None => Ok(()),
                    Some(failure) => Err(self.failed(&failure)),
                }
            }
            Ended::Died(death) => {
                ready.worker = None;
                Err(self.died(&death))
            }
        }
    }

    fn failed(&self, failure: &Failure) -> ErrorReport {
        let place = failure.location.as_ref().and_then(|location| {
            let source = self.session.source(&location.file)?;
            Some((source.clone(), offset_in(&source.text, location)))
        });
        report::failed(failure, place)
    }

    fn died(&mut self, death: &Death) -> ErrorReport {
        let lost = self.session.lose_variables(&death.name);
        report::died(death, &lost)
    }

    fn ready(&self) -> Result<&Ready, ErrorReport> {
        self.ready.as_ref().ok_or_else(report::not_ready)
    }

    /// Builds the runtime if need be, with its progress in the cell that waits for it, and starts the worker.
    async fn prepare(&mut self, publisher: Option<&Publisher>) -> Result<(), ErrorReport> {
        if self.ready.is_some() {
            return Ok(());
        }
        let (progress, mut lines) = tokio::sync::mpsc::unbounded_channel::<String>();
        let building =
            tokio::task::spawn_blocking(move || runtime::ensure(&mut |line| drop(progress.send(line.to_owned()))));
        while let Some(line) = lines.recv().await {
            match publisher {
                Some(publisher) => publisher.stream(StreamName::Stderr, line + "\n"),
                None => tracing::info!("{line}"),
            }
        }
        let runtime = match building.await {
            Ok(Ok(runtime)) => runtime,
            Ok(Err(error)) => return Err(ErrorReport::plain("RuntimeUnavailable", error.to_string())),
            Err(error) => return Err(ErrorReport::plain("RuntimeUnavailable", error.to_string())),
        };
        let unavailable = |error: &dyn std::fmt::Display| ErrorReport::plain("RuntimeUnavailable", error.to_string());
        let compiler = Compiler::new(runtime.clone(), &runtime::cache_folder()).map_err(|error| unavailable(&error))?;
        let worker = Worker::start(&runtime).await.map_err(|error| unavailable(&error))?;
        self.ready = Some(Ready { runtime, compiler, worker: Some(worker) });
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

/// The map from generated lines to cells, for the worker's messages.
fn pieces_of(generated: &Generated) -> Vec<Piece> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let piece = |UserPiece { start, end, source, offset }: UserPiece<'_>| {
        let (cell_line, cell_column) = source.line_column(offset);
        let place = Location { file: source.label.clone(), line: number(cell_line), column: number(cell_column) };
        let [line, column, end_line, end_column] = [start.0, start.1, end.0, end.1].map(number);
        Piece { line, column, end_line, end_column, place }
    };
    generated.user_pieces().into_iter().map(piece).collect()
}

/// The byte at a line and column of a text.
fn offset_in(text: &str, location: &Location) -> usize {
    let start: usize = text.split_inclusive('\n').take(location.line.saturating_sub(1) as usize).map(str::len).sum();
    let column = location.column.saturating_sub(1) as usize;
    text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}
