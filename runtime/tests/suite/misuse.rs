//! What has no twin in Python: results that have moved, futures that borrow, loops that go away with their tasks.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use asyncio::{Task, catch_interrupt, ensure_future, get_event_loop, new_event_loop, set_event_loop, sleep};

use crate::harness::{fresh_loop, limited, raised};

#[test]
fn a_thread_that_is_not_the_main_one_has_no_loop_by_itself() {
    limited(|| {
        assert_eq!(raised(get_event_loop), "RuntimeError: There is no current event loop in thread 'test'.");
        assert_eq!(
            raised(|| ensure_future(async {})),
            "RuntimeError: There is no current event loop in thread 'test'."
        );
        fresh_loop();
        assert_eq!(raised(get_event_loop), "nothing");
        set_event_loop(None);
        assert_eq!(raised(get_event_loop), "RuntimeError: There is no current event loop in thread 'test'.");
    });
}

#[test]
fn a_result_moves_to_the_first_who_awaits() {
    limited(|| {
        let event_loop = fresh_loop();
        let mut task = ensure_future(async { "once".to_owned() });
        assert_eq!(event_loop.block_on(&mut task), "once");
        assert!(task.done());
        let message = "RuntimeError: cannot await a task twice: its result has been taken";
        assert_eq!(raised(|| event_loop.block_on(&mut task)), message);
        assert_eq!(raised(|| task.result().len()), "RuntimeError: the result of this task has been taken by an await");
    });
}

#[test]
fn a_task_that_awaits_itself_fails() {
    limited(|| {
        let event_loop = fresh_loop();
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let inside = Rc::clone(&slot);
        let task = ensure_future(async move {
            let myself = inside.take().expect("it was put there");
            myself.await;
        });
        task.set_name("snake");
        let watched = task.as_any();
        slot.replace(Some(task));
        event_loop.block_on(sleep(0));
        event_loop.block_on(sleep(0));
        let exception = watched.exception().expect("it failed");
        assert_eq!(exception.name(), "RuntimeError");
        assert!(exception.message().starts_with("Task cannot await on itself: <Task pending name='snake'"));
    });
}

#[test]
fn block_on_lends_the_callers_variables_and_drops_the_future_when_stopped() {
    limited(|| {
        let event_loop = fresh_loop();
        let counter = Cell::new(0);
        let text = event_loop.block_on(async {
            counter.set(counter.get() + 1);
            sleep(0.001).await;
            counter.set(counter.get() + 1);
            "lent"
        });
        assert_eq!((text, counter.get()), ("lent", 2));

        struct Bump<'a>(&'a Cell<i32>);
        impl Drop for Bump<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 10);
            }
        }
        event_loop.call_soon(|| get_event_loop().stop());
        let stopped = raised(|| {
            event_loop.block_on(async {
                let _bump = Bump(&counter);
                pending::<()>().await;
            });
        });
        assert_eq!(stopped, "RuntimeError: Event loop stopped before Future completed.");
        assert_eq!(counter.get(), 12);
        assert!(event_loop.all_tasks().is_empty());
        event_loop.block_on(sleep(0));
    });
}

#[test]
fn block_on_drops_a_borrowing_future_when_another_task_is_interrupted() {
    limited(|| {
        let event_loop = fresh_loop();
        let data = vec![1, 2, 3];
        drop(ensure_future(async {
            sleep(0).await;
            std::panic::resume_unwind(Box::new(asyncio::KeyboardInterrupt));
        }));
        let outcome = catch_interrupt(|| {
            event_loop.block_on(async {
                sleep(10).await;
                data.len()
            })
        });
        assert!(outcome.is_err());
        drop(data);
        event_loop.block_on(sleep(0));
    });
}

#[test]
fn dropping_a_loop_drops_its_tasks() {
    limited(|| {
        struct Bump(Rc<Cell<i32>>);
        impl Drop for Bump {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let dropped = Rc::new(Cell::new(0));
        let event_loop = fresh_loop();
        let bumps = [Bump(Rc::clone(&dropped)), Bump(Rc::clone(&dropped)), Bump(Rc::clone(&dropped))];
        let [sleeping, waiting, new] = bumps;
        let asleep = ensure_future(async move {
            let _bump = sleeping;
            sleep(10).await;
        });
        drop(ensure_future(async move {
            let _bump = waiting;
            asleep.await;
        }));
        event_loop.block_on(sleep(0));
        let started_never = ensure_future(async move { drop(new) });
        assert_eq!(dropped.get(), 0);
        drop(event_loop);
        set_event_loop(new_event_loop());
        assert_eq!(dropped.get(), 3);
        assert!(!started_never.done());
        assert!(started_never.cancel());
    });
}

#[test]
fn a_hand_written_future_is_woken_by_its_waker() {
    limited(|| {
        let event_loop = fresh_loop();
        let mut polls = 0;
        let result = event_loop.block_on(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 5 { Poll::Pending } else { Poll::Ready("woken") }
        }));
        assert_eq!((result, polls), ("woken", 5));
    });
}

#[test]
fn the_panic_of_a_task_carries_its_place() {
    limited(|| {
        let event_loop = fresh_loop();
        let task = ensure_future(async { panic!("here") });
        let line = line!() - 1;
        event_loop.block_on(sleep(0));
        let exception = task.exception().expect("it failed");
        let place = exception.location().expect("the hook noted it");
        assert!(place.contains("misuse.rs") && place.contains(&format!(":{line}:")), "{place}");
        assert_eq!(format!("{exception:?} {exception}"), "panic('here') panic: here");
    });
}
