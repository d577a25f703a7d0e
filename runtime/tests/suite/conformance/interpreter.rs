//! Runs the scripts of the conformance suite on our loop, in virtual time. The twin of `interpreter.py`, op for op.

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
    ALL_COMPLETED, AnyTask, Barrier, BoundedSemaphore, BrokenBarrierError, CancelledError, Condition, Event, EventLoop,
    Exception, FIRST_COMPLETED, FIRST_EXCEPTION, LifoQueue, Lock, PriorityQueue, Queue, QueueEmpty, QueueFull,
    Semaphore, Task, TaskGroup, Timeout, TimeoutError, as_completed, current_task, ensure_future, finally, gather,
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
struct Script {
    event_loop: EventLoop,
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
        event_loop,
        coroutines: Rc::new(coroutines),
        names: Rc::default(),
        lines: Rc::default(),
    };
    let main = script.run("main", "main", None);
    match catch(|| script.event_loop.run_until_complete(main)) {
        Ok(value) => script.log("end", &format!("= {value}")),
        Err(error) => script.log("end", &format!("raised {error}")),
    }
    if script.coroutines.contains_key("after") {
        script.event_loop.run_until_complete(script.run("after", "after", None));
    }
    script.lines.take()
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
        let now = ((self.event_loop.time() - self.begin) * 1000.0).round();
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
            ["future", f] => self.name(f, Named::Future(self.event_loop.create_future())),
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
                self.event_loop.call_soon(call);
            }
            ["later", delay, ref inner @ ..] => {
                let call = self.call(who, inner);
                self.event_loop.call_later(seconds(delay), call);
            }
            ["callback", t, ref words @ ..] => {
                let mut inner = vec!["log"];
                inner.extend_from_slice(words);
                self.when_done(t, self.call(who, &inner));
            }
            ["reschedule", t, delay] => {
                let Named::Limit(limit) = self.named(t) else { panic!("`{t}` is no timeout") };
                limit.reschedule(self.event_loop.time() + seconds(delay));
            }
            [
                "set" | "fail" | "putn" | "getn" | "done" | "size" | "eset" | "eclear" | "notify" | "notifyall"
                | "barrier" | "release" | "locked",
                ..,
            ] => match catch_unwind(AssertUnwindSafe(|| self.use_named(who, op))) {
                Ok(()) => {}
                Err(payload) => say(format!("{} raised {}", op.join(" "), show_payload(&*payload))),
            },
            _ => return false,
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
            _ => panic!("`{t}` cannot be cancelled"),
        }
    }

    fn any(&self, t: &str) -> AnyTask {
        match self.named(t) {
            Named::Task(task) => task.task.borrow().as_any(),
            Named::Watched(task) => task,
            Named::Future(future) => future.as_any(),
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

    /// The ops on primitives, which may raise.
    fn use_named(&self, who: &str, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        let what = if op[0] == "barrier" { None } else { Some(self.named(op[1])) };
        match (op, what) {
            (["set", _, value], Some(Named::Future(future))) => future.set_result(number(value)),
            (["fail", _, message], Some(Named::Future(future))) => {
                future.set_exception(Exception::panic(*message));
            }
            (["putn", _, value], Some(Named::Queue(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["putn", _, value], Some(Named::Priority(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["putn", _, value], Some(Named::Lifo(queue))) => full(queue.put_nowait(number(value)).is_err()),
            (["getn", q], Some(Named::Queue(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["getn", q], Some(Named::Priority(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["getn", q], Some(Named::Lifo(queue))) => say(format!("getn {q} {}", empty(queue.get_nowait().ok()))),
            (["done", _], Some(Named::Queue(queue))) => queue.task_done(),
            (["size", q], Some(Named::Queue(queue))) => {
                say(format!("size {q} {} {} {}", queue.qsize(), queue.empty(), queue.full()));
            }
            (["eset", _], Some(Named::Event(event))) => event.set(),
            (["eclear", _], Some(Named::Event(event))) => event.clear(),
            (["notify", _, count], Some(Named::Condition(condition))) => condition.notify(number(count)),
            (["notifyall", _], Some(Named::Condition(condition))) => condition.notify_all(),
            (["barrier", b, parties], None) => self.name(b, Named::Barrier(Barrier::new(number(parties)))),
            (["release", _], Some(Named::Lock(lock))) => lock.release(),
            (["release", _], Some(Named::Condition(condition))) => condition.release(),
            (["release", _], Some(Named::Semaphore(semaphore))) => semaphore.release(),
            (["release", _], Some(Named::Bounded(semaphore))) => semaphore.release(),
            (["locked", l], Some(Named::Lock(lock))) => say(format!("{l} locked {}", lock.locked())),
            (["locked", l], Some(Named::Condition(condition))) => say(format!("{l} locked {}", condition.locked())),
            (["locked", l], Some(Named::Semaphore(semaphore))) => say(format!("{l} locked {}", semaphore.locked())),
            _ => panic!("unknown: {op:?}"),
        }
    }

    async fn perform(&self, who: &str, group: &Option<TaskGroup>, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        match *op {
            ["sleep", s] => sleep(seconds(s)).await,
            ["yield"] => sleep(0).await,
            ["await", t] => {
                let value = match self.named(t) {
                    Named::Task(task) => task.await,
                    Named::Future(future) => future.await,
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

    /// The ops that wait at a primitive.
    async fn wait_at(&self, who: &str, group: &Option<TaskGroup>, op: &[&str]) {
        let say = |text: String| self.log(who, &text);
        match (op, self.named(op[1])) {
            (["put", _, value], what) => {
                match what {
                    Named::Queue(queue) => queue.put(number(value)).await,
                    Named::Priority(queue) => queue.put(number(value)).await,
                    Named::Lifo(queue) => queue.put(number(value)).await,
                    _ => panic!("unknown: {op:?}"),
                }
                say(format!("put {value}"));
            }
            (["get", _], Named::Queue(queue)) => say(format!("got {}", queue.get().await)),
            (["get", _], Named::Priority(queue)) => say(format!("got {}", queue.get().await)),
            (["get", _], Named::Lifo(queue)) => say(format!("got {}", queue.get().await)),
            (["join", q], Named::Queue(queue)) => {
                queue.join().await;
                say(format!("joined {q}"));
            }
            (["acquire", l], what) => {
                match what {
                    Named::Lock(lock) => lock.acquire().await.forget(),
                    Named::Condition(condition) => condition.acquire().await.forget(),
                    Named::Semaphore(semaphore) => semaphore.acquire().await.forget(),
                    Named::Bounded(semaphore) => semaphore.acquire().await.forget(),
                    _ => panic!("unknown: {op:?}"),
                }
                say(format!("acquired {l}"));
            }
            (["with", l, c], what) => {
                let _guard: Box<dyn Any> = match what {
                    Named::Lock(lock) => Box::new(lock.acquire().await),
                    Named::Condition(condition) => Box::new(condition.acquire().await),
                    Named::Semaphore(semaphore) => Box::new(semaphore.acquire().await),
                    Named::Bounded(semaphore) => Box::new(semaphore.acquire().await),
                    _ => panic!("unknown: {op:?}"),
                };
                say(format!("with {l}"));
                self.run(c, who, group.clone()).await;
            }
            (["ewait", e], Named::Event(event)) => {
                event.wait().await;
                say(format!("{e} is set"));
            }
            (["cwait", c], Named::Condition(condition)) => {
                condition.wait().await;
                say(format!("notified {c}"));
            }
            (["bwait", b], Named::Barrier(barrier)) => match barrier.wait().await {
                Ok(index) => say(format!("passed {b} as {index}")),
                Err(_) => raise(BrokenBarrierError),
            },
            (["breset", _], Named::Barrier(barrier)) => barrier.reset().await,
            (["babort", _], Named::Barrier(barrier)) => barrier.abort().await,
            _ => panic!("unknown: {op:?}"),
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

fn full(refused: bool) {
    if refused {
        raise(QueueFull(()));
    }
}

fn empty(item: Option<i64>) -> i64 {
    item.unwrap_or_else(|| raise(QueueEmpty))
}

fn number<N: std::str::FromStr>(text: &str) -> N {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn seconds(text: &str) -> f64 {
    number(text)
}
