//! Runs the scripts of the conformance suite on our loop, in virtual time. The twin of `interpreter.py`, op for op.
//! The ops of plain code stand in `outside.rs`, those on locks, queues and the like in `primitives.rs`.

mod outside;
mod primitives;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use asyncio::futures::Future as Manual;
use asyncio::{
    ALL_COMPLETED, AnyTask, Barrier, BoundedSemaphore, CancelledError, Condition, Event, EventLoop, Exception,
    FIRST_COMPLETED, FIRST_EXCEPTION, Handle, LifoQueue, Lock, PriorityQueue, Queue, Semaphore, Task, TaskGroup,
    Timeout, TimeoutError, TimerHandle, as_completed, current_task, ensure_future, finally, gather, get_event_loop,
    set_event_loop, shield, sleep, wait, wait_for,
};

type Value = Pin<Box<dyn Future<Output = i64>>>;

/// What a name of a script stands for.
#[derive(Clone)]
enum Named {
    Task(Shared),
    /// A task whose result somebody else takes.
    Watched(AnyTask),
    Future(Manual<i64>),
    Queue(Queue<i64>),
    Priority(PriorityQueue<i64>),
    Lifo(LifoQueue<i64>),
    Lock(Lock),
    Event(Event),
    Condition(Condition),
    Semaphore(Semaphore),
    Bounded(BoundedSemaphore),
    Barrier(Barrier),
    Limit(Timeout),
    /// A gathering.
    Together(Rc<RefCell<Task<Vec<i64>>>>),
    Loop(EventLoop),
    Call(Rc<Handle>),
    Timer(Rc<TimerHandle>),
}

/// A task that several may await, as every Python task: the value is a number, so each gets a copy.
#[derive(Clone)]
struct Shared {
    task: Rc<RefCell<Task<i64>>>,
    value: Rc<Cell<Option<i64>>>,
}

impl Future for Shared {
    type Output = i64;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<i64> {
        if let Some(value) = self.value.get() {
            return Poll::Ready(value);
        }
        let polled = Pin::new(&mut *self.task.borrow_mut()).poll(cx);
        if let Poll::Ready(value) = polled {
            self.value.set(Some(value));
        }
        polled
    }
}

/// One script at work.
#[derive(Clone)]
pub(super) struct Script {
    begin: f64,
    coroutines: Rc<HashMap<String, Vec<Vec<String>>>>,
    names: Rc<RefCell<HashMap<String, Named>>>,
    lines: Rc<RefCell<Vec<String>>>,
}

/// What the script writes.
pub(super) fn transcript(text: &str) -> Vec<String> {
    let event_loop = EventLoop::with_virtual_time();
    set_event_loop(&event_loop);
    event_loop.set_exception_handler(Some(Rc::new(|_| {})));
    let ops = |text: &str| {
        let ops = text.split(';').map(|op| op.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        ops.filter(|op| !op.is_empty()).collect()
    };
    let coroutines = text.lines().filter_map(|line| line.split_once(':'));
    let coroutines: HashMap<_, _> = coroutines.map(|(name, text)| (name.trim().to_owned(), ops(text))).collect();
    let script = Script {
        begin: event_loop.time(),
        coroutines: Rc::new(coroutines),
        names: Rc::default(),
        lines: Rc::default(),
    };
    script.name("loop", Named::Loop(event_loop.clone()));
    if script.coroutines.contains_key("main") {
        let main = script.run("main", "main", None);
        match catch(|| event_loop.run_until_complete(main)) {
            Ok(value) => script.log("end", &format!("= {value}")),
            Err(error) => script.log("end", &format!("raised {error}")),
        }
    }
    if script.coroutines.contains_key("after") {
        event_loop.run_until_complete(script.run("after", "after", None));
    }
    for op in script.coroutines.get("top").into_iter().flatten() {
        let words: Vec<&str> = op.iter().map(String::as_str).collect();
        assert!(script.plain("top", &words), "unknown: {op:?}");
    }
    // What is named may hold a loop, whose tasks hold the names.
    let (lines, names) = (script.lines.take(), script.names.take());
    for named in names.values() {
        if let Named::Loop(event_loop) = named {
            event_loop.close();
        }
    }
    lines
}

/// Runs `body`; what it raises in the form of the transcripts.
fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| show_payload(&*payload))
}

fn describe(name: &str, message: &str) -> String {
    match name {
        // Python's have no message.
        "TimeoutError" | "QueueEmpty" | "QueueFull" | "BrokenBarrierError" => name.to_owned(),
        "ExceptionGroup" => format!("ExceptionGroup({message})"),
        _ if message.is_empty() => name.to_owned(),
        _ => format!("{name}({message})"),
    }
}

