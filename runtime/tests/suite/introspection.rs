//! What can be seen of tasks from outside: what each awaits, where, and who awaits it.

use std::cell::RefCell;
use std::rc::Rc;

use asyncio::{
    Barrier, Condition, Event, EventLoop, Lock, Queue, Semaphore, TaskGroup, TaskInfo, TaskState, as_completed,
    ensure_future, finally, gather, set_event_loop, shield, sleep, timeout, to_thread, wait, wait_for,
};

/// A loop in virtual time, the current one.
fn virtual_loop() -> EventLoop {
    let event_loop = EventLoop::with_virtual_time();
    set_event_loop(&event_loop);
    event_loop
}

/// What the tasks are doing after half a second.
fn after_half_a_second(event_loop: &EventLoop) -> Vec<TaskInfo> {
    event_loop.run_until_complete(sleep(0.5));
    event_loop.inspect_tasks()
}

/// What the first task, which runs `coroutine`, awaits after half a second, with the names of tasks counted from `a`.
#[track_caller]
fn check<F: Future<Output = ()> + 'static>(coroutine: F, expected: &str) {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(coroutine);
    let tasks = after_half_a_second(&event_loop);
    let mut awaits = tasks[0].awaits.clone().unwrap_or_default();
    for (task, letter) in tasks.iter().zip('a'..) {
        awaits = awaits.replace(&task.name, &letter.to_string());
    }
    assert_eq!(awaits, expected);
    assert_eq!((tasks[0].state, tasks[0].since), (TaskState::Waiting, 0.5));
    let place = tasks[0].place.clone().unwrap_or_default();
    assert!(place.starts_with(file!()), "{place} is not a place of the user's");
    drop(task);
}

#[test]
fn what_a_task_awaits_is_known() {
    check(async { sleep(2).await }, "sleep, 1.500 s left");
    check(
        async {
            let _ = Queue::<i32>::new(0).get().await;
        },
        "Queue.get",
    );
    check(
        async {
            let _ = Queue::<i32>::new(0).next().await;
        },
        "Queue.get",
    );
    check(
        async {
            let queue = Queue::new(1);
            queue.put(1).await;
            queue.put(2).await;
        },
        "Queue.put",
    );
    check(
        async {
            let queue = Queue::new(1);
            queue.put(1).await;
            queue.join().await;
        },
        "Queue.join",
    );
    check(
        async {
            let lock = Lock::new();
            lock.acquire().await.forget();
            drop(lock.acquire().await);
        },
        "Lock.acquire",
    );
    check(async { drop(Semaphore::new(0).acquire().await) }, "Semaphore.acquire");
    check(async { Event::new().wait().await }, "Event.wait");
    check(
        async {
            let _ = Barrier::new(2).wait().await;
        },
        "Barrier.wait",
    );
    check(
        async {
            let news = Condition::new();
            let _guard = news.acquire().await;
            news.wait().await;
        },
        "Condition.wait",
    );
    check(async { asyncio::Future::<()>().await }, "a future");
}

#[test]
fn what_tasks_await_together_is_known_by_name() {
    check(async { ensure_future(sleep(2)).await }, "b");
    check(async { drop(gather([sleep(2), sleep(3)]).await) }, "gather of b, c");
    check(async { drop(gather((0..7).map(|_| sleep(2))).await) }, "gather of b, c, d, e and 3 more");
    check(async { shield(sleep(2)).await }, "shield of b");
    check(
        async {
            let _ = wait_for(sleep(2), 3).await;
        },
        "wait_for of b",
    );
    check(async { drop(wait([ensure_future(sleep(2))]).await) }, "wait of b");
    check(
        async {
            let _ = as_completed([sleep(2), sleep(3)]).next().await;
        },
        "as_completed of b, c",
    );
    check(
        async {
            let group = TaskGroup::run(async |group| {
                group.create_task(sleep(2));
            });
            group.await.expect("it ends well");
        },
        "TaskGroup of b",
    );
}

#[test]
fn what_is_awaited_within_a_limit_or_a_scope_is_seen_through_it() {
    check(async { timeout(3, sleep(2)).await.expect("in time") }, "sleep, 1.500 s left");
    check(async { timeout(3, Event::new().wait()).await.expect("in time") }, "Event.wait");
    check(async { finally(sleep(2), async {}).await }, "sleep, 1.500 s left");
    check(async { timeout(3, ensure_future(sleep(2))).await.expect("in time") }, "b");
}

