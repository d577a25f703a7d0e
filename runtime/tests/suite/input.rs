//! Bad input to the primitives and combinators has a defined result; debug mode says what is wrong with a program.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use asyncio::{
    Barrier, BoundedSemaphore, Condition, Coroutine, EventLoop, Lock, PriorityQueue, Queue, Runner, Semaphore, Task,
    TaskGroup, TimeoutError, as_completed, ensure_future, gather, run, shield, sleep, timeout, wait, wait_for,
};

use crate::harness::{fresh_loop, limited, raised};

/// A loop that writes its reports down.
fn reporting() -> (EventLoop, Rc<RefCell<Vec<String>>>) {
    let event_loop = fresh_loop();
    let reports: Rc<RefCell<Vec<String>>> = Rc::default();
    let log = Rc::clone(&reports);
    let handler = move |report: &asyncio::Report| log.borrow_mut().push(report.to_string());
    event_loop.set_exception_handler(Some(Rc::new(handler)));
    (event_loop, reports)
}

#[test]
fn sizes_of_nothing() {
    limited(|| {
        let event_loop = fresh_loop();
        assert_eq!(raised(|| Barrier::new(0)), "ValueError: parties must be > 0");
        assert_eq!(
            raised(|| event_loop.block_on(wait([] as [Task<()>; 0]))),
            "ValueError: Set of Tasks/Futures is empty."
        );
        let unlimited = Queue::new(0);
        assert!((0..1000).all(|n| unlimited.put_nowait(n).is_ok()) && !unlimited.full());
        assert!(Semaphore::new(0).locked());
        assert_eq!(event_loop.run_until_complete(gather([] as [Task<()>; 0])), []);
        assert!(event_loop.block_on(as_completed([] as [Task<()>; 0]).next()).is_none());
        assert_eq!(event_loop.block_on(TaskGroup::run(async |_| 3)).ok(), Some(3));
    });
}

#[test]
fn what_was_not_taken_cannot_be_given_back() {
    limited(|| {
        assert_eq!(raised(|| Lock::new().release()), "RuntimeError: Lock is not acquired.");
        assert_eq!(
            raised(|| BoundedSemaphore::new(1).release()),
            "ValueError: BoundedSemaphore released too many times"
        );
        assert_eq!(raised(|| Queue::<()>::new(1).task_done()), "ValueError: task_done() called too many times");
        assert_eq!(raised(|| Condition::new().notify(1)), "RuntimeError: cannot notify on un-acquired lock");
        let event_loop = fresh_loop();
        let unlocked = Condition::new();
        assert_eq!(raised(|| event_loop.block_on(unlocked.wait())), "RuntimeError: cannot wait on un-acquired lock");
        // A guard of a lock that was released by hand has no effect.
        let lock = Lock::new();
        let stale = event_loop.block_on(lock.acquire());
        lock.release();
        let _guard = event_loop.block_on(lock.acquire());
        drop(stale);
        assert!(lock.locked());
    });
}

#[test]
fn times_that_are_no_times() {
    limited(|| {
        let event_loop = fresh_loop();
        for nothing in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(event_loop.block_on(wait_for(sleep(10), nothing)), Err(TimeoutError));
            assert_eq!(event_loop.block_on(timeout(nothing, sleep(10))), Err(TimeoutError));
            let (done, pending) = event_loop.block_on(wait([ensure_future(sleep(10))]).timeout(nothing));
            assert_eq!((done.len(), pending.len()), (0, 1));
        }
        for endless in [f64::INFINITY, f64::MAX, 1e300] {
            assert_eq!(event_loop.block_on(wait_for(sleep(0), endless)), Ok(()));
            assert_eq!(event_loop.block_on(timeout(endless, sleep(0))), Ok(()));
        }
    });
}

