//! Whose turn it is at the engine, and what a turn is: building a text part by part, and running what was built.
//! Execute handlers take turns; comm handlers ask for the process that runs cells.
//!
//! Cells of the main shell come one after another. A guest, a cell of a subshell, may come while the library of a main cell
//! runs.
//!
//! Invariants:
//! 1. Nobody holds the engine while a library runs. So what a cell leaves behind is taken over as soon as it has ended,
//!    unless another one is just being built.
//! 2. A main cell is built only while no guest is under way, and guests come one after another. So what a cell was built
//!    for is still true when it begins to run, except for what [`Engine::in_flight`] says of the one main cell that runs
//!    already; a guest that touches that is refused.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use boucle_wire::{Done, Library, Location, Piece, Times, Work};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::build::Built;
use super::{CellRequest, Engine, Executed, InFlight, Part, Text, report};
use crate::cell::{CellPlan, Generated, UserPiece};
use crate::compile::deps::Bundle;
use crate::error::ErrorReport;
use crate::magics;
use crate::publish::Publisher;
use crate::session::Change;
use crate::worker::{Audience, Ended, Worker};

/// The engine, for all who need it now and then. Clones are the same.
#[derive(Clone)]
pub(crate) struct SharedEngine {
    engine: Arc<Mutex<Engine>>,
    /// Held by a guest that is under way, and by a main cell that is being built.
    guests: Arc<Mutex<()>>,
}

/// The time that a cell may use the engine.
pub(crate) struct Turn {
    shared: SharedEngine,
    guest: bool,
    /// `None` while its library runs.
    engine: Option<OwnedMutexGuard<Engine>>,
    /// `None` for a main cell that has run something: guests may be under way.
    guests: Option<OwnedMutexGuard<()>>,
}

impl SharedEngine {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(Mutex::new(engine)), guests: Arc::default() }
    }

    /// Prepares the engine; cells wait meanwhile.
    pub(crate) async fn warm_up(&self) {
        self.engine.lock().await.warm_up().await;
    }

    /// Waits until a cell of the main shell, or a guest, may use the engine.
    pub(crate) async fn turn(&self, guest: bool) -> Turn {
        let guests = Arc::clone(&self.guests).lock_owned().await;
        let engine = Arc::clone(&self.engine).lock_owned().await;
        Turn { shared: self.clone(), guest, engine: Some(engine), guests: Some(guests) }
    }

    /// The process that runs cells, once all cells that have been sent so far and can run are under way there. `None` if
    /// there is none.
    pub(crate) async fn worker(&self) -> Option<Arc<Worker>> {
        let turn = self.turn(true).await;
        turn.ready.as_ref()?.worker.clone()
    }

    /// Ends the process that runs cells, and what it has started.
    pub(crate) async fn shutdown(&self) {
        self.engine.lock().await.shutdown().await;
    }
}

impl Deref for Turn {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.engine.as_deref().unwrap_or_else(|| unreachable!("only `away` lets go of it, and that borrows the turn"))
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Engine {
        self.engine.as_deref_mut().unwrap_or_else(|| unreachable!("as above"))
    }
}

impl Turn {
    /// Runs a cell. Output and values are published; the error is left to the caller.
    pub(crate) async fn execute(&mut self, cell: &CellRequest<'_>, publisher: &Publisher) -> Executed {
        // What was pressed before the cell began is not meant for it.
        self.interrupts.mark_unchanged();
        if let Err(report) = self.configure(publisher).await {
            return Executed::Error(report);
        }
        let label = self.session.label(cell.execution_count, cell.code);
        let count = (!cell.silent).then_some(cell.execution_count);
        let done = self.run_text(&Text { label, code: cell.code, count, asker: cell.asker }, publisher).await;
        self.publish_outline();
        match done {
            Ok(()) => Executed::Ok,
            Err(report) => Executed::Error(report),
        }
    }

    /// Evaluates an expression that a front end has sent along with a cell under this name. Its value goes to the publisher,
    /// like that of a cell; it has no number and defines nothing.
    pub(crate) async fn evaluate(&mut self, name: &str, code: &str, publisher: &Publisher) -> Executed {
        self.interrupts.mark_unchanged();
        if let Err(error) = syn::parse_str::<syn::Expr>(code) {
            return Executed::Error(ErrorReport::plain(
                "SyntaxError",
                format!("`{code}` is not an expression: {error}"),
            ));
        }
        let label = self.session.free_label(&format!("user expression {name}"), code);
        match self.run_text(&Text { label, code, count: Some(0), asker: None }, publisher).await {
            Ok(()) => Executed::Ok,
            Err(report) => Executed::Error(report),
        }
    }

    /// Runs a text: as a whole, or what its commands divide it into.
    pub(super) async fn run_text(&mut self, text: &Text<'_>, publisher: &Publisher) -> Result<(), ErrorReport> {
        if text.code.trim().is_empty() {
            // Consoles send such a one before their first prompt, which need not wait for what cells run on.
            return Ok(());
        }
        self.begin_part().await;
        match magics::segments(text.code, |name| self.session.knows(name)) {
            None => {
                self.run_part(text, Part { range: 0..text.code.len(), ..Part::default() }, publisher).await.map(drop)
            }
            Some(segments) => self.run_segments(text, segments, publisher).await,
        }
    }

