//! What a program should not do, and what comes of it: as in Python where Python defines it.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use asyncio::{
    EventLoop, Report, ensure_future, get_event_loop, get_running_loop, new_event_loop, run, set_event_loop, sleep,
};

use crate::harness::{fresh_loop, limited, log, raised, transcript};

/// Writes reports into the transcript.
fn listen(event_loop: &EventLoop) {
    event_loop.set_exception_handler(Some(Rc::new(|report: &Report| log(format!("reported: {report}")))));
}

#[test]
fn any_delay_is_a_delay() {
    limited(|| {
        let event_loop = EventLoop::with_virtual_time();
        set_event_loop(&event_loop);
        for (name, delay) in [("soon", 0.0), ("nan", f64::NAN), ("negative", -1e300), ("never", f64::INFINITY)] {
            event_loop.call_later(delay, move || log(name));
            event_loop.call_at(delay, move || log(format!("at {name}")));
        }
        let for_ever = ensure_future(sleep(f64::MAX));
        let longest = ensure_future(sleep(u64::MAX));
        event_loop.block_on(sleep(1e9));
        assert_eq!(transcript(), "at soon\nat nan\nat negative\nsoon\nnan\nnegative\n");
        assert!(for_ever.cancel() && longest.cancel());
        event_loop.block_on(sleep(0));
        assert!(for_ever.cancelled() && longest.cancelled());
    });
}

#[test]
fn calls_in_the_past_come_in_the_order_of_their_times() {
    limited(|| {
        let event_loop = EventLoop::with_virtual_time();
        set_event_loop(&event_loop);
        event_loop.block_on(sleep(100));
        let now = event_loop.time();
        for ago in [1.0, 3.0, 2.0, 3.0, 0.0] {
            event_loop.call_at(now - ago, move || log(ago));
        }
        event_loop.block_on(async {});
        event_loop.block_on(async {});
        assert_eq!(transcript(), "3\n3\n2\n1\n0\n");
    });
}

#[test]
fn cancelling_what_has_ended_does_nothing() {
    limited(|| {
        let event_loop = fresh_loop();
        let mut task = ensure_future(async { 5 });
        let seen = task.as_any();
        event_loop.block_on(&mut task);
        assert!(!task.cancel() && !seen.cancel() && !task.cancelled());
        let timer = event_loop.call_later(0, || log("called"));
        event_loop.block_on(sleep(0.001));
        timer.cancel();
        timer.cancel();
        assert_eq!(transcript(), "called\n");
        assert!(timer.cancelled(), "as Python's says, which does not know that it was called");
    });
}

#[test]
fn a_done_callback_that_panics_is_reported_and_the_others_are_called() {
    limited(|| {
        let event_loop = fresh_loop();
        listen(&event_loop);
        let task = ensure_future(async {});
        task.add_done_callback(|| panic!("no"));
        task.add_done_callback(|| log("second"));
        event_loop.block_on(sleep(0));
        event_loop.block_on(sleep(0));
        let lines = transcript();
        assert!(lines.starts_with("reported: Exception in callback <closure>\n"), "{lines}");
        assert!(lines.ends_with("panic: no\nsecond\n"), "{lines}");
    });
}

#[test]
fn an_exception_handler_that_panics_does_not_stop_the_loop() {
    limited(|| {
        let event_loop = fresh_loop();
        event_loop.set_exception_handler(Some(Rc::new(|_| panic!("the handler itself"))));
        event_loop.call_soon(|| panic!("in the callback"));
        event_loop.call_soon(|| log("goes on"));
        event_loop.block_on(sleep(0));
        assert_eq!(transcript(), "goes on\n");
    });
}