#[test]
fn a_queue_that_was_shut_down() {
    limited(|| {
        let event_loop = fresh_loop();
        let queue = Queue::new(2);
        queue.put_nowait(1).expect("room");
        queue.put_nowait(2).expect("room");
        let (putter, joiner) = (queue.clone(), queue.clone());
        let putting = ensure_future(async move { putter.put(3).await });
        let joining = ensure_future(async move { joiner.join().await });
        event_loop.block_on(sleep(0));
        queue.shutdown(false);
        assert_eq!(raised(|| event_loop.run_until_complete(putting)), "QueueShutDown: the queue was shut down");
        assert_eq!(raised(|| queue.put_nowait(4)), "QueueShutDown: the queue was shut down");
        assert_eq!(event_loop.block_on(queue.get()), 1);
        assert!(!joining.done());
        queue.task_done();
        queue.shutdown(true);
        assert_eq!(raised(|| queue.get_nowait()), "QueueShutDown: the queue was shut down");
        event_loop.run_until_complete(joining);
        assert!(event_loop.block_on(queue.clone().next()).is_none());
        let full = Queue::new(1);
        full.put_nowait("a").expect("room");
        assert_eq!(full.put_nowait("b").expect_err("no room").0, "b");
        let first = PriorityQueue::<i32>::new(0);
        first.shutdown(false);
        assert_eq!(raised(|| event_loop.block_on(first.get()) == 0), "QueueShutDown: the queue was shut down");
    });
}

#[test]
fn groups_runners_and_shields_in_the_wrong_place() {
    limited(|| {
        let event_loop = fresh_loop();
        let outside = event_loop.block_on(TaskGroup::run(async |group| group)).expect("it is empty");
        let finished = event_loop.block_on(async move { raised(|| outside.create_task(async {})) });
        assert_eq!(finished, "RuntimeError: TaskGroup <TaskGroup entered> is finished");
        let nested = event_loop.block_on(async { raised(|| Runner::new().run(async {})) });
        assert_eq!(nested, "RuntimeError: Runner.run() cannot be called from a running event loop");
        assert_eq!(raised(|| run(async { raised(|| run(async {})) }).len()), "nothing");
        let event_loop = fresh_loop();
        let ended = ensure_future(async { 1 });
        event_loop.block_on(sleep(0));
        assert!(!ended.cancel());
        assert_eq!(event_loop.run_until_complete(shield(ended)), 1);
    });
}

#[test]
fn a_group_reads_the_exceptions_of_its_tasks() {
    limited(|| {
        let (event_loop, reports) = reporting();
        let group = event_loop.block_on(TaskGroup::run(async |group| {
            drop(group.create_task(async { panic!("nobody else looks") }));
        }));
        assert_eq!(group.expect_err("it failed").exceptions()[0].message(), "nobody else looks");
        assert!(reports.borrow().is_empty(), "{reports:?}");
    });
}

#[test]
fn debug_mode_tells_of_slow_steps_and_forgotten_coroutines() {
    limited(|| {
        async fn forgotten() {}
        let (event_loop, reports) = reporting();
        drop(Coroutine::new(forgotten()));
        event_loop.block_on(async { std::thread::sleep(Duration::from_millis(1)) });
        assert!(!event_loop.get_debug() && reports.borrow().is_empty());
        event_loop.set_debug(true);
        event_loop.set_slow_callback_duration(0.02);
        assert!((event_loop.slow_callback_duration() - 0.02).abs() < 1e-9);
        drop(Coroutine::new(forgotten()));
        event_loop.run_until_complete(Coroutine::new(forgotten()));
        let taken = ensure_future(Coroutine::new(forgotten()));
        taken.cancel();
        event_loop.call_soon(|| std::thread::sleep(Duration::from_millis(25)));
        event_loop.run_until_complete(async { std::thread::sleep(Duration::from_millis(25)) });
        let reports = reports.borrow();
        let slow: Vec<_> = reports.iter().filter(|report| report.starts_with("Executing <")).collect();
        assert!(reports.contains(&"coroutine 'forgotten' was never awaited".to_owned()), "{reports:?}");
        assert_eq!(reports.iter().filter(|report| report.contains("never awaited")).count(), 1, "{reports:?}");
        assert!(slow.iter().any(|report| report.starts_with("Executing <Handle ")), "{reports:?}");
        assert!(slow.iter().any(|report| report.starts_with("Executing <Task ")), "{reports:?}");
    });
}
