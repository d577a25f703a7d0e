//! Context variables: who sees which value.

use std::cell::RefCell;
use std::rc::Rc;

use asyncio::{ContextVar, copy_context, ensure_future, gather, get_event_loop, sleep};

use crate::harness::{fresh_loop, limited, raised};

static USER: ContextVar<&str> = ContextVar::new("user");
static OTHER: ContextVar<&str> = ContextVar::new("other");

async fn user_later() -> Option<&'static str> {
    sleep(0).await;
    USER.get()
}

#[test]
fn a_task_has_the_values_of_the_moment_when_it_was_made() {
    limited(|| {
        let event_loop = fresh_loop();
        USER.set("outside");
        let made_before = ensure_future(user_later());
        USER.set("changed");
        let made_after = ensure_future(user_later());
        assert_eq!(event_loop.run_until_complete(made_before), Some("outside"));
        assert_eq!(event_loop.run_until_complete(made_after), Some("changed"));
    });
}

#[test]
fn what_a_task_sets_is_seen_by_its_children_and_by_nobody_else() {
    limited(|| {
        let event_loop = fresh_loop();
        let parent = async {
            USER.set("parent");
            let child = ensure_future(async {
                let inherited = USER.get();
                USER.set("child");
                sleep(0).await;
                (inherited, USER.get())
            });
            sleep(0).await;
            USER.set("parent again");
            (child.await, USER.get())
        };
        let stranger = async {
            sleep(0).await;
            sleep(0).await;
            USER.get()
        };
        let (seen, by_stranger) = event_loop.run_until_complete(gather!(parent, stranger));
        assert_eq!(seen, ((Some("parent"), Some("child")), Some("parent again")));
        assert_eq!((by_stranger, USER.get()), (None, None));
    });
}

#[test]
fn a_callback_runs_in_the_context_in_which_it_was_asked_for() {
    limited(|| {
        let event_loop = fresh_loop();
        let seen = Rc::new(RefCell::new(vec![]));
        let log = Rc::clone(&seen);
        event_loop.run_until_complete(async move {
            USER.set("first");
            for _ in 0..2 {
                let log = Rc::clone(&log);
                get_event_loop().call_soon(move || {
                    log.borrow_mut().push(USER.get());
                    USER.set("callback's own");
                });
            }
            let done = Rc::clone(&log);
            ensure_future(sleep(0)).add_done_callback(move || done.borrow_mut().push(USER.get()));
            USER.set("second");
            sleep(0.001).await;
            log.borrow_mut().push(USER.get());
        });
        assert_eq!(*seen.borrow(), [Some("first"), Some("first"), Some("first"), Some("second")]);
    });
}

#[test]
fn a_context_that_was_left_by_a_panic_keeps_its_values_and_is_not_the_current_one_any_more() {
    limited(|| {
        let mut context = copy_context();
        let raised = raised(|| {
            context.run(|| {
                USER.set("inside");
                panic!("out");
            })
        });
        assert_eq!((raised.as_str(), USER.get()), ("panic: out", None));
        assert_eq!(context.run(|| USER.get()), Some("inside"));
    });
}

#[test]
fn a_loop_that_runs_inside_a_context_gives_its_tasks_copies() {
    limited(|| {
        let event_loop = fresh_loop();
        let mut context = copy_context();
        let task = context.run(|| {
            USER.set("in context");
            let inside = event_loop.run_until_complete(async {
                let before = USER.get();
                USER.set("in task");
                before
            });
            assert_eq!((inside, USER.get()), (Some("in context"), Some("in context")));
            ensure_future(user_later())
        });
        assert_eq!(event_loop.run_until_complete(task), Some("in context"), "wherever it runs");
        assert_eq!(USER.get(), None);
    });
}

#[test]
fn a_token_gives_back_what_was_and_only_to_its_variable() {
    limited(|| {
        let token = USER.set("one");
        assert_eq!(token.old_value(), None);
        let again = USER.set("two");
        assert_eq!(again.old_value(), Some("one"));
        USER.reset(again);
        assert_eq!(USER.get(), Some("one"));
        assert_eq!(raised(|| OTHER.reset(token)), "ValueError: the token was created by a different ContextVar");
        assert_eq!((USER.get(), OTHER.get()), (Some("one"), None));
    });
}

#[test]
fn a_value_whose_destructor_reads_the_variable_does_no_harm() {
    #[derive(Clone)]
    struct Curious;
    impl Drop for Curious {
        fn drop(&mut self) {
            let _ = USER.get();
        }
    }
    static CURIOUS: ContextVar<Curious> = ContextVar::new("curious");
    limited(|| {
        let event_loop = fresh_loop();
        event_loop.run_until_complete(async {
            drop(CURIOUS.set(Curious));
            drop(CURIOUS.set(Curious));
            sleep(0).await;
        });
        CURIOUS.set(Curious);
        drop(copy_context());
    });
}
