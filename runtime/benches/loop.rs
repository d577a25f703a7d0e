//! How fast the loop is, next to tokio's `LocalSet` and async-executor's `LocalExecutor`: tasks started and joined, turns
//! given away, timers, memory. Run by hand: `cargo bench -p asyncio [-- part of a name]`; prints one table.
//!
//! The three take turns, and the best of several rounds counts, so that a busy machine disturbs all of them alike. What is
//! counted is the processor time of the thread; timers show the time on the clock, too.
//! `benches/asyncio.py` measures the same in Python.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_executor::LocalExecutor;
use asyncio::{EventLoop, ensure_future, new_event_loop, set_event_loop, sleep};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local};

/// How often each measurement is repeated, unless `ROUNDS` in the environment says otherwise.
const ROUNDS: usize = 7;

/// One of the three that are compared.
trait Contestant: Clone + 'static {
    /// Starts a task; the returned future is its handle.
    fn spawn<T: 'static>(&self, coroutine: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static;
    /// Runs until `main` is done.
    fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T;
    /// Gives one turn away.
    fn turn(&self) -> impl Future<Output = ()> + 'static;
    /// Waits; for ever with one that has no timers.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + 'static;
    /// Whether it has timers.
    const TIMERS: bool = true;
}

#[derive(Clone)]
struct Ours(EventLoop);

impl Contestant for Ours {
    fn spawn<T: 'static>(&self, coroutine: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static {
        ensure_future(coroutine)
    }

    fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T {
        self.0.block_on(main)
    }

    fn turn(&self) -> impl Future<Output = ()> + 'static {
        sleep(0)
    }

    fn pause(&self, time: Duration) -> impl Future<Output = ()> + 'static {
        sleep(time)
    }
}

#[derive(Clone)]
struct Tokio(Rc<Runtime>);

impl Contestant for Tokio {
    fn spawn<T: 'static>(&self, coroutine: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static {
        let handle = spawn_local(coroutine);
        async { handle.await.expect("it ends") }
    }

    fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T {
        LocalSet::new().block_on(&self.0, main)
    }

    fn turn(&self) -> impl Future<Output = ()> + 'static {
        tokio::task::yield_now()
    }

    fn pause(&self, time: Duration) -> impl Future<Output = ()> + 'static {
        tokio::time::sleep(time)
    }
}

#[derive(Clone)]
struct Smol(Rc<LocalExecutor<'static>>);

impl Contestant for Smol {
    fn spawn<T: 'static>(&self, coroutine: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static {
        self.0.spawn(coroutine)
    }

    fn run<T: 'static>(&self, main: impl Future<Output = T> + 'static) -> T {
        let executor = Rc::clone(&self.0);
        let task = executor.spawn(main);
        futures_lite::future::block_on(executor.run(task))
    }

    fn turn(&self) -> impl Future<Output = ()> + 'static {
        futures_lite::future::yield_now()
    }

    fn pause(&self, _: Duration) -> impl Future<Output = ()> + 'static {
        pending()
    }

    const TIMERS: bool = false;
}

/// One line of the table: how many operations a round makes, and a round. `None` when a contestant has no such thing.
struct Line {
    name: &'static str,
    count: usize,
    rounds: [Box<dyn Fn() -> Option<()>>; 3],
}

fn line(name: &'static str, count: usize, contestants: &All, round: impl Round) -> Line {
    let All(ours, tokio, smol) = contestants.clone();
    let (one, two, three) = (round, round, round);
    let rounds: [Box<dyn Fn() -> Option<()>>; 3] = [
        Box::new(move || one.run(&ours, count)),
        Box::new(move || two.run(&tokio, count)),
        Box::new(move || three.run(&smol, count)),
    ];
    Line { name, count, rounds }
}

#[derive(Clone)]
struct All(Ours, Tokio, Smol);

/// What is measured, written once for all.
trait Round: Copy + 'static {
    fn run(self, contestant: &impl Contestant, count: usize) -> Option<()>;
}

/// Starts tasks in crowds of the given size, and joins them.
#[derive(Clone, Copy)]
struct SpawnAndJoin(usize);

impl Round for SpawnAndJoin {
    fn run(self, contestant: &impl Contestant, count: usize) -> Option<()> {
        let inside = contestant.clone();
        contestant.run(async move {
            let mut tasks = Vec::with_capacity(self.0);
            for _ in 0..count / self.0 {
                tasks.extend((0..self.0).map(|i| inside.spawn(async move { i })));
                for task in tasks.drain(..) {
                    std::hint::black_box(task.await);
                }
            }
        });
        Some(())
    }
}

/// So many tasks give turns away.
#[derive(Clone, Copy)]
struct Yield(usize);