fn show_exception(exception: &Exception) -> String {
    describe(exception.name(), exception.message())
}

/// Raises an error of Rust as the exception that Python has for it.
fn raise(error: impl Error) -> ! {
    Exception::from_error(&error).raise()
}

/// What a task group ends with, written as in the transcripts.
#[derive(Debug)]
struct ExceptionGroup(String);

impl fmt::Display for ExceptionGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ExceptionGroup {}

/// The finalizers of a coroutine, last first.
struct Finals {
    script: Script,
    who: String,
    texts: Vec<String>,
}

impl Drop for Finals {
    fn drop(&mut self) {
        for text in self.texts.iter().rev() {
            self.script.log(&self.who, &format!("finally {text}"));
        }
    }
}

/// Awaits `future`, with what it raises as a value; a dropped one is dropped.
async fn caught(mut future: Pin<Box<dyn Future<Output = i64> + '_>>) -> Result<i64, Box<dyn Any + Send>> {
    std::future::poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await
}

fn show_payload(payload: &(dyn Any + Send)) -> String {
    let (name, message) = asyncio::error::describe(payload);
    describe(&name, &message)
}

impl Script {
    fn log(&self, who: &str, text: &str) {
        let now = ((get_event_loop().time() - self.begin) * 1000.0).round();
        self.lines.borrow_mut().push(format!("{now} {who}: {text}"));
    }

    fn named(&self, name: &str) -> Named {
        self.names.borrow().get(name).unwrap_or_else(|| panic!("no `{name}` in the script")).clone()
    }

    fn name(&self, name: &str, what: Named) {
        let old = self.names.borrow_mut().insert(name.to_owned(), what);
        drop(old);
    }

    fn run(&self, name: &str, who: &str, group: Option<TaskGroup>) -> Value {
        let (script, who) = (self.clone(), who.to_owned());
        let ops = self.coroutines.get(name).unwrap_or_else(|| panic!("no coroutine `{name}`")).clone();
        Box::pin(async move {
            let mut finals = Finals { script: script.clone(), who: who.clone(), texts: vec![] };
            for op in ops {
                let words: Vec<&str> = op.iter().map(String::as_str).collect();
                match words[..] {
                    ["return", value] => return value.parse().expect("a number"),
                    ["finally", text] => finals.texts.push(text.to_owned()),
                    _ if script.plain(&who, &words) => {}
                    _ => script.perform(&who, &group, &words).await,
                }
            }
            0
        })
    }

    fn start(&self, coroutine: &str, name: &str, group: Option<&TaskGroup>) {
        let coroutine = self.run(coroutine, name, None);
        let task = match group {
            Some(group) => group.create_task(coroutine),
            None => ensure_future(coroutine),
        };
        task.set_name(name);
        self.name(name, Named::Task(Shared { task: Rc::new(RefCell::new(task)), value: Rc::default() }));
    }

    /// Performs an op that does not wait; false when it is none.
    fn plain(&self, who: &str, op: &[&str]) -> bool {
        let say = |text: String| self.log(who, &text);
        match *op {
            ["log", ..] => say(op[1..].join(" ")),
            ["raise", ..] => panic!("{}", op[1..].join(" ")),
            ["spawn", c] => self.start(c, c, None),
            ["spawn", c, "as", t] => self.start(c, t, None),
            ["cancel", t] => say(format!("cancel {t} {}", self.cancel(t))),
            ["uncancel"] => say(format!("uncancel {}", current_task().expect("a task").uncancel())),
            ["state", t] => say(format!("{t} is {}", self.state(t))),
            ["future", f] => self.name(f, Named::Future(get_event_loop().create_future())),
            ["queue", q, size] => self.name(q, Named::Queue(Queue::new(number(size)))),
            ["pqueue", q, size] => self.name(q, Named::Priority(PriorityQueue::new(number(size)))),
            ["lqueue", q, size] => self.name(q, Named::Lifo(LifoQueue::new(number(size)))),
            ["lock", l] => self.name(l, Named::Lock(Lock::new())),
            ["event", e] => self.name(e, Named::Event(Event::new())),
            ["cond", c] => self.name(c, Named::Condition(Condition::new())),
            ["cond", c, l] => {
                let Named::Lock(lock) = self.named(l) else { panic!("`{l}` is no lock") };
                self.name(c, Named::Condition(Condition::with_lock(&lock)));
            }
            ["sem", s, value] => self.name(s, Named::Semaphore(Semaphore::new(number(value)))),
            ["bsem", s, value] => self.name(s, Named::Bounded(BoundedSemaphore::new(number(value)))),
            ["soon", ref inner @ ..] => {
                let call = self.call(who, inner);
                get_event_loop().call_soon(call);
            }
            ["later", delay, ref inner @ ..] => {
                let call = self.call(who, inner);
                get_event_loop().call_later(seconds(delay), call);
            }
            ["callback", t, ref words @ ..] => {
                let mut inner = vec!["log"];
                inner.extend_from_slice(words);
                self.when_done(t, self.call(who, &inner));
            }
            ["reschedule", t, delay] => {
                let Named::Limit(limit) = self.named(t) else { panic!("`{t}` is no timeout") };
                limit.reschedule(get_event_loop().time() + seconds(delay));
            }
            [
                "set" | "fail" | "putn" | "getn" | "done" | "size" | "eset" | "eclear" | "notify" | "notifyall"
                | "barrier" | "release" | "locked",
                ..,
            ] => match catch_unwind(AssertUnwindSafe(|| self.use_named(who, op))) {
                Ok(()) => {}
                Err(payload) => say(format!("{} raised {}", op.join(" "), show_payload(&*payload))),
            },
            _ => return self.outside(who, op),
        }
        true
    }

