//! `print_call_graph` and its relatives, as in Python 3.14: a task, where it stands, who awaits it, who awaits those.
//! For whoever wonders why nothing goes on.

use std::fmt::{self, Write};
use std::panic::Location;
use std::rc::Rc;

use super::tasks::{Survey, noted_place};
use crate::current;
use crate::place;
use crate::state::cell::AnyCell;
use crate::state::core::Core;
use crate::state::schedule::Step;
use crate::state::what::Place;
use crate::task::{AnyTask, Task, repr};

/// A task or future with those who await it: Python's `asyncio.FutureCallGraph`. Its `Display` form is Python's.
#[derive(Debug, Clone, PartialEq)]
pub struct FutureCallGraph {
    /// The task.
    pub future: AnyTask,
    /// What it is at, innermost first: the `.await` at which it stands, then the function whose coroutine it runs. What lies
    /// between the two is not known. Empty for a future that is no task.
    pub call_stack: Vec<FrameCallGraphEntry>,
    /// The tasks that wait for it. One that is its own awaiter, over others, has no awaiters when it comes again.
    pub awaited_by: Vec<FutureCallGraph>,
}

/// One line of a call stack: Python's `asyncio.FrameCallGraphEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameCallGraphEntry {
    /// The file, in a notebook the cell as `In[3]`, and the line, from 1. `None` where it is not known.
    pub place: Option<(String, u32)>,
    /// What happens there: `running`, `awaiting sleep, 1.500 s left`, or for the function whose coroutine the task runs
    /// `async f()`.
    pub doing: String,
}

impl fmt::Display for FrameCallGraphEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place {
            write!(f, "File '{file}', line {line}, ")?;
        }
        f.write_str(&self.doing)
    }
}

impl fmt::Display for FutureCallGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.render(0, &mut text);
        f.write_str(text.trim_end())
    }
}

impl FutureCallGraph {
    fn render(&self, level: usize, text: &mut String) {
        let indent = "    ".repeat(level);
        let cell = self.future.cell();
        // Writing to a string cannot fail.
        let _ = match cell.head.number() {
            0 => writeln!(text, "{indent}* {}()", repr::kind(&cell)),
            _ => writeln!(text, "{indent}* Task(name='{}')", self.future.name()),
        };
        if !self.call_stack.is_empty() {
            let _ = writeln!(text, "{indent}  + Call stack:");
        }
        for entry in &self.call_stack {
            let _ = writeln!(text, "{indent}  |   {entry}");
        }
        if !self.awaited_by.is_empty() {
            let _ = writeln!(text, "{indent}  + Awaited by:");
        }
        for awaiter in &self.awaited_by {
            awaiter.render(level + 1, text);
        }
    }
}

/// The call graph of the current task, `None` in a callback: Python's `asyncio.capture_call_graph`. That of any task or
/// future is its method [`call_graph`](Task::call_graph).
///
/// # Panics
/// Raises [`RuntimeError`](crate::RuntimeError) "no running event loop" outside a loop's run.
///
/// ```
/// use asyncio::{FrameCallGraphEntry, FutureCallGraph, capture_call_graph};
/// async fn look() -> FutureCallGraph {
///     capture_call_graph().unwrap()
/// }
/// let FutureCallGraph { call_stack, awaited_by, .. } = asyncio::run(look());
/// let [FrameCallGraphEntry { place: Some((file, _line)), doing }, outer] = &call_stack[..] else { panic!("{call_stack:?}") };
/// assert_eq!((doing.as_str(), outer.to_string().as_str()), ("running", "async look()"));
/// assert!(file.ends_with(".rs") && awaited_by.is_empty());
/// ```
#[track_caller]
#[must_use]
pub fn capture_call_graph() -> Option<FutureCallGraph> {
    drop(current::expect_running());
    let here = Location::caller();
    current::task().map(|task| capture(&task, Some(here)))
}

/// The call graph of the current task as text: Python's `asyncio.format_call_graph`. Empty in a callback.
///
/// # Panics
/// As [`capture_call_graph`].
///
/// ```
/// # let event_loop = asyncio::new_event_loop();
/// # asyncio::set_event_loop(&event_loop);
/// async fn inner() -> String {
///     asyncio::format_call_graph()
/// }
/// let text = event_loop.run_until_complete(async {
///     asyncio::TaskGroup::run(async |group| group.create_task(inner()).await).await.unwrap()
/// });
/// let lines: Vec<_> = text.lines().collect();
/// assert!(lines[0].starts_with("* Task(name='Task-"));
/// assert_eq!((lines[1], lines[3], lines[4]), ("  + Call stack:", "  |   async inner()", "  + Awaited by:"));
/// assert!(lines[5].starts_with("    * Task(name='Task-"));
/// ```
#[track_caller]
#[must_use]
pub fn format_call_graph() -> String {
    capture_call_graph().map(|graph| graph.to_string()).unwrap_or_default()
}