impl Round for Yield {
    fn run(self, contestant: &impl Contestant, count: usize) -> Option<()> {
        let inside = contestant.clone();
        contestant.run(async move {
            let tasks: Vec<_> = (0..self.0)
                .map(|_| {
                    let here = inside.clone();
                    inside.spawn(async move {
                        for _ in 0..count / self.0 {
                            here.turn().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
        });
        Some(())
    }
}

/// Tasks that sleep, with deadlines spread evenly, in no order, over this time.
#[derive(Clone, Copy)]
struct Timers(Duration);

impl Round for Timers {
    fn run(self, contestant: &impl Contestant, count: usize) -> Option<()> {
        let inside = contestant.clone();
        has_timers(contestant)?;
        contestant.run(async move {
            let tasks: Vec<_> = (0..count)
                .map(|i| {
                    let share = (i * 7919 % count) as f64 / count as f64;
                    inside.spawn(sleeper(inside.clone(), self.0.mul_f64(share)))
                })
                .collect();
            for task in tasks {
                task.await;
            }
        });
        Some(())
    }
}

fn has_timers<C: Contestant>(_: &C) -> Option<()> {
    C::TIMERS.then_some(())
}

async fn sleeper(contestant: impl Contestant, time: Duration) {
    contestant.pause(time).await;
}

impl Line {
    fn print(&self) {
        let mut best = [(f64::INFINITY, f64::INFINITY); 3];
        for _ in 0..rounds() {
            for (round, (clock, processor)) in self.rounds.iter().zip(&mut best) {
                let (start, start_busy) = (Instant::now(), busy());
                if round().is_some() {
                    *clock = clock.min(start.elapsed().as_secs_f64());
                    *processor = processor.min((busy() - start_busy).as_secs_f64());
                }
            }
        }
        let cells = best.map(|(clock, processor)| match clock {
            f64::INFINITY => format!("{:>24}", "–"),
            _ if self.name.contains("timers") => format!("{clock:>10.3} s, busy {processor:.3}"),
            _ => format!(
                "{:>14.2} M/s {:>3.0} ns",
                self.count as f64 / processor / 1e6,
                processor * 1e9 / self.count as f64
            ),
        });
        println!("{:<34}{}", self.name, cells.join(" "));
    }
}

fn rounds() -> usize {
    std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

fn main() {
    // `cargo bench` itself adds an argument that begins with dashes.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let event_loop = new_event_loop();
    set_event_loop(&event_loop);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let all = All(Ours(event_loop), Tokio(Rc::new(runtime)), Smol(Rc::new(LocalExecutor::new())));
    let count = if rounds() == 1 { 100_000 } else { 1_000_000 };
    let second = Duration::from_secs(1);
    if filter.is_empty() {
        print_memory(&all.0);
    }
    println!("{:<34}{:>24} {:>24} {:>24}", "", "asyncio", "LocalSet", "LocalExecutor");
    for line in [
        line("spawn + join, one at a time", count, &all, SpawnAndJoin(1)),
        line("spawn + join, 1,000 at a time", count, &all, SpawnAndJoin(1000)),
        line("yield, one task", count, &all, Yield(1)),
        line("yield, 100 tasks", count, &all, Yield(100)),
        line("yield, 30,000 tasks", count / 30_000 * 30_000, &all, Yield(30_000)),
        line("100,000 timers over 0.1 s", 100_000, &all, Timers(second / 10)),
        line("1,000,000 timers over 1 s", 1_000_000, &all, Timers(second)),
    ] {
        if line.name.contains(&filter) {
            line.print();
        }
    }
    if filter.is_empty() || filter == "recording" {
        print_recording(&all, count);
    }
    if filter.is_empty() {
        print_growth(&all.0);
    }
}

fn print_memory(ours: &Ours) {
    let before = resident_bytes();
    let tasks: Vec<_> = (0..1_000_000).map(|_| ensure_future(pending::<()>())).collect();
    ours.run(async {});
    println!("a pending task and its handle: {} bytes", (resident_bytes() - before) / tasks.len());
    for task in tasks {
        task.cancel();
    }
    ours.run(async {});
}

/// What recording for `timeline()` costs: each round once without it and once with a new recording.
fn print_recording(all: &All, count: usize) {
    let second = Duration::from_secs(1);
    for line in [
        line("recorded: spawn + join, 1,000", count, all, SpawnAndJoin(1000)),
        line("recorded: yield, one task", count, all, Yield(1)),
        line("recorded: yield, 100 tasks", count, all, Yield(100)),
        line("recorded: 500 tasks over 0.5 s", 500, all, Timers(second / 2)),
        line("recorded: 100,000 timers", 100_000, all, Timers(second / 10)),
    ] {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..rounds() {
            for (on, best) in best.iter_mut().enumerate() {
                if on == 1 {
                    asyncio::start_timeline();
                }
                let start = busy();
                let _ = line.rounds[0]();
                *best = best.min((busy() - start).as_secs_f64());
                asyncio::stop_timeline();
            }
        }
        let nanoseconds = best.map(|time| time * 1e9 / line.count as f64);
        println!(
            "{:<34}{:>10.1} ns off {:>10.1} ns on: {:+.1} %",
            line.name,
            nanoseconds[0],
            nanoseconds[1],
            (best[1] / best[0] - 1.0) * 100.0
        );
    }
}

/// What a task and a timer cost when there are more and more of them.
fn print_growth(ours: &Ours) {
    for count in [100_000_u32, 1_000_000, 5_000_000] {
        let start = busy();
        let tasks: Vec<_> = (0..count).map(|_| ensure_future(twice())).collect();
        ours.run(async {
            for task in tasks {
                task.await;
            }
        });
        let tasks_took = busy() - start;
        let start = busy();
        let tasks: Vec<_> = (0..count).map(|i| ensure_future(sleep(1000.0 + f64::from(i * 7919 % count)))).collect();
        ours.run(sleep(0));
        for task in &tasks {
            task.cancel();
        }
        ours.run(sleep(0));
        let nanoseconds = |time: Duration| time.as_nanos() / u128::from(count);
        println!(
            "{count:>9} pending at once: {} ns a task, {} ns a timer",
            nanoseconds(tasks_took),
            nanoseconds(busy() - start)
        );
    }
}

/// The processor time that this thread has used.
fn busy() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for writing, and the clock exists on every system that the crate supports.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Suspends once.
async fn twice() {
    let mut first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// What the process holds in memory, as the system counts it.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
