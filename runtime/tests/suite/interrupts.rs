//! The user's ■: `interrupt::request` from another thread, against a loop that waits, computes, or blocks.
//! The request is one flag for the whole process, so these tests run one at a time.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use asyncio::{KeyboardInterrupt, catch_interrupt, ensure_future, get_event_loop, interrupt, run, sleep};

use crate::harness::{fresh_loop, limited};

/// Runs `body` as the cell thread. `ask` interrupts it once from another thread, when called.
fn interrupted(body: impl FnOnce(Ask) + Send + 'static) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    interrupt::assume_external_source();
    limited(|| {
        interrupt::set_cell_thread();
        interrupt::clear();
        let (ask, asked) = mpsc::channel::<()>();
        let helper = thread::spawn(move || {
            while asked.recv().is_ok() {
                interrupt::request();
            }
        });
        body(Ask(ask));
        helper.join().expect("the helper is fine");
        assert!(!interrupt::is_pending(), "the request was consumed");
    });
}

struct Ask(mpsc::Sender<()>);

impl Ask {
    fn interrupt(&self) {
        self.0.send(()).expect("the helper waits");
    }
}

#[test]
fn an_idle_loop_returns_at_once_and_loses_nothing() {
    interrupted(|ask| {
        struct Bump(Rc<Cell<u32>>);
        impl Drop for Bump {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let event_loop = fresh_loop();
        let drops = Rc::new(Cell::new(0));
        let bump = Bump(Rc::clone(&drops));
        let ask = Rc::new(ask);
        let inner = Rc::clone(&ask);
        let task = ensure_future(async move {
            let _bump = bump;
            inner.interrupt();
            sleep(0.3).await;
            "ends"
        });
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
        assert_eq!((drops.get(), task.done(), event_loop.is_running()), (0, false, false));
        let again = Rc::clone(&ask);
        event_loop.call_soon(move || again.interrupt());
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
        assert_eq!(event_loop.run_until_complete(task), "ends");
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn an_idle_loop_returns_within_milliseconds() {
    interrupted(|ask| {
        let event_loop = fresh_loop();
        let mut best = Duration::MAX;
        for _ in 0..20 {
            let sent = Rc::new(Cell::new(Instant::now()));
            let noted = Rc::clone(&sent);
            let ask = ask.0.clone();
            event_loop.call_later(0.005, move || {
                noted.set(Instant::now());
                ask.send(()).expect("the helper waits");
            });
            assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
            best = best.min(sent.get().elapsed());
        }
        assert!(best < Duration::from_millis(1), "took {best:?}");
    });
}

#[test]
fn a_busy_loop_is_interrupted_between_two_steps() {
    interrupted(|ask| {
        let event_loop = fresh_loop();
        drop(ensure_future(async {
            loop {
                sleep(0).await;
            }
        }));
        ask.interrupt();
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
        assert_eq!(event_loop.all_tasks().len(), 1);
    });
}

#[test]
fn computing_code_is_interrupted_inside_its_task() {
    interrupted(|ask| {
        let event_loop = fresh_loop();
        let task = ensure_future(async move {
            ask.interrupt();
            loop {
                interrupt::checkpoint();
                std::hint::spin_loop();
            }
        });
        let other = ensure_future(async { "ran" });
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
        assert!(task.done() && !other.done());
        assert_eq!(task.exception().expect("interrupted").name(), "KeyboardInterrupt");
        assert_eq!(event_loop.run_until_complete(other), "ran");
    });
}

#[test]
fn run_until_complete_unwinds_and_can_be_called_again() {
    interrupted(|ask| {
        let event_loop = fresh_loop();
        event_loop.call_soon(move || ask.interrupt());
        let task = ensure_future(async {
            sleep(0.3).await;
            5
        });
        let mut task = Some(task);
        let started = Instant::now();
        let first = catch_interrupt(|| event_loop.block_on(task.as_mut().expect("there")));
        assert_eq!(first, Err(KeyboardInterrupt));
        let task = task.take().expect("there");
        assert!(!task.done());
        assert_eq!(event_loop.run_until_complete(task), 5);
        assert!(started.elapsed() >= Duration::from_millis(300), "never early");
    });
}

#[test]
fn a_request_before_the_run_ends_it_at_once() {
    interrupted(|ask| {
        let event_loop = fresh_loop();
        interrupt::request();
        event_loop.call_soon(|| unreachable!("no turn is made"));
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
        drop(ask);
    });
}

#[test]
fn a_blocking_sleep_ends() {
    interrupted(|ask| {
        ask.interrupt();
        assert_eq!(
            catch_interrupt(|| interrupt::interruptible_sleep(Duration::from_secs(3600))),
            Err(KeyboardInterrupt)
        );
        interrupt::interruptible_sleep(Duration::from_millis(1));
    });
}

#[test]
fn other_threads_are_left_alone() {
    interrupted(|ask| {
        interrupt::request();
        let elsewhere = thread::spawn(|| {
            interrupt::checkpoint();
            interrupt::interruptible_sleep(Duration::from_millis(1));
            fresh_loop().block_on(async {
                sleep(0.001).await;
                "not interrupted"
            })
        });
        assert_eq!(elsewhere.join().expect("nothing raised"), "not interrupted");
        assert_eq!(catch_interrupt(interrupt::checkpoint), Err(KeyboardInterrupt));
        drop(ask);
    });
}

#[test]
fn no_destructor_is_torn_out_of_its_work() {
    interrupted(|ask| {
        struct Careful<'a>(&'a Cell<bool>);
        impl Drop for Careful<'_> {
            fn drop(&mut self) {
                interrupt::request();
                interrupt::checkpoint();
                self.0.set(true);
            }
        }
        let finished = Cell::new(false);
        interrupt::request();
        let outcome = catch_interrupt(|| {
            let _careful = Careful(&finished);
            interrupt::checkpoint();
        });
        assert_eq!((outcome, finished.get()), (Err(KeyboardInterrupt), true));
        interrupt::clear();
        drop(ask);
    });
}

#[test]
fn run_cancels_the_main_task_first() {
    interrupted(|ask| {
        struct Note(&'static str, Rc<std::cell::RefCell<Vec<&'static str>>>);
        impl Drop for Note {
            fn drop(&mut self) {
                self.1.borrow_mut().push(self.0);
            }
        }
        let notes: Rc<std::cell::RefCell<Vec<&str>>> = Rc::default();
        let [main, other] = ["main", "other"].map(|name| Note(name, Rc::clone(&notes)));
        let outcome = catch_interrupt(|| {
            run(async move {
                let _main = main;
                drop(ensure_future(async move {
                    let _other = other;
                    sleep(3600).await;
                }));
                get_event_loop().call_soon(move || ask.interrupt());
                sleep(3600).await;
            });
        });
        assert_eq!(outcome, Err(KeyboardInterrupt));
        assert_eq!(*notes.borrow(), ["main", "other"]);
    });
}

/// Says to this test binary that it was started by the test below.
const CHILD: &str = "ASYNCIO_TEST_CTRL_C_CHILD";

#[test]
fn ctrl_c_interrupts_an_ordinary_program() {
    if std::env::var_os(CHILD).is_some() {
        return wait_for_ctrl_c();
    }
    limited(|| {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", "interrupts::ctrl_c_interrupts_an_ordinary_program", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary starts again");
        let id = i32::try_from(child.id()).expect("a process number");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines().map_while(Result::ok);
        for run in ["first", "second"] {
            assert!(lines.any(|line| line.contains(run)), "the child has begun its {run} run");
            // SAFETY: sends a signal to a child that has not been waited for, so the number is its own.
            assert_eq!(unsafe { libc::kill(id, libc::SIGINT) }, 0);
        }
        assert!(lines.any(|line| line.contains("ended by itself")));
        assert!(child.wait().expect("the child ends").success());
    });
}

fn wait_for_ctrl_c() {
    // SAFETY: restores the default action, in case this process was started with SIGINT ignored.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    interrupt::set_cell_thread();
    let event_loop = fresh_loop();
    for run in ["first", "second"] {
        event_loop.call_soon(move || tell_parent(run));
        assert_eq!(event_loop.run_forever(), Err(KeyboardInterrupt));
    }
    tell_parent("ended by itself");
}

fn tell_parent(text: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").expect("the parent reads");
}