#[test]
fn a_thread_at_work_is_known() {
    let event_loop = asyncio::new_event_loop();
    set_event_loop(&event_loop);
    let (done, work) = std::sync::mpsc::channel::<()>();
    let task = event_loop.create_task(to_thread(move || work.recv().is_err()));
    event_loop.run_until_complete(sleep(0));
    assert_eq!(event_loop.inspect_tasks()[0].awaits.as_deref(), Some("a thread"));
    drop(done);
    event_loop.run_until_complete(task);
}

#[test]
fn nothing_is_said_of_an_earlier_wait() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async {
        sleep(0.1).await;
        std::future::pending::<()>().await;
    });
    let tasks = after_half_a_second(&event_loop);
    assert_eq!((tasks[0].awaits.as_deref(), &tasks[0].place), (Some("another future"), &None));
    assert!((tasks[0].since - 0.4).abs() < 1e-9);
    drop(task);
}

#[test]
fn the_state_of_a_task_is_known() {
    let event_loop = virtual_loop();
    let sleeper = event_loop.create_task(sleep(10));
    event_loop.run_until_complete(sleep(0));
    sleeper.cancel();
    let fresh = event_loop.create_task(async { asyncio::get_event_loop().inspect_tasks() });
    let states = |tasks: &[TaskInfo]| tasks.iter().map(|task| task.state).collect::<Vec<_>>();
    assert_eq!(states(&event_loop.inspect_tasks()), [TaskState::Cancelling, TaskState::Ready]);
    let seen = event_loop.run_until_complete(fresh);
    assert_eq!(states(&seen), [TaskState::Running]);
}

#[test]
fn who_awaits_whom_is_known_from_both_ends() {
    let event_loop = virtual_loop();
    let inner = event_loop.create_task(sleep(2));
    inner.set_name("inner");
    let both = event_loop.create_task(async move {
        let _ = wait_for(gather!(inner, sleep(3)), 5).await;
    });
    both.set_name("both");
    let tasks = after_half_a_second(&event_loop);
    // `wait_for` makes no task of a gathering; it awaits it itself.
    assert_eq!(tasks[0].awaited_by, ["both"], "{tasks:?}");
    assert_eq!(tasks[2].awaited_by, ["both"], "{tasks:?}");
}

#[test]
fn the_call_graph_has_the_form_of_pythons() {
    let event_loop = virtual_loop();
    async fn leaf() -> String {
        asyncio::format_call_graph()
    }
    async fn branch() -> String {
        let task = ensure_future(leaf());
        task.set_name("leaf");
        task.await
    }
    let branch = event_loop.create_task(branch());
    branch.set_name("branch");
    let graph = event_loop.run_until_complete(branch);
    let here = file!();
    let graph: Vec<_> = graph.lines().map(|line| line.split(", line").next().unwrap_or(line).to_owned()).collect();
    assert_eq!(
        graph,
        [
            "* Task(name='leaf')",
            "  + Call stack:",
            &format!("  |   File '{here}'"),
            "  |   async leaf()",
            "  + Awaited by:",
            "    * Task(name='branch')",
            "      + Call stack:",
            &format!("      |   File '{here}'"),
            "      |   async branch()",
        ]
    );
}

#[test]
fn two_tasks_that_await_each_other_have_a_finite_graph() {
    let event_loop = virtual_loop();
    let (first, second) = (asyncio::Future::<()>(), Rc::new(RefCell::new(None)));
    let other = Rc::clone(&second);
    let one = event_loop.create_task(async move {
        let task: asyncio::Task<()> = other.borrow_mut().take().expect("it was put there");
        task.await;
        first.set_result(());
    });
    one.set_name("one");
    let one_too = one.as_any();
    let two = event_loop.create_task(async move { drop(wait([&one]).await) });
    two.set_name("two");
    second.replace(Some(two));
    event_loop.run_until_complete(sleep(0.5));
    let graph = one_too.call_graph().to_string();
    assert_eq!(graph.matches("Task(name='one')").count(), 2, "{graph}");
    assert_eq!(graph.matches("Task(name='two')").count(), 1, "{graph}");
    assert!(graph.contains("awaiting wait of one"), "{graph}");
}

#[test]
fn a_future_that_is_no_task_has_awaiters_too() {
    let event_loop = virtual_loop();
    let future = asyncio::Future::<i32>();
    let awaited = future.clone();
    let task = event_loop.create_task(async move { timeout(5, awaited).await });
    task.set_name("awaiter");
    event_loop.run_until_complete(sleep(0.5));
    let graph = future.call_graph();
    assert_eq!(graph.awaited_by.iter().map(|graph| graph.future.name()).collect::<Vec<_>>(), ["awaiter"]);
    assert!(graph.to_string().starts_with("* Future()\n  + Awaited by:\n    * Task(name='awaiter')"));
    future.set_result(1);
    assert_eq!(event_loop.run_until_complete(task), Ok(1));
}
