//! Who runs when: starting, yielding, waiting, timers. Each scenario in Rust and in Python.

use asyncio::{EventLoop, Task, ensure_future, gather, get_event_loop, sleep};
use expect_test::expect;

use crate::harness::{block, log};
use crate::scenario::{Scenario, check};

async fn say(name: &'static str) {
    log(name);
}

async fn rounds(name: &'static str, count: usize) {
    for i in 0..count {
        log(format!("{name}{i}"));
        sleep(0).await;
    }
}

async fn nap(name: &'static str, seconds: f64) -> &'static str {
    sleep(seconds).await;
    log(name);
    name
}

#[test]
fn order_is_as_written_down() {
    check(scenarios());
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = starting();
    all.extend(waiting());
    all.extend(timers());
    all
}

fn starting() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "tasks start in the order of ensure_future, the awaited coroutine last",
            rust: |el| {
                drop(ensure_future(say("a")));
                drop(ensure_future(say("b")));
                el.run_until_complete(say("main"));
            },
            python: r#"
                async def say(name): log(name)
                ensure_future(say("a")); ensure_future(say("b"))
                loop.run_until_complete(say("main"))
            "#,
            expect: expect![[r#"
                a
                b
                main
            "#]],
        },
        Scenario {
            name: "a child starts when its parent suspends, before the parent resumes",
            rust: |el| {
                el.run_until_complete(async {
                    let child = ensure_future(say("child"));
                    log("forked");
                    sleep(0).await;
                    log("resumed");
                    child.await;
                });
            },
            python: r#"
                async def say(name): log(name)
                async def main():
                    child = ensure_future(say("child"))
                    log("forked")
                    await sleep(0)
                    log("resumed")
                    await child
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                forked
                child
                resumed
            "#]],
        },
        Scenario {
            name: "sleep(0) is round robin",
            rust: |el| {
                drop(ensure_future(rounds("a", 2)));
                drop(ensure_future(rounds("b", 2)));
                el.run_until_complete(rounds("c", 2));
            },
            python: r#"
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                ensure_future(rounds("a", 2)); ensure_future(rounds("b", 2))
                loop.run_until_complete(rounds("c", 2))
            "#,
            expect: expect![[r#"
                a0
                b0
                c0
                a1
                b1
                c1
            "#]],
        },
        Scenario {
            name: "a negative sleep is sleep(0)",
            rust: |el| {
                drop(ensure_future(async {
                    log("a");
                    sleep(-1).await;
                    log("A");
                    sleep(-0.5).await;
                    log("AA");
                }));
                el.run_until_complete(rounds("b", 3));
            },
            python: r#"
                async def a():
                    log("a")
                    await sleep(-1)
                    log("A")
                    await sleep(-0.5)
                    log("AA")
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                ensure_future(a())
                loop.run_until_complete(rounds("b", 3))
            "#,
            expect: expect![[r#"
                a
                b0
                A
                b1
                AA
                b2
            "#]],
        },
        Scenario {
            name: "call_soon and tasks share one queue",
            rust: |el| {
                el.call_soon(|| log("first"));
                drop(ensure_future(say("task")));
                let gone = el.call_soon(|| log("never"));
                el.call_soon(|| {
                    log("second");
                    get_event_loop().call_soon(|| log("next turn"));
                });
                gone.cancel();
                el.run_until_complete(rounds("main", 2));
            },
            python: r#"
                async def say(name): log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                loop.call_soon(log, "first")
                ensure_future(say("task"))
                gone = loop.call_soon(log, "never")
                def second():
                    log("second")
                    get_event_loop().call_soon(log, "next turn")
                loop.call_soon(second)
                gone.cancel()
                loop.run_until_complete(rounds("main", 2))
            "#,
            expect: expect![[r#"
                first
                task
                second
                main0
                next turn
                main1
            "#]],
        },
        Scenario {
            name: "ensure_future of a task is that task",
            rust: |el| {
                let task = ensure_future(nap("once", 0.01));
                let same = ensure_future(task);
                log(el.run_until_complete(same));
            },
            python: r#"
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                    return name
                task = ensure_future(nap("once", 0.01))
                same = ensure_future(task)
                log(loop.run_until_complete(same))
            "#,
            expect: expect![[r#"
                once
                once
            "#]],
        },
    ]
}

fn waiting() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "awaiting a coroutine that does not suspend gives no turn away",
            rust: |el| {
                drop(ensure_future(rounds("other", 2)));
                el.run_until_complete(async {
                    log("before");
                    say("inside").await;
                    log("after");
                });
            },
            python: r#"
                async def say(name): log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                async def main():
                    log("before")
                    await say("inside")
                    log("after")
                ensure_future(rounds("other", 2))
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                other0
                before
                inside
                after
                other1
            "#]],
        },
        Scenario {
            name: "awaiting a finished task gives no turn away",
            rust: |el| {
                let done = ensure_future(say("done"));
                el.run_until_complete(async {
                    let other = ensure_future(rounds("other", 3));
                    sleep(0).await;
                    log("before");
                    done.await;
                    log("after");
                    other.await;
                });
            },
            python: r#"
                async def say(name): log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                done = ensure_future(say("done"))
                async def main():
                    other = ensure_future(rounds("other", 3))
                    await sleep(0)
                    log("before")
                    await done
                    log("after")
                    await other
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                done
                other0
                before
                after
                other1
                other2
            "#]],
        },
        Scenario {
            name: "the waiter resumes in the turn after the task ended",
            rust: |el| {
                drop(ensure_future(rounds("tick", 6)));
                el.run_until_complete(async {
                    let child = ensure_future(async {
                        sleep(0).await;
                        log("child ends");
                        7
                    });
                    log(child.await);
                });
            },
            python: r#"
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                async def child():
                    await sleep(0)
                    log("child ends")
                    return 7
                async def main():
                    log(await ensure_future(child()))
                ensure_future(rounds("tick", 6))
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                tick0
                tick1
                tick2
                child ends
                tick3
                7
                tick4
            "#]],
        },
        Scenario {
            name: "a chain of waiters takes one turn per link",
            rust: |el| {
                drop(ensure_future(rounds("tick", 8)));
                el.run_until_complete(async {
                    let c = ensure_future(async {
                        sleep(0).await;
                        log("c");
                    });
                    let b = ensure_future(async {
                        c.await;
                        log("b");
                    });
                    let a = ensure_future(async {
                        b.await;
                        log("a");
                    });
                    a.await;
                    log("main");
                });
            },
            python: r#"
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                async def late(name):
                    await sleep(0)
                    log(name)
                async def after(task, name):
                    await task
                    log(name)
                async def main():
                    c = ensure_future(late("c"))
                    b = ensure_future(after(c, "b"))
                    a = ensure_future(after(b, "a"))
                    await a
                    log("main")
                ensure_future(rounds("tick", 8))
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                tick0
                tick1
                tick2
                c
                tick3
                b
                tick4
                a
                tick5
                main
                tick6
            "#]],
        },
        Scenario {
            name: "done callbacks are called one turn later, first come first served",
            rust: |el| {
                let task = ensure_future(say("task"));
                task.add_done_callback(|| log("one"));
                task.add_done_callback(|| log("two"));
                drop(ensure_future(rounds("tick", 3)));
                el.run_until_complete(task);
                log("returned");
            },
            python: r#"
                async def say(name): log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                task = ensure_future(say("task"))
                task.add_done_callback(lambda _: log("one"))
                task.add_done_callback(lambda _: log("two"))
                ensure_future(rounds("tick", 3))
                loop.run_until_complete(task)
                log("returned")
            "#,
            expect: expect![[r#"
                task
                tick0
                one
                two
                tick1
                returned
            "#]],
        },
        Scenario {
            name: "a done callback of an ended task is called in the next turn",
            rust: |el| {
                let task = ensure_future(say("task"));
                el.run_until_complete(async move {
                    sleep(0).await;
                    task.add_done_callback(|| log("late"));
                    log("added");
                    sleep(0).await;
                    log("main");
                });
            },
            python: r#"
                async def say(name): log(name)
                task = ensure_future(say("task"))
                async def main():
                    await sleep(0)
                    task.add_done_callback(lambda _: log("late"))
                    log("added")
                    await sleep(0)
                    log("main")
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                task
                added
                late
                main
            "#]],
        },
        Scenario {
            name: "callbacks and waiters are told in the order they came",
            rust: |el| {
                let task = ensure_future(nap("slept", 0.01));
                task.add_done_callback(|| log("callback before"));
                let waiter = ensure_future(async move {
                    task.await;
                    log("waiter");
                });
                el.run_until_complete(waiter);
            },
            python: r#"
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                async def wait_for_it(task):
                    await task
                    log("waiter")
                task = ensure_future(nap("slept", 0.01))
                task.add_done_callback(lambda _: log("callback before"))
                loop.run_until_complete(ensure_future(wait_for_it(task)))
            "#,
            expect: expect![[r#"
                slept
                callback before
                waiter
            "#]],
        },
        Scenario {
            name: "gather starts and returns in argument order",
            rust: |el| {
                let names = el.run_until_complete(gather([nap("slow", 0.04), nap("quick", 0.01), nap("middle", 0.02)]));
                log(names.join(" "));
            },
            python: r#"
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                    return name
                names = loop.run_until_complete(gather(nap("slow", 0.04), nap("quick", 0.01), nap("middle", 0.02)))
                log(" ".join(names))
            "#,
            expect: expect![[r#"
                quick
                middle
                slow
                slow quick middle
            "#]],
        },
        Scenario {
            name: "gather of different types is a tuple",
            rust: |el| {
                let (number, text) = el.run_until_complete(async {
                    let one = async { 1 };
                    gather!(one, nap("two", 0.01)).await
                });
                log(format!("{number} {text}"));
            },
            python: r#"
                async def one(): return 1
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                    return name
                async def main():
                    return await gather(one(), nap("two", 0.01))
                number, text = loop.run_until_complete(main())
                log(f"{number} {text}")
            "#,
            expect: expect![[r#"
                two
                1 two
            "#]],
        },
        Scenario {
            name: "the empty gather is an empty list",
            rust: |el| {
                let nothing = el.run_until_complete(gather(Vec::<Task<i32>>::new()));
                log(nothing.len());
            },
            python: r#"
                async def main(): return await gather()
                log(len(loop.run_until_complete(main())))
            "#,
            expect: expect![[r#"
                0
            "#]],
        },
        Scenario {
            name: "the waiter of a gathering resumes two turns after the last child",
            rust: |el| {
                drop(ensure_future(rounds("tick", 6)));
                el.run_until_complete(async {
                    gather!(say("x"), say("y")).await;
                    log("gathered");
                });
            },
            python: r#"
                async def say(name): log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                async def main():
                    await gather(say("x"), say("y"))
                    log("gathered")
                ensure_future(rounds("tick", 6))
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                tick0
                tick1
                x
                y
                tick2
                tick3
                gathered
                tick4
            "#]],
        },
        Scenario {
            name: "a gathering is scheduled when it is made",
            rust: |el| {
                el.run_until_complete(async {
                    let together = gather([say("x"), say("y")]);
                    log("made");
                    sleep(0).await;
                    log("awaiting");
                    together.await;
                });
            },
            python: r#"
                async def say(name): log(name)
                async def main():
                    together = gather(say("x"), say("y"))
                    log("made")
                    await sleep(0)
                    log("awaiting")
                    await together
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                made
                x
                y
                awaiting
            "#]],
        },
    ]
}

fn dots_and_crosses(el: &EventLoop, gives_turns_away: bool) {
    let dots = async {
        for _ in 0..10 {
            log(".");
            sleep(0.05).await;
        }
    };
    let crosses = async move {
        for _ in 0..10 {
            log("x");
            block(0.05);
            if gives_turns_away {
                sleep(0).await;
            }
        }
    };
    el.run_until_complete(gather!(dots, crosses));
}

fn timers() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "equal sleeps started in order end in order",
            rust: |el| {
                el.run_until_complete(gather([nap("a", 0.02), nap("b", 0.02), nap("c", 0.02)]));
            },
            python: r#"
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                loop.run_until_complete(gather(nap("a", 0.02), nap("b", 0.02), nap("c", 0.02)))
            "#,
            expect: expect![[r#"
                a
                b
                c
            "#]],
        },
        Scenario {
            name: "late timers come by deadline, all in one turn",
            rust: |el| {
                let sleepers = gather([nap("30", 0.03), nap("10", 0.01), nap("20", 0.02)]);
                el.run_until_complete(async {
                    sleep(0).await;
                    block(0.05);
                    log("late");
                    rounds("tick", 4).await;
                    sleepers.await;
                });
            },
            python: r#"
                async def nap(name, seconds):
                    await sleep(seconds)
                    log(name)
                async def rounds(name, count):
                    for i in range(count):
                        log(f"{name}{i}")
                        await sleep(0)
                sleepers = gather(nap("30", 0.03), nap("10", 0.01), nap("20", 0.02))
                async def main():
                    await sleep(0)
                    block(0.05)
                    log("late")
                    await rounds("tick", 4)
                    await sleepers
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                late
                tick0
                tick1
                tick2
                10
                20
                30
                tick3
            "#]],
        },
        Scenario {
            name: "in one turn: what was ready, then due timers",
            rust: |el| {
                el.call_later(0.02, || log("timer 20"));
                el.call_later(0.01, || log("timer 10"));
                el.call_soon(|| {
                    log("blocking");
                    block(0.03);
                    get_event_loop().call_soon(|| log("ready"));
                    get_event_loop().call_soon(|| get_event_loop().stop());
                });
                el.run_forever().expect("stopped");
            },
            python: r#"
                loop.call_later(0.02, log, "timer 20")
                loop.call_later(0.01, log, "timer 10")
                def work():
                    log("blocking")
                    block(0.03)
                    loop.call_soon(log, "ready")
                    loop.call_soon(loop.stop)
                loop.call_soon(work)
                loop.run_forever()
            "#,
            expect: expect![[r#"
                blocking
                ready
                timer 10
                timer 20
            "#]],
        },
        Scenario {
            name: "call_later, call_at and their cancellation",
            rust: |el| {
                let now = el.time();
                el.call_at(now + 0.02, || log("at 20"));
                el.call_later(0.01, || log("later 10"));
                let gone = el.call_later(0.005, || log("never"));
                el.call_later(0, || log("later 0"));
                gone.cancel();
                log(gone.cancelled());
                el.run_until_complete(sleep(0.04));
            },
            python: r#"
                now = loop.time()
                loop.call_at(now + 0.02, log, "at 20")
                loop.call_later(0.01, log, "later 10")
                gone = loop.call_later(0.005, log, "never")
                loop.call_later(0, log, "later 0")
                gone.cancel()
                log("true" if gone.cancelled() else "false")
                loop.run_until_complete(sleep(0.04))
            "#,
            expect: expect![[r#"
                true
                later 0
                later 10
                at 20
            "#]],
        },
        Scenario {
            name: "blocking work starves the others",
            rust: |el| dots_and_crosses(el, false),
            python: r#"
                async def dots():
                    for _ in range(10):
                        log(".")
                        await sleep(0.05)
                async def crosses():
                    for _ in range(10):
                        log("x")
                        block(0.05)
                loop.run_until_complete(gather(dots(), crosses()))
            "#,
            expect: expect![[r#"
                .
                x
                x
                x
                x
                x
                x
                x
                x
                x
                x
                .
                .
                .
                .
                .
                .
                .
                .
                .
            "#]],
        },
        Scenario {
            name: "blocking work that gives turns away",
            rust: |el| dots_and_crosses(el, true),
            python: r#"
                async def dots():
                    for _ in range(10):
                        log(".")
                        await sleep(0.05)
                async def crosses():
                    for _ in range(10):
                        log("x")
                        block(0.05)
                        await sleep(0)
                loop.run_until_complete(gather(dots(), crosses()))
            "#,
            expect: expect![[r#"
                .
                x
                x
                x
                .
                x
                x
                x
                .
                x
                x
                x
                .
                x
                .
                .
                .
                .
                .
                .
            "#]],
        },
    ]
}
