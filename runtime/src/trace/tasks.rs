//! The tasks of a loop as a table: what each is doing, and who waits for it. `EventLoop::inspect_tasks` gives it, the
//! worker asks for it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::event_loop::EventLoop;
use crate::place;
use crate::state::callback::Listener;
use crate::state::cell::{AnyCell, Waiter};
use crate::state::clock::Moment;
use crate::state::core::Core;
use crate::state::key::Key;
use crate::state::schedule::Step;
use crate::state::waiter::Awaited;
use crate::state::what::{Place, What};
use crate::task::repr;

/// More names than this are not listed in one place.
const MOST_NAMES: usize = 4;

/// How a pending task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It waits for its turn.
    Ready,
    /// It is the one that asks.
    Running,
    /// It waits for something else.
    Waiting,
    /// It was cancelled, and ends in its next turn or when what it awaits has ended.
    Cancelling,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Cancelling => "cancelling",
        })
    }
}

/// What a pending task is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskInfo {
    /// Its name, as `Task-1`.
    pub name: String,
    /// The function whose coroutine it runs.
    pub coroutine: String,
    /// How it stands.
    pub state: TaskState,
    /// What it waits for, as far as that is known: `sleep, 1.500 s left`, `Queue.get`, `Task-3`, `gather of Task-4, Task-5`.
    pub awaits: Option<String>,
    /// The line of the `.await`, as `file:line`; in a notebook `In[3]:4`.
    pub place: Option<String>,
    /// For how many seconds of the loop's clock it has been in its state. Steps that take long may blur it: the clock is
    /// looked at once a turn.
    pub since: f64,
    /// The tasks that wait for it, by name.
    pub awaited_by: Vec<String>,
}

impl EventLoop {
    /// What the tasks of this loop are doing, oldest first: a snapshot, which looks at every task and timer of the loop.
    ///
    /// ```
    /// use asyncio::{TaskInfo, TaskState};
    /// # let event_loop = asyncio::new_event_loop();
    /// let inner = event_loop.create_task(asyncio::sleep(10));
    /// let outer = event_loop.create_task(inner);
    /// let waiting = event_loop.create_task(async move { outer.await });
    /// event_loop.run_until_complete(asyncio::sleep(0));
    ///
    /// let tasks: Vec<TaskInfo> = event_loop.inspect_tasks();
    /// let [sleeper, waiter] = &tasks[..] else { panic!("there are two tasks") };
    /// assert_eq!(sleeper.state, TaskState::Waiting);
    /// assert!(sleeper.awaits.as_ref().unwrap().starts_with("sleep, "));
    /// assert_eq!((&waiter.awaits, &sleeper.awaited_by), (&Some(sleeper.name.clone()), &vec![waiting.name()]));
    /// ```
    #[must_use]
    pub fn inspect_tasks(&self) -> Vec<TaskInfo> {
        let core = self.core();
        let survey = Survey::of(core);
        survey.tasks.iter().map(|task| survey.describe(core, task)).collect()
    }
}

/// All pending tasks of a loop, and who awaits whom.
pub(super) struct Survey {
    tasks: Vec<Rc<AnyCell>>,
    /// For each task those that it awaits, by their places in `tasks`.
    awaited: Vec<Vec<usize>>,
    /// For each task those that await it.
    awaiters: Vec<Vec<usize>>,
    sleepers: HashMap<Key, Moment>,
}

impl Survey {
    pub(super) fn of(core: &Core) -> Self {
        let tasks = core.schedule.tasks();
        let by_key: HashMap<_, _> =
            tasks.iter().enumerate().map(|(index, task)| (task.head.key.get(), index)).collect();
        let mut edges = BTreeSet::new();
        for (index, task) in tasks.iter().enumerate() {
            let awaited = awaited_by(task).into_iter().filter_map(|other| by_key.get(&other.head.key.get()));
            edges.extend(awaited.map(|&other| (index, other)));
            let mut callers = Vec::new();
            callers_of(task, &mut callers);
            edges.extend(callers.iter().filter_map(|caller| by_key.get(caller)).map(|&caller| (caller, index)));
        }
        let mut survey = Self {
            awaited: vec![Vec::new(); tasks.len()],
            awaiters: vec![Vec::new(); tasks.len()],
            sleepers: core.timers.sleepers(),
            tasks,
        };
        for (awaiter, awaited) in edges {
            survey.awaited[awaiter].push(awaited);
            survey.awaiters[awaited].push(awaiter);
        }
        survey
    }

    /// The tasks that await this task or future, oldest first.
    pub(super) fn awaiters(&self, cell: &AnyCell) -> Vec<Rc<AnyCell>> {
        match self.index(cell) {
            Some(index) => self.awaiters[index].iter().map(|&awaiter| Rc::clone(&self.tasks[awaiter])).collect(),
            None => {
                let leads = |task: &&Rc<AnyCell>| peek_awaited(task, |awaited| leads_to(awaited, cell)) == Some(true);
                self.tasks.iter().filter(leads).cloned().collect()
            }
        }
    }

    /// The names of the tasks that a task awaits.
    fn awaited_names(&self, task: &AnyCell) -> Vec<String> {
        let awaited = self.index(task).map(|index| &self.awaited[index][..]).unwrap_or_default();
        awaited.iter().map(|&awaited| repr::name(&self.tasks[awaited])).collect()
    }

    fn index(&self, task: &AnyCell) -> Option<usize> {
        self.tasks.binary_search_by_key(&task.head.number(), |other| other.head.number()).ok()
    }