/// Prints the call graph of the current task: Python's `asyncio.print_call_graph`. Nothing in a callback.
///
/// ```text
/// * Task(name='Task-2')
///   + Call stack:
///   |   File 'In[1]', line 4, running
///   |   async test()
///   + Awaited by:
///     * Task(name='Task-1')
///       + Call stack:
///       |   File 'In[2]', line 3, awaiting TaskGroup of Task-2
///       |   async main()
/// ```
///
/// # Panics
/// As [`capture_call_graph`].
///
/// ```
/// asyncio::run(async { asyncio::print_call_graph() });
/// ```
#[track_caller]
#[expect(clippy::print_stdout, reason = "what it is for")]
pub fn print_call_graph() {
    if let Some(graph) = capture_call_graph() {
        println!("{graph}");
    }
}

impl<T> Task<T> {
    /// What the task is at, and who waits for it: Python's `asyncio.capture_call_graph(task)`. Printing the graph is
    /// `asyncio.print_call_graph(task)`.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// let sleeper = event_loop.create_task(asyncio::sleep(10));
    /// event_loop.run_until_complete(asyncio::sleep(0));
    /// assert!(sleeper.call_graph().to_string().contains("awaiting sleep, "));
    /// ```
    #[track_caller]
    #[must_use]
    pub fn call_graph(&self) -> FutureCallGraph {
        self.as_any().call_graph()
    }
}

impl AnyTask {
    /// As [`Task::call_graph`].
    #[track_caller]
    #[must_use]
    pub fn call_graph(&self) -> FutureCallGraph {
        capture(&self.cell(), Some(Location::caller()))
    }
}

impl<T> crate::futures::Future<T> {
    /// Who waits for the future, as [`Task::call_graph`].
    #[track_caller]
    #[must_use]
    pub fn call_graph(&self) -> FutureCallGraph {
        self.as_any().call_graph()
    }
}

/// The graph of a task; `asks` is where the running task asks.
fn capture(cell: &Rc<AnyCell>, asks: Option<Place>) -> FutureCallGraph {
    let Some(core) = cell.head.home() else {
        return FutureCallGraph {
            future: AnyTask::new(Rc::clone(cell)),
            call_stack: Vec::new(),
            awaited_by: Vec::new(),
        };
    };
    let running = current::task();
    let view = View { survey: Survey::of(&core), core: &core, running: running.as_ref().zip(asks) };
    view.graph(cell, &mut Vec::new())
}

struct View<'a> {
    core: &'a Core,
    survey: Survey,
    /// The task that asks, and where.
    running: Option<(&'a Rc<AnyCell>, Place)>,
}

impl View<'_> {
    fn graph(&self, cell: &Rc<AnyCell>, above: &mut Vec<Rc<AnyCell>>) -> FutureCallGraph {
        let call_stack = self.call_stack(cell);
        let mut awaited_by = Vec::new();
        if !above.iter().any(|other| Rc::ptr_eq(other, cell)) {
            above.push(Rc::clone(cell));
            awaited_by.extend(self.survey.awaiters(cell).iter().map(|awaiter| self.graph(awaiter, above)));
            above.pop();
        }
        FutureCallGraph { future: AnyTask::new(Rc::clone(cell)), call_stack, awaited_by }
    }

    fn call_stack(&self, cell: &Rc<AnyCell>) -> Vec<FrameCallGraphEntry> {
        if cell.head.number() == 0 || !cell.head.is_pending() {
            return Vec::new();
        }
        let running = self.running.filter(|(task, _)| Rc::ptr_eq(task, cell));
        let (place, doing) = match running {
            Some((_, place)) => (Some(place), "running".to_owned()),
            None => (noted_place(cell), format!("awaiting {}", self.survey.what(self.core, cell))),
        };
        let top = FrameCallGraphEntry { place: place.map(|place| place::file_and_line(place)), doing };
        let coroutine = FrameCallGraphEntry { place: None, doing: format!("async {}()", repr::coroutine(cell)) };
        match self.core.schedule.standing(cell.head.key.get()) {
            Some((Step::Queued, _)) => vec![coroutine],
            _ => vec![top, coroutine],
        }
    }
}
