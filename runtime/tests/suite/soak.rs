//! Random programs, run on the loop in virtual time and on a model of it that is too simple to be wrong; what they write
//! must be the same. A few hundred programs each time; `ASYNCIO_SOAK_SECONDS=600` in the environment asks for more.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use asyncio::{AnyTask, EventLoop, ensure_future, get_event_loop, set_event_loop, sleep};

use crate::harness::{limited, log, transcript};

/// One thing that a task does. Times are in milliseconds.
#[derive(Clone, Debug)]
enum Act {
    Yield,
    Sleep(u64),
    /// Lets time pass without giving a turn away.
    Block(u64),
    Spawn(Script),
    /// Cancels the task with this number, if there is one and it is another.
    Cancel(usize),
    CallSoon,
    CallLater(u64),
}

type Script = Vec<Act>;

/// Small numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn script(&mut self, depth: u32) -> Script {
        (0..self.below(8)).map(|_| self.act(depth)).collect()
    }

    fn act(&mut self, depth: u32) -> Act {
        match self.below(12) {
            0..=2 => Act::Yield,
            3..=5 => Act::Sleep(1 + self.below(6)),
            6 => Act::Block(self.below(4)),
            7 => Act::Cancel(self.below(12) as usize),
            8 => Act::CallSoon,
            9 => Act::CallLater(self.below(6)),
            _ if depth < 3 => Act::Spawn(self.script(depth + 1)),
            _ => Act::Yield,
        }
    }
}

/// Says that a task's coroutine is gone.
struct Gone(usize);

impl Drop for Gone {
    fn drop(&mut self) {
        log(format!("{} gone", self.0));
    }
}

type Tasks = Rc<RefCell<Vec<AnyTask>>>;

fn spawn(tasks: &Tasks, script: Script) {
    let number = tasks.borrow().len();
    let task = ensure_future(perform(Rc::clone(tasks), number, Gone(number), script));
    tasks.borrow_mut().push(task.as_any());
}

async fn perform(tasks: Tasks, number: usize, _gone: Gone, script: Script) {
    for (at, act) in script.into_iter().enumerate() {
        log(format!("{number}.{at}"));
        let event_loop = get_event_loop();
        let called = move || log(format!("called by {number}.{at}"));
        match act {
            Act::Yield => sleep(0).await,
            Act::Sleep(time) => sleep(Duration::from_millis(time)).await,
            Act::Block(time) => event_loop.advance_time(Duration::from_millis(time)),
            Act::Spawn(script) => spawn(&tasks, script),
            Act::Cancel(other) if other != number => {
                let task = tasks.borrow().get(other).cloned();
                log(format!("cancel {other} {:?}", task.map(|task| task.cancel())));
            }
            Act::Cancel(_) => {}
            Act::CallSoon => drop(event_loop.call_soon(called)),
            Act::CallLater(time) => drop(event_loop.call_later(Duration::from_millis(time), called)),
        }
    }
}

/// What the program writes on the loop.
fn real(script: Script) -> String {
    limited(move || {
        let event_loop = EventLoop::with_virtual_time();
        set_event_loop(&event_loop);
        spawn(&Tasks::default(), script);
        event_loop.block_on(sleep(1000));
        transcript()
    })
}

/// What waits in the model's queue or for its time.
#[derive(Clone, Debug)]
enum Event {
    Step(usize),
    /// A sleeper's time has come; the number tells its sleeps apart.
    Wake(usize, usize),
    Call(String),
}

struct Actor {
    script: Script,
    at: usize,
    queued: bool,
    cancelled: bool,
    /// The sleep it is in.
    asleep: Option<usize>,
    gone: bool,
}

#[derive(Default)]
struct Model {
    now: u64,
    order: usize,
    queue: VecDeque<Event>,
    timers: BTreeMap<(u64, usize), Event>,
    actors: Vec<Actor>,
    lines: String,
}

impl Model {
    fn run(script: Script) -> String {
        let mut model = Self::default();
        model.spawn(script);
        loop {
            while let Some(first) = model.timers.first_entry().filter(|first| first.key().0 <= model.now) {
                model.queue.push_back(first.remove());
            }
            for _ in 0..model.queue.len() {
                if let Some(event) = model.queue.pop_front() {
                    model.happen(event);
                }
            }
            if model.queue.is_empty() {
                let Some(((next, _), _)) = model.timers.first_key_value() else { return model.lines };
                model.now = model.now.max(*next);
            }
        }
    }

    fn log(&mut self, line: String) {
        self.lines.push_str(&line);
        self.lines.push('\n');
    }

    fn spawn(&mut self, script: Script) {
        self.queue.push_back(Event::Step(self.actors.len()));
        self.actors.push(Actor { script, at: 0, queued: true, cancelled: false, asleep: None, gone: false });
    }

    fn wake(&mut self, number: usize) {
        if !self.actors[number].gone && !std::mem::replace(&mut self.actors[number].queued, true) {
            self.queue.push_back(Event::Step(number));
        }
    }

    fn arm(&mut self, after: u64, event: Event) -> usize {
        self.order += 1;
        self.timers.insert((self.now + after, self.order), event);
        self.order
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Call(by) => self.log(format!("called by {by}")),
            Event::Wake(number, sleep) => {
                if self.actors[number].asleep == Some(sleep) {
                    self.actors[number].asleep = None;
                    self.wake(number);
                }
            }
            Event::Step(number) => self.step(number),
        }
    }

    /// Lets an actor act until it suspends; cancelled, it goes.
    fn step(&mut self, number: usize) {
        self.actors[number].queued = false;
        while !self.actors[number].cancelled {
            let at = self.actors[number].at;
            let Some(act) = self.actors[number].script.get(at).cloned() else { break };
            self.actors[number].at += 1;
            self.log(format!("{number}.{at}"));
            match act {
                Act::Yield => return self.wake(number),
                Act::Sleep(time) => {
                    let sleep = self.order + 1;
                    self.actors[number].asleep = Some(sleep);
                    self.arm(time, Event::Wake(number, sleep));
                    return;
                }
                Act::Block(time) => self.now += time,
                Act::Spawn(script) => self.spawn(script),
                Act::Cancel(other) if other != number => self.cancel(other),
                Act::Cancel(_) => {}
                Act::CallSoon => self.queue.push_back(Event::Call(format!("{number}.{at}"))),
                Act::CallLater(time) => drop(self.arm(time, Event::Call(format!("{number}.{at}")))),
            }
        }
        self.actors[number].gone = true;
        self.actors[number].asleep = None;
        self.log(format!("{number} gone"));
    }

    fn cancel(&mut self, number: usize) {
        let answer = self.actors.get_mut(number).map(|actor| {
            actor.cancelled |= !actor.gone;
            !actor.gone
        });
        self.log(format!("cancel {number} {answer:?}"));
        if answer == Some(true) {
            self.wake(number);
        }
    }
}

#[test]
fn random_programs_do_on_the_loop_what_they_do_on_the_model() {
    let seconds = std::env::var("ASYNCIO_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let (limit, start) = (Duration::from_secs(seconds.unwrap_or(0)), Instant::now());
    let mut seed = 0;
    while seed < 300 || start.elapsed() < limit {
        let mut dice = Dice(seed);
        let script: Script = (0..6).map(|_| Act::Spawn(dice.script(0))).collect();
        assert_eq!(real(script.clone()), Model::run(script.clone()), "seed {seed}: {script:?}");
        seed += 1;
    }
}