    fn describe(&self, core: &Core, task: &Rc<AnyCell>) -> TaskInfo {
        let (step, since) = core.schedule.standing(task.head.key.get()).unwrap_or((Step::Idle, core.clock.now()));
        let state = match step {
            Step::Running | Step::Woken => TaskState::Running,
            _ if task.head.must_cancel.get() => TaskState::Cancelling,
            Step::Queued => TaskState::Ready,
            Step::Idle => TaskState::Waiting,
        };
        let waits = step == Step::Idle;
        let place = if waits { noted_place(task) } else { None };
        TaskInfo {
            name: repr::name(task),
            coroutine: repr::coroutine(task).to_owned(),
            state,
            awaits: waits.then(|| self.what(core, task)),
            place: place.map(|place| place::file_and_line(place)).map(|(file, line)| format!("{file}:{line}")),
            since: core.clock.now().since(since).as_secs_f64(),
            awaited_by: self.awaiters(task).iter().map(|task| repr::name(task)).collect(),
        }
    }

    /// What a task waits for, in words.
    pub(super) fn what(&self, core: &Core, task: &AnyCell) -> String {
        let what = task.head.awaits_what.get();
        match what {
            What::Unknown => "another future".to_owned(),
            What::Sleep => match self.sleepers.get(&task.head.key.get()) {
                Some(deadline) => format!("sleep, {} left", seconds(deadline.since(core.clock.now()))),
                None => what.to_string(),
            },
            What::Future => self.future(task),
            What::WaitFor | What::Wait | What::AsCompleted | What::TaskGroup => {
                let names = self.awaited_names(task);
                if names.is_empty() { what.to_string() } else { format!("{what} of {}", list(&names)) }
            }
            _ => what.to_string(),
        }
    }

    fn future(&self, task: &AnyCell) -> String {
        let kind = peek_awaited(task, |awaited| match awaited {
            Awaited::Future(cell) if cell.head.number() != 0 => "",
            Awaited::Future(cell) if cell.head.if_rare(|rare| rare.parts.is_some()) == Some(true) => "gather of ",
            Awaited::Future(cell) if cell.head.if_rare(|rare| rare.shields.is_some()) == Some(true) => "shield of ",
            _ => "a future, for ",
        });
        let names = self.awaited_names(task);
        match kind {
            Some(kind) if !names.is_empty() => format!("{kind}{}", list(&names)),
            _ => What::Future.to_string(),
        }
    }
}

/// Where a task awaits, if that is known and a place of the user's.
pub(super) fn noted_place(task: &AnyCell) -> Option<Place> {
    let is_known = task.head.awaits_what.get() != What::Unknown;
    task.head.place.get().filter(|place| is_known && !place::is_internal(place))
}

/// Looks at what a task awaits.
fn peek_awaited<R>(task: &AnyCell, look: impl FnOnce(&Awaited) -> R) -> Option<R> {
    let awaited = task.head.awaits.take()?;
    let result = look(&awaited);
    task.head.awaits.set(Some(awaited));
    Some(result)
}

/// Whether a task that awaits this waits for `cell`, which is no task.
fn leads_to(awaited: &Awaited, cell: &AnyCell) -> bool {
    match awaited {
        Awaited::Future(other) => std::ptr::addr_eq(Rc::as_ptr(other), cell),
        Awaited::Waiter(waiter) => {
            let inner = waiter.inner.take();
            let leads = inner.as_ref().is_some_and(|inner| leads_to(inner, cell));
            waiter.inner.set(inner);
            leads
        }
    }
}

/// The tasks that a task awaits itself.
fn awaited_by(task: &AnyCell) -> Vec<Rc<AnyCell>> {
    peek_awaited(task, tasks_in).unwrap_or_default()
}

fn tasks_in(awaited: &Awaited) -> Vec<Rc<AnyCell>> {
    match awaited {
        Awaited::Future(cell) if cell.head.number() != 0 => vec![Rc::clone(cell)],
        Awaited::Future(cell) => {
            let inside = cell.head.if_rare(|rare| {
                let children = rare.parts.as_ref().map(|parts| parts.children.clone()).unwrap_or_default();
                children.into_iter().chain(rare.shields.as_ref().and_then(std::rc::Weak::upgrade)).collect()
            });
            inside.unwrap_or_default()
        }
        Awaited::Waiter(waiter) => {
            let Some(inner) = waiter.inner.take() else { return Vec::new() };
            let tasks = tasks_in(&inner);
            waiter.inner.set(Some(inner));
            tasks
        }
    }
}

/// The tasks that have asked to be called when a task ends, or when what it is a part of does.
fn callers_of(cell: &AnyCell, callers: &mut Vec<Key>) {
    let mut outer = Vec::new();
    cell.head.if_rare(|rare| {
        for waiter in &rare.waiters {
            let Waiter::Call(callback) = waiter else { continue };
            match callback.listener() {
                Listener::Nobody => {}
                Listener::Task(key) => callers.push(*key),
                Listener::Future(future) => outer.extend(future.upgrade()),
            }
        }
    });
    for future in outer {
        callers_of(&future, callers);
    }
}

/// Names, or the first of many.
fn list(names: &[String]) -> String {
    match names.len() {
        ..=MOST_NAMES => names.join(", "),
        count => format!("{} and {} more", names[..MOST_NAMES].join(", "), count - MOST_NAMES),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}
