//! Tasks as objects: results, exceptions, cancellation, names. Each scenario in Rust and in Python.

use std::rc::Rc;

use asyncio::{
    EventLoop, Report, Task, all_tasks, create_task, current_task, ensure_future, gather, get_running_loop, sleep,
};
use expect_test::expect;

use crate::harness::{log, raised};
use crate::scenario::{Scenario, check};

async fn say(name: &'static str) {
    log(name);
}

async fn boom() -> i32 {
    panic!("boom")
}

async fn wait_for(task: Task<()>) {
    task.await;
}

/// Says when it is dropped, as a `finally` does.
struct Finally(&'static str);

impl Drop for Finally {
    fn drop(&mut self) {
        log(format!("finally {}", self.0));
    }
}

async fn guarded(name: &'static str) {
    let _finally = Finally(name);
    log(format!("start {name}"));
    sleep(10).await;
}

fn listen(el: &EventLoop) {
    let handler = |report: &Report| {
        log(format!("reported: {}", report.message().split(" scenario").next().unwrap_or("")));
    };
    el.set_exception_handler(Some(Rc::new(handler)));
}

fn turns(el: &EventLoop, count: usize) {
    for _ in 0..count {
        el.stop();
        el.run_forever().expect("stopped");
    }
}

#[test]
fn tasks_are_as_written_down() {
    check(scenarios());
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = exceptions();
    all.extend(cancelling());
    all.extend(gathering());
    all.extend(looking());
    all
}

fn exceptions() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "nobody references a failed task: reported at once, before the next handle, in order",
            rust: |el| {
                listen(el);
                drop(ensure_future(boom()));
                drop(ensure_future(say("between")));
                drop(ensure_future(boom()));
                el.run_until_complete(say("main"));
            },
            python: r#"
                async def say(name): log(name)
                async def boom(): raise panic("boom")
                ensure_future(boom())
                ensure_future(say("between"))
                ensure_future(boom())
                loop.run_until_complete(say("main"))
            "#,
            expect: expect![[r#"
                reported: Task exception was never retrieved
                between
                reported: Task exception was never retrieved
                main
            "#]],
        },
        Scenario {
            name: "a referenced failure is silent until the last reference goes",
            rust: |el| {
                listen(el);
                let task = ensure_future(boom());
                el.run_until_complete(say("main"));
                log(task.done());
                log("dropping");
                drop(task);
                log("dropped");
            },
            python: r#"
                async def say(name): log(name)
                async def boom(): raise panic("boom")
                task = ensure_future(boom())
                loop.run_until_complete(say("main"))
                log(str(task.done()).lower())
                log("dropping")
                del task
                log("dropped")
            "#,
            expect: expect![[r#"
                main
                true
                dropping
                reported: Task exception was never retrieved
                dropped
            "#]],
        },
        Scenario {
            name: "an exception that was read is never reported",
            rust: |el| {
                listen(el);
                let read = ensure_future(boom());
                let result = ensure_future(boom());
                el.run_until_complete(say("main"));
                log(format!("{:?}", read.exception().expect("it failed")));
                log(raised(|| *result.result()));
                drop((read, result));
                log("end");
            },
            python: r#"
                async def say(name): log(name)
                async def boom(): raise panic("boom")
                read = ensure_future(boom())
                result = ensure_future(boom())
                loop.run_until_complete(say("main"))
                log(repr(read.exception()))
                log(raised(result.result))
                del read, result
                log("end")
            "#,
            expect: expect![[r#"
                main
                panic('boom')
                panic: boom
                end
            "#]],
        },
        Scenario {
            name: "an await raises the task's exception, also through several tasks",
            rust: |el| {
                listen(el);
                let inner = ensure_future(boom());
                let outer = ensure_future(async move { inner.await + 1 });
                log(raised(|| el.run_until_complete(outer)));
            },
            python: r#"
                async def boom(): raise panic("boom")
                inner = ensure_future(boom())
                async def add(): return await inner + 1
                outer = ensure_future(add())
                log(raised(loop.run_until_complete, outer))
            "#,
            expect: expect![[r#"
                panic: boom
            "#]],
        },
        Scenario {
            name: "results that are not there",
            rust: |el| {
                let task = ensure_future(sleep(10));
                log(raised(|| *task.result()));
                log(raised(|| task.exception()));
                let fine = ensure_future(async { 1 });
                el.run_until_complete(say("main"));
                log(fine.exception().is_none());
                task.cancel();
                turns(el, 1);
                log(raised(|| *task.result()));
                log(raised(|| task.exception()));
            },
            python: r#"
                async def say(name): log(name)
                async def one(): return 1
                task = ensure_future(sleep(10))
                log(raised(task.result))
                log(raised(task.exception))
                fine = ensure_future(one())
                loop.run_until_complete(say("main"))
                log(str(fine.exception() is None).lower())
                task.cancel()
                loop.stop(); loop.run_forever()
                log(raised(task.result))
                log(raised(task.exception))
            "#,
            expect: expect![[r#"
                InvalidStateError: Result is not set.
                InvalidStateError: Exception is not set.
                main
                true
                CancelledError: 
                CancelledError: 
            "#]],
        },
        Scenario {
            name: "a callback that fails is reported, and the loop goes on",
            rust: |el| {
                let handler =
                    |report: &Report| log(report.message().split(" asyncio").next().unwrap_or("")[..21].to_owned());
                el.set_exception_handler(Some(Rc::new(handler)));
                el.call_soon(|| panic!("oops"));
                el.call_soon(|| log("next"));
                el.run_until_complete(say("main"));
            },
            python: r#"
                async def say(name): log(name)
                def oops(): raise panic("oops")
                loop.set_exception_handler(lambda loop, context: log(context["message"][:21]))
                loop.call_soon(oops)
                loop.call_soon(log, "next")
                loop.run_until_complete(say("main"))
            "#,
            expect: expect![[r#"
                Exception in callback
                next
                main
            "#]],
        },
    ]
}

fn cancelling() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "a cancelled task is cancelled after its next turn, and cleans up",
            rust: |el| {
                let task = ensure_future(guarded("a"));
                turns(el, 1);
                log(format!("{} {} {}", task.cancel(), task.cancelled(), task.done()));
                turns(el, 2);
                log(format!("{} {} {}", task.cancel(), task.cancelled(), task.done()));
            },
            python: r#"
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                task = ensure_future(guarded("a"))
                def turns(n):
                    for _ in range(n):
                        loop.stop(); loop.run_forever()
                turns(1)
                log(f"{task.cancel()} {task.cancelled()} {task.done()}".lower())
                turns(2)
                log(f"{task.cancel()} {task.cancelled()} {task.done()}".lower())
            "#,
            expect: expect![[r#"
                start a
                true false false
                finally a
                false true true
            "#]],
        },
        Scenario {
            name: "cancelled before its first step, the body never runs",
            rust: |el| {
                let task = ensure_future(guarded("a"));
                log(task.cancel());
                drop(ensure_future(say("other")));
                turns(el, 1);
                log(task.cancelled());
            },
            python: r#"
                async def say(name): log(name)
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                task = ensure_future(guarded("a"))
                log(str(task.cancel()).lower())
                ensure_future(say("other"))
                loop.stop(); loop.run_forever()
                log(str(task.cancelled()).lower())
            "#,
            expect: expect![[r#"
                true
                other
                true
            "#]],
        },
        Scenario {
            name: "cancelling a waiter cancels what it waits for, the inner one first",
            rust: |el| {
                let inner = ensure_future(guarded("inner"));
                let watched = inner.as_any();
                let outer = ensure_future(async move {
                    let _finally = Finally("outer");
                    inner.await;
                });
                turns(el, 1);
                outer.cancel();
                for _ in 0..3 {
                    log(format!("inner {} outer {}", watched.cancelled(), outer.cancelled()));
                    turns(el, 1);
                }
                log(format!("inner {} outer {}", watched.cancelled(), outer.cancelled()));
            },
            python: r#"
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                inner = ensure_future(guarded("inner"))
                async def wait_for_it():
                    try:
                        await inner
                    finally:
                        log("finally outer")
                outer = ensure_future(wait_for_it())
                def turn(): loop.stop(); loop.run_forever()
                turn()
                outer.cancel()
                for _ in range(3):
                    log(f"inner {inner.cancelled()} outer {outer.cancelled()}".replace("T", "t").replace("F", "f"))
                    turn()
                log(f"inner {inner.cancelled()} outer {outer.cancelled()}".replace("T", "t").replace("F", "f"))
            "#,
            expect: expect![[r#"
                start inner
                inner false outer false
                finally inner
                inner true outer false
                finally outer
                inner true outer true
                inner true outer true
            "#]],
        },
        Scenario {
            name: "awaiting a cancelled task cancels the awaiter, unless it catches",
            rust: |el| {
                let a = ensure_future(sleep(10));
                let waiter = ensure_future(wait_for(a));
                let b = ensure_future(sleep(10));
                b.cancel();
                turns(el, 1);
                waiter.cancel();
                log(raised(|| el.run_until_complete(b)));
                log(waiter.cancelled());
                turns(el, 3);
                log(waiter.cancelled());
            },
            python: r#"
                a = ensure_future(sleep(10))
                async def wait_for_it(): await a
                waiter = ensure_future(wait_for_it())
                b = ensure_future(sleep(10))
                b.cancel()
                def turns(n):
                    for _ in range(n):
                        loop.stop(); loop.run_forever()
                turns(1)
                waiter.cancel()
                log(raised(loop.run_until_complete, b))
                log(str(waiter.cancelled()).lower())
                turns(3)
                log(str(waiter.cancelled()).lower())
            "#,
            expect: expect![[r#"
                CancelledError: 
                false
                true
            "#]],
        },
        Scenario {
            name: "a task that cancels itself is cancelled at its next await, or at its end",
            rust: |el| {
                let awaits = ensure_future(async {
                    current_task().expect("a task").cancel();
                    log("awaits: before");
                    sleep(0).await;
                    log("never");
                });
                let ends = ensure_future(async {
                    current_task().expect("a task").cancel();
                    log("ends");
                });
                turns(el, 1);
                log(format!("{} {}", awaits.cancelled(), ends.cancelled()));
                turns(el, 1);
                log(format!("{} {}", awaits.cancelled(), ends.cancelled()));
            },
            python: r#"
                async def one():
                    current_task().cancel()
                    log("awaits: before")
                    await sleep(0)
                    log("never")
                async def two():
                    current_task().cancel()
                    log("ends")
                awaits = ensure_future(one())
                ends = ensure_future(two())
                def turn(): loop.stop(); loop.run_forever()
                turn()
                log(f"{awaits.cancelled()} {ends.cancelled()}".lower())
                turn()
                log(f"{awaits.cancelled()} {ends.cancelled()}".lower())
            "#,
            expect: expect![[r#"
                awaits: before
                ends
                false true
                true true
            "#]],
        },
    ]
}

fn gathering() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "gather: the first exception comes at once, siblings go on, a second is not reported",
            rust: |el| {
                listen(el);
                async fn fail(seconds: f64) {
                    sleep(seconds).await;
                    log("failing");
                    panic!("after {seconds}");
                }
                async fn fine() {
                    sleep(0.03).await;
                    log("sibling");
                }
                log(raised(|| el.run_until_complete(gather!(fail(0.02), fail(0.01), fine()))));
                el.run_until_complete(sleep(0.04));
            },
            python: r#"
                async def fail(seconds):
                    await sleep(seconds)
                    log("failing")
                    raise panic(f"after {seconds}")
                async def fine():
                    await sleep(0.03)
                    log("sibling")
                async def main(): pass
                g = gather(fail(0.02), fail(0.01), fine())
                log(raised(loop.run_until_complete, g))
                loop.run_until_complete(sleep(0.04))
            "#,
            expect: expect![[r#"
                failing
                panic: after 0.01
                failing
                sibling
            "#]],
        },
        Scenario {
            name: "cancelling a gathering cancels its children in order",
            rust: |el| {
                let together = gather([guarded("a"), guarded("b")]);
                turns(el, 1);
                log(together.cancel());
                log(raised(|| el.run_until_complete(together)));
            },
            python: r#"
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                together = gather(guarded("a"), guarded("b"))
                loop.stop(); loop.run_forever()
                log(str(together.cancel()).lower())
                log(raised(loop.run_until_complete, together))
            "#,
            expect: expect![[r#"
                start a
                start b
                true
                finally a
                finally b
                CancelledError: 
            "#]],
        },
        Scenario {
            name: "cancelling a task that awaits a gathering cancels the children",
            rust: |el| {
                let outer = ensure_future(async {
                    let _finally = Finally("outer");
                    gather!(guarded("a"), guarded("b")).await;
                });
                turns(el, 3);
                outer.cancel();
                log(raised(|| el.run_until_complete(outer)));
            },
            python: r#"
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                async def main():
                    try:
                        await gather(guarded("a"), guarded("b"))
                    finally:
                        log("finally outer")
                outer = ensure_future(main())
                for _ in range(3):
                    loop.stop(); loop.run_forever()
                outer.cancel()
                log(raised(loop.run_until_complete, outer))
            "#,
            expect: expect![[r#"
                start a
                start b
                finally a
                finally b
                finally outer
                CancelledError: 
            "#]],
        },
        Scenario {
            name: "a cancelled child cancels the awaiter of the gathering, siblings go on",
            rust: |el| {
                let child = ensure_future(guarded("child"));
                let handle = child.as_any();
                el.call_later(0.01, move || {
                    handle.cancel();
                });
                let sibling = ensure_future(async {
                    sleep(0.02).await;
                    log("sibling");
                });
                log(raised(|| el.run_until_complete(gather!(child, sibling))));
                el.run_until_complete(sleep(0.03));
            },
            python: r#"
                async def guarded(name):
                    try:
                        log(f"start {name}")
                        await sleep(10)
                    finally:
                        log(f"finally {name}")
                async def other():
                    await sleep(0.02)
                    log("sibling")
                child = ensure_future(guarded("child"))
                loop.call_later(0.01, child.cancel)
                sibling = ensure_future(other())
                log(raised(loop.run_until_complete, gather(child, sibling)))
                loop.run_until_complete(sleep(0.03))
            "#,
            expect: expect![[r#"
                start child
                finally child
                CancelledError: 
                sibling
            "#]],
        },
    ]
}

fn looking() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "names, and how tasks are written",
            rust: |el| {
                let fine: Task<i32> = ensure_future(async { 3 });
                let failed = ensure_future(boom());
                let gone = ensure_future(sleep(10));
                fine.set_name("fine");
                failed.set_name("failed");
                gone.set_name("gone");
                log(format!("{} {}", fine.get_name(), failed.done()));
                log(format!("{gone:?}").split(" coro=").next().unwrap_or("").to_owned());
                gone.cancel();
                turns(el, 1);
                log(format!("{fine:?}").split(" coro=").next().unwrap_or("").to_owned());
                log(format!("{fine:?}").split(" result=").nth(1).unwrap_or("").to_owned());
                log(format!("{failed:?}").split(" exception=").nth(1).unwrap_or("").to_owned());
                log(format!("{gone:?}").split(" coro=").next().unwrap_or("").to_owned());
                log(failed.exception().is_some());
            },
            python: r#"
                async def three(): return 3
                async def boom(): raise panic("boom")
                fine = ensure_future(three())
                failed = ensure_future(boom())
                gone = ensure_future(sleep(10))
                fine.set_name("fine"); failed.set_name("failed"); gone.set_name("gone")
                log(f"{fine.get_name()} {str(failed.done()).lower()}")
                log(repr(gone).split(" coro=")[0])
                gone.cancel()
                loop.stop(); loop.run_forever()
                log(repr(fine).split(" coro=")[0])
                log(repr(fine).split(" result=")[1])
                log(repr(failed).split(" exception=")[1])
                log(repr(gone).split(" coro=")[0])
                log(str(failed.exception() is not None).lower())
            "#,
            expect: expect![[r#"
                fine false
                <Task pending name='gone'
                <Task finished name='fine'
                3>
                panic('boom')>
                <Task cancelled name='gone'
                true
            "#]],
        },
        Scenario {
            name: "the current task and all tasks",
            rust: |el| {
                log(raised(all_tasks));
                log(raised(|| get_running_loop()));
                log(raised(|| create_task(async {})));
                let a = ensure_future(sleep(10));
                a.set_name("a");
                el.call_soon(|| log(current_task().is_none()));
                let main = ensure_future(async {
                    let b = create_task(sleep(10));
                    b.set_name("b");
                    log(current_task().expect("a task").name());
                    let names: Vec<_> = all_tasks().iter().map(|task| task.name()).collect();
                    log(names.join(" "));
                });
                main.set_name("main");
                el.run_until_complete(main);
                log(el.all_tasks().len());
            },
            python: r#"
                async def nothing(): pass
                log(raised(all_tasks))
                log(raised(get_running_loop))
                log(raised(create_task, nothing()))
                a = ensure_future(sleep(10))
                a.set_name("a")
                loop.call_soon(lambda: log(str(current_task() is None).lower()))
                async def body():
                    global b
                    b = create_task(sleep(10))
                    b.set_name("b")
                    log(current_task().get_name())
                    order = ["a", "main", "b"]
                    log(" ".join(sorted((t.get_name() for t in all_tasks()), key=order.index)))
                main = ensure_future(body())
                main.set_name("main")
                loop.run_until_complete(main)
                log(len(all_tasks(loop)))
            "#,
            expect: expect![[r#"
                RuntimeError: no running event loop
                RuntimeError: no running event loop
                RuntimeError: no running event loop
                true
                main
                a main b
                2
            "#]],
        },
    ]
}