    fn call(&self, who: &str, op: &[&str]) -> impl FnOnce() + 'static {
        let (script, who) = (self.clone(), who.to_owned());
        let op: Vec<String> = op.iter().map(|&word| word.to_owned()).collect();
        move || {
            let words: Vec<&str> = op.iter().map(String::as_str).collect();
            assert!(script.plain(&who, &words), "unknown: {op:?}");
        }
    }

    fn cancel(&self, t: &str) -> bool {
        match self.named(t) {
            Named::Task(task) => task.task.borrow().cancel(),
            Named::Watched(task) => task.cancel(),
            Named::Future(future) => future.cancel(),
            Named::Together(together) => together.borrow().cancel(),
            _ => panic!("`{t}` cannot be cancelled"),
        }
    }

    fn any(&self, t: &str) -> AnyTask {
        match self.named(t) {
            Named::Task(task) => task.task.borrow().as_any(),
            Named::Watched(task) => task,
            Named::Future(future) => future.as_any(),
            Named::Together(together) => together.borrow().as_any(),
            _ => panic!("`{t}` is no task"),
        }
    }

    fn state(&self, t: &str) -> &'static str {
        let task = self.any(t);
        match () {
            () if task.cancelled() => "cancelled",
            () if !task.done() => "pending",
            () if task.exception().is_some() => "failed",
            () => "finished",
        }
    }

    fn when_done(&self, t: &str, call: impl FnOnce() + 'static) {
        match self.named(t) {
            Named::Task(task) => task.task.borrow().add_done_callback(call),
            Named::Future(future) => future.add_done_callback(call),
            _ => panic!("`{t}` has no callbacks"),
        }
    }

    async fn perform(&self, who: &str, group: &Option<TaskGroup>, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        match *op {
            ["sleep", s] => sleep(seconds(s)).await,
            ["yield"] => sleep(0).await,
            ["await", t] => {
                let value = match self.named(t) {
                    Named::Task(task) => task.await.to_string(),
                    Named::Future(future) => future.await.to_string(),
                    Named::Together(together) => {
                        let values = std::future::poll_fn(|cx| Pin::new(&mut *together.borrow_mut()).poll(cx));
                        format!("{:?}", values.await)
                    }
                    _ => panic!("`{t}` cannot be awaited"),
                };
                say(format!("{t} = {value}"));
            }
            ["call", c] => {
                let value = self.run(c, who, group.clone()).await;
                say(format!("{c} = {value}"));
            }
            ["repeat", count, c] => {
                for _ in 0..number::<usize>(count) {
                    self.run(c, who, group.clone()).await;
                }
            }
            ["try", c] => match caught(self.run(c, who, group.clone())).await {
                Ok(value) => say(format!("{c} = {value}")),
                Err(payload) if payload.is::<CancelledError>() => resume_unwind(payload),
                Err(payload) => say(format!("{c} raised {}", show_payload(&*payload))),
            },
            ["trycancel", c] => match caught(self.run(c, who, group.clone())).await {
                Ok(value) => say(format!("{c} = {value}")),
                Err(payload) if payload.is::<CancelledError>() => say(format!("{c} raised CancelledError")),
                Err(payload) => resume_unwind(payload),
            },
            ["cleanup", body, c] => {
                let body = self.run(body, who, group.clone());
                let cleanup = self.run(c, who, group.clone());
                finally(body, async move {
                    cleanup.await;
                })
                .await;
            }
            ["gather", ref cs @ ..] => {
                let values = gather(cs.iter().map(|c| self.run(c, c, None))).await;
                say(format!("gather = {values:?}"));
            }
            ["gatherx", ref cs @ ..] => {
                let outcomes = gather(cs.iter().map(|c| self.run(c, c, None))).return_exceptions().await;
                say(format!("gather = [{}]", show_outcomes(outcomes)));
            }
            ["gathert", ref ts @ ..] => {
                let outcomes = gather(self.take_tasks(ts)).return_exceptions().await;
                say(format!("gather = [{}]", show_outcomes(outcomes)));
            }
            ["wait", mode, timeout, ref ts @ ..] => {
                let when = match mode {
                    "all" => ALL_COMPLETED,
                    "first" => FIRST_COMPLETED,
                    _ => FIRST_EXCEPTION,
                };
                let mut waiting = wait(ts.iter().map(|t| self.any(t))).return_when(when);
                if timeout != "-" {
                    waiting = waiting.timeout(seconds(timeout));
                }
                let (done, _) = waiting.await;
                let (done, pending): (Vec<&str>, Vec<&str>) = ts.iter().partition(|t| done.contains(&self.any(t)));
                say(format!("done {} | {}", done.join(" "), pending.join(" ")));
            }
            ["ascompleted", timeout, ref ts @ ..] => self.as_completed(who, timeout, ts).await,
            ["waitfor", s, c] => match wait_for(self.run(c, c, None), seconds(s)).await {
                Ok(value) => say(format!("{c} = {value}")),
                Err(_) => raise(TimeoutError),
            },
            ["timeout", s, c] => {
                let limit = Timeout::new(seconds(s));
                self.name("limit", Named::Limit(limit.clone()));
                let body = async {
                    let value = self.run(c, who, group.clone()).await;
                    say(format!("{c} = {value}"));
                };
                if limit.within(body).await.is_err() {
                    raise(TimeoutError);
                }
            }
            ["shield", c, "as", t] => {
                let task = ensure_future(self.run(c, t, None));
                self.name(t, Named::Watched(task.as_any()));
                let value = shield(task).await;
                say(format!("{c} = {value}"));
            }
            ["group", c] => match TaskGroup::run(async |group| self.run(c, who, Some(group)).await).await {
                Ok(value) => say(format!("{c} = {value}")),
                Err(error) => {
                    let all: Vec<_> = error.exceptions().iter().map(show_exception).collect();
                    raise(ExceptionGroup(all.join(", ")));
                }
            },
            ["gspawn", c, ref rest @ ..] => {
                let name = rest.get(1).unwrap_or(&c);
                if let Err(error) = catch(|| self.start(c, name, group.as_ref())) {
                    say(format!("{} raised {error}", op.join(" ")));
                }
            }
            _ => self.wait_at(who, group, op).await,
        }
    }

    /// The tasks of these names, which stand for watched tasks from now on.
    fn take_tasks(&self, ts: &[&str]) -> Vec<Task<i64>> {
        let take = |t: &&str| {
            let Named::Task(task) = self.named(t) else { panic!("`{t}` is no task") };
            let watched = self.any(t);
            self.name(t, Named::Watched(watched));
            let Ok(task) = Rc::try_unwrap(task.task) else { panic!("somebody awaits `{t}`") };
            task.into_inner()
        };
        ts.iter().map(take).collect()
    }

    async fn as_completed(&self, who: &str, timeout: &str, ts: &[&str]) {
        let mut results = as_completed(self.take_tasks(ts));
        let say = |text: String| self.log(who, &text);
        if timeout == "-" {
            for _ in ts {
                let next = Box::pin(async { results.next().await.expect("one for each") });
                match caught(next).await {
                    Ok(value) => say(format!("completed {value}")),
                    Err(payload) => say(format!("completed {}", show_payload(&*payload))),
                }
            }
        } else {
            let mut results = results.timeout(seconds(timeout));
            while let Some(result) = results.next().await {
                match result {
                    Ok(value) => say(format!("completed {value}")),
                    Err(_) => say("completed TimeoutError".to_owned()),
                }
            }
        }
    }
}

fn show_outcomes(outcomes: Vec<Result<i64, Exception>>) -> String {
    let show = |outcome: &Result<i64, Exception>| match outcome {
        Ok(value) => value.to_string(),
        Err(exception) => show_exception(exception),
    };
    outcomes.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn seconds(text: &str) -> f64 {
    number(text)
}