#[test]
fn a_waker_that_outlives_its_task_or_its_loop_does_nothing() {
    limited(|| {
        let event_loop = fresh_loop();
        let kept: Rc<RefCell<Vec<Waker>>> = Rc::default();
        let keep = Rc::clone(&kept);
        let mut steps = 0;
        event_loop.block_on(poll_fn(move |cx| {
            keep.borrow_mut().push(cx.waker().clone());
            steps += 1;
            if steps < 2 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        // The next task lives where the first one did, and is not woken by its waker.
        let polls = Rc::new(RefCell::new(0));
        let count = Rc::clone(&polls);
        let task = ensure_future(poll_fn(move |_| {
            *count.borrow_mut() += 1;
            Poll::<()>::Pending
        }));
        event_loop.block_on(sleep(0));
        kept.borrow().iter().for_each(Waker::wake_by_ref);
        event_loop.block_on(sleep(0));
        assert_eq!(*polls.borrow(), 1);
        drop(task);
        event_loop.close();
        kept.borrow().iter().for_each(Waker::wake_by_ref);
        set_event_loop(None);
        drop(event_loop);
        kept.borrow().iter().for_each(Waker::wake_by_ref);
        let wakers = kept.take();
        std::thread::spawn(move || wakers.into_iter().for_each(Waker::wake)).join().expect("nobody is woken");
    });
}

#[test]
fn a_loop_cannot_be_run_inside_itself_or_another() {
    limited(|| {
        let event_loop = fresh_loop();
        let (inner, other) = (event_loop.clone(), new_event_loop());
        event_loop.block_on(async move {
            log(raised(|| inner.run_until_complete(async {})));
            log(raised(|| inner.run_forever()));
            log(raised(|| other.block_on(async {})));
            log(raised(|| run(async {})));
        });
        let expected = "RuntimeError: This event loop is already running\n\
                        RuntimeError: This event loop is already running\n\
                        RuntimeError: Cannot run the event loop while another loop is running\n\
                        RuntimeError: asyncio.run() cannot be called from a running event loop\n";
        assert_eq!(transcript(), expected);
        event_loop.block_on(async {});
    });
}

#[test]
fn tasks_that_are_lost_with_their_loop_are_reported_oldest_first_and_dropped() {
    limited(|| {
        struct Bell(&'static str);
        impl Drop for Bell {
            fn drop(&mut self) {
                log(format!("dropped {}", self.0));
            }
        }
        let event_loop = fresh_loop();
        listen(&event_loop);
        for name in ["one", "two", "three"] {
            let bell = Bell(name);
            let task = ensure_future(async move {
                let _bell = bell;
                pending::<()>().await;
            });
            task.set_name(name);
        }
        event_loop.block_on(sleep(0));
        set_event_loop(None);
        drop(event_loop);
        let line = |name| {
            let task = format!(
                "<Task pending name='{name}' coro=<tasks_that_are_lost_with_their_loop_are_reported_oldest_first_and_dropped()>>"
            );
            format!("reported: Task was destroyed but it is pending!\ntask: {task}\ndropped {name}\n")
        };
        assert_eq!(transcript(), ["one", "two", "three"].map(line).concat());
    });
}

/// Forks, and returns what `child` does there as the child's exit status: 0 when it returns true.
fn in_child(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child only runs `child`, whose memory is its own copy, and leaves by `_exit`. No other thread of this
    // process holds a lock that it needs for long enough to matter; the limit of the test would show it.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        // SAFETY: ends the process without running anything else.
        unsafe { libc::_exit(i32::from(!fine)) };
    }
    assert!(pid > 0, "the process can be forked");
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    assert!(libc::WIFEXITED(status), "the child ended by itself");
    libc::WEXITSTATUS(status)
}

#[test]
fn a_forked_child_has_no_running_loop_and_may_make_its_own() {
    limited(|| {
        let event_loop = fresh_loop();
        let parents = event_loop.clone();
        event_loop.block_on(async move {
            let status = in_child(|| {
                let refused = "RuntimeError: This event loop belongs to the parent process; make a new one";
                raised(get_running_loop) == "RuntimeError: no running event loop"
                    && raised(|| parents.run_forever()) == refused
                    && raised(|| run(async {})).starts_with("RuntimeError: This process was forked inside a coroutine")
                    && std::thread::spawn(|| run(async { sleep(0.001).await })).join().is_ok()
            });
            assert_eq!(status, 0);
            sleep(0.001).await;
            log("the parent goes on");
        });
        let status = in_child(|| {
            // This thread is the main one there, so a loop is made by itself.
            let made = get_event_loop();
            made.block_on(async {
                sleep(0.001).await;
                41 + 1
            }) == 42
        });
        assert_eq!(status, 0);
        event_loop.block_on(sleep(0.001));
        assert_eq!(transcript(), "the parent goes on\n");
    });
}