    /// Runs one part of a text; how long the worker took for it.
    pub(super) async fn run_part(
        &mut self,
        text: &Text<'_>,
        part: Part,
        publisher: &Publisher,
    ) -> Result<Times, ErrorReport> {
        let begun = Instant::now();
        let mut interrupts = self.interrupts.clone();
        let (plan, built, change) = tokio::select! {
            biased;
            built = self.build(text, &part, publisher) => built?,
            Ok(()) = interrupts.changed() => return Err(report::keyboard_interrupt()),
        };
        let compiled = begun.elapsed();
        self.check_guest(&plan, &change)?;
        report::publish_notes(&built, &plan, &change, publisher);
        self.session.commit_definitions(&plan.parsed, change, &built.dropped_uses);
        self.publish_outline();
        if plan.runs() || !built.generated.text.is_empty() {
            self.last_source = Some(built.generated.text.clone());
        }
        let times = match plan.runs() {
            false => Times::default(),
            true => {
                let library = Library {
                    crates: self.ready()?.compiler.crates().map(Bundle::library).into_iter().collect(),
                    path: built.library.clone(),
                    forget: self.session.take_dropped(),
                    discard: built.discard.clone(),
                    pieces: pieces_of(&built.generated),
                    file: built.generated.file(),
                };
                self.run(text, library, &plan, &built, publisher).await?
            }
        };
        if self.options.timing {
            report::publish_timing(compiled, built.link, &times, begun.elapsed(), publisher);
        }
        Ok(times)
    }

    /// Before something is built: waits until no guest is under way.
    pub(super) async fn begin_part(&mut self) {
        if self.guests.is_none() {
            // In this order, since a guest that is under way needs the engine to end.
            self.engine = None;
            self.guests = Some(Arc::clone(&self.shared.guests).lock_owned().await);
            self.engine = Some(Arc::clone(&self.shared.engine).lock_owned().await);
        }
    }

    /// Lets others use the engine until the future is done.
    pub(super) async fn away<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.engine = None;
        if !self.guest {
            self.guests = None;
        }
        let output = future.await;
        self.engine = Some(Arc::clone(&self.shared.engine).lock_owned().await);
        output
    }

    /// Whether a guest that was built like this may run beside the cell that runs already.
    fn check_guest(&self, plan: &CellPlan, change: &Change) -> Result<(), ErrorReport> {
        match &self.in_flight {
            Some(running) if self.guest => running.check(plan, change),
            _ => Ok(()),
        }
    }

    /// Whether something that concerns the whole notebook may be done.
    pub(super) fn check_alone(&self, what: &str) -> Result<(), ErrorReport> {
        match &self.in_flight {
            Some(running) if self.guest => Err(running.refuse(&format!("`{what}` has to wait for its end"))),
            _ => Ok(()),
        }
    }

    /// Runs a library, and takes over what it leaves behind.
    async fn run(
        &mut self,
        text: &Text<'_>,
        library: Library,
        plan: &CellPlan,
        built: &Built,
        publisher: &Publisher,
    ) -> Result<Times, ErrorReport> {
        let mut interrupts = self.interrupts.clone();
        let worker = self.worker().await?;
        if interrupts.has_changed().unwrap_or(false) {
            return Err(report::keyboard_interrupt());
        }
        let audience = Audience { publisher, execution_count: text.count, asker: text.asker };
        let guest = self.guest;
        self.session.commit_loaded(plan);
        if !guest {
            self.in_flight = Some(InFlight::of(&text.label, plan));
        }
        let running = worker.hand_over(Work::Library(library), guest, audience).await;
        let ended = self.away(running.end(&mut interrupts)).await;
        if !guest {
            self.in_flight = None;
        }
        match ended {
            Ended::Done(Done { loaded, stored, variables, failure, times, .. }) => {
                if !loaded {
                    self.session.take_back_loaded(plan);
                }
                self.session.commit_variables(&text.label, &stored, &built.types, &plan.takes, &variables);
                self.session.commit_ended(&built.ended, failure.is_none());
                match failure {
                    None => Ok(times),
                    Some(failure) => {
                        let bound = plan.parsed.statements.iter().flat_map(|statement| statement.binds.iter().cloned());
                        let not_reached = bound.filter(|name| !built.ended.contains_key(name));
                        self.session.note_not_reached(&text.label, not_reached);
                        Err(self.failed(&failure).await)
                    }
                }
            }
            Ended::Died(death) => {
                // Another cell may have died with it, and have taken note of that.
                let mut of_the_worker = self.ready.as_mut().filter(|ready| ready.is_of(&worker));
                let known = of_the_worker.as_mut().map(|ready| ready.worker = None).is_none();
                Err(if known { report::died(&death, &[]) } else { self.died(&death) })
            }
        }
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
