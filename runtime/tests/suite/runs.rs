//! Runs of a loop: stopping, resuming, several loops, misuse. Each scenario in Rust and in Python.

use asyncio::{
    EventLoop, Task, ensure_future, gather, get_event_loop, get_running_loop, new_event_loop, run, set_event_loop,
    sleep,
};
use expect_test::expect;

use crate::harness::{block, log, raised};
use crate::scenario::{Scenario, check};

async fn say(name: &'static str) {
    log(name);
}

async fn job(name: &'static str, seconds: f64) {
    log(format!(">>> {name}"));
    sleep(seconds).await;
    log(format!("<<< {name}"));
}

async fn wait_for(task: Task<()>) {
    task.await;
}

fn forever(el: &EventLoop) {
    el.run_forever().expect("stopped, not interrupted");
}

#[test]
fn runs_are_as_written_down() {
    check(scenarios());
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = stopping();
    all.extend(resuming());
    all.extend(several());
    all
}

fn stopping() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "after stop the rest of the turn runs, and what it scheduled runs first next time",
            rust: |el| {
                drop(ensure_future(async {
                    log("a stops");
                    get_event_loop().stop();
                    log("a goes on to its await");
                    sleep(0).await;
                    log("a again");
                    get_event_loop().stop();
                }));
                drop(ensure_future(async {
                    log("b");
                    sleep(0).await;
                    log("b again");
                }));
                forever(el);
                log("stopped");
                drop(ensure_future(say("new")));
                forever(el);
            },
            python: r#"
                async def a():
                    log("a stops")
                    loop.stop()
                    log("a goes on to its await")
                    await sleep(0)
                    log("a again")
                    loop.stop()
                async def b():
                    log("b")
                    await sleep(0)
                    log("b again")
                async def say(name): log(name)
                ensure_future(a()); ensure_future(b())
                loop.run_forever()
                log("stopped")
                ensure_future(say("new"))
                loop.run_forever()
            "#,
            expect: expect![[r#"
                a stops
                a goes on to its await
                b
                stopped
                a again
                b again
                new
            "#]],
        },
        Scenario {
            name: "stop before run_forever makes exactly one turn",
            rust: |el| {
                drop(ensure_future(async {
                    log("one");
                    sleep(0).await;
                    log("two");
                }));
                drop(ensure_future(job("timer", 0.01)));
                for _ in 0..3 {
                    el.stop();
                    forever(el);
                    log("--");
                }
            },
            python: r#"
                async def steps():
                    log("one")
                    await sleep(0)
                    log("two")
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                ensure_future(steps())
                ensure_future(job("timer", 0.01))
                for _ in range(3):
                    loop.stop()
                    loop.run_forever()
                    log("--")
            "#,
            expect: expect![[r#"
                one
                >>> timer
                --
                two
                --
                --
            "#]],
        },
        Scenario {
            name: "two stops in a turn count once",
            rust: |el| {
                for _ in 0..2 {
                    el.call_soon(|| get_event_loop().stop());
                }
                forever(el);
                log("first");
                el.call_later(0.01, || {
                    log("second run goes on");
                    get_event_loop().stop();
                });
                forever(el);
            },
            python: r#"
                for _ in range(2):
                    loop.call_soon(loop.stop)
                loop.run_forever()
                log("first")
                def later():
                    log("second run goes on")
                    loop.stop()
                loop.call_later(0.01, later)
                loop.run_forever()
            "#,
            expect: expect![[r#"
                first
                second run goes on
            "#]],
        },
        Scenario {
            name: "the lesson: a forked coroutine stops the loop",
            rust: |el| {
                async fn c1() {
                    log(">>> c1");
                    sleep(0.01).await;
                    log("forking");
                    drop(ensure_future(c2()));
                    sleep(0.01).await;
                    log("<<< c1");
                }
                async fn c2() {
                    log(">>> c2");
                    sleep(0.02).await;
                    log("<<< c2");
                    get_event_loop().stop();
                }
                drop(ensure_future(c1()));
                forever(el);
                log("done");
            },
            python: r#"
                async def c1():
                    log(">>> c1")
                    await sleep(0.01)
                    log("forking")
                    ensure_future(c2())
                    await sleep(0.01)
                    log("<<< c1")
                async def c2():
                    log(">>> c2")
                    await sleep(0.02)
                    log("<<< c2")
                    get_event_loop().stop()
                ensure_future(c1())
                loop.run_forever()
                log("done")
            "#,
            expect: expect![[r#"
                >>> c1
                forking
                >>> c2
                <<< c1
                <<< c2
                done
            "#]],
        },
        Scenario {
            name: "stop while run_until_complete waits",
            rust: |el| {
                let task = ensure_future(job("long", 0.03));
                el.call_later(0.01, || get_event_loop().stop());
                let waiter = ensure_future(wait_for(task));
                let name = waiter.as_any();
                log(raised(|| el.run_until_complete(waiter)));
                log(name.done());
                el.run_until_complete(sleep(0.03));
                log(name.done());
            },
            python: r#"
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                task = ensure_future(job("long", 0.03))
                loop.call_later(0.01, loop.stop)
                async def wait_for_it(): await task
                waiter = ensure_future(wait_for_it())
                log(raised(loop.run_until_complete, waiter))
                log(str(waiter.done()).lower())
                loop.run_until_complete(sleep(0.03))
                log(str(waiter.done()).lower())
            "#,
            expect: expect![[r#"
                >>> long
                RuntimeError: Event loop stopped before Future completed.
                false
                <<< long
                true
            "#]],
        },
    ]
}

fn resuming() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "run_until_complete leaves the others where they are",
            rust: |el| {
                let long = ensure_future(job("long", 0.04));
                el.run_until_complete(job("short", 0.02));
                log(format!("done {}", long.done()));
                el.run_until_complete(long);
            },
            python: r#"
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                long = ensure_future(job("long", 0.04))
                loop.run_until_complete(job("short", 0.02))
                log(f"done {str(long.done()).lower()}")
                loop.run_until_complete(long)
            "#,
            expect: expect![[r#"
                >>> long
                >>> short
                <<< short
                done false
                <<< long
            "#]],
        },
        Scenario {
            name: "the others get one more turn",
            rust: |el| {
                drop(ensure_future(async {
                    for i in 0..9 {
                        log(format!("tick{i}"));
                        sleep(0).await;
                    }
                }));
                el.run_until_complete(async {
                    sleep(0).await;
                    log("main ends");
                });
                log("returned");
            },
            python: r#"
                async def ticks():
                    for i in range(9):
                        log(f"tick{i}")
                        await sleep(0)
                async def main():
                    await sleep(0)
                    log("main ends")
                ensure_future(ticks())
                loop.run_until_complete(main())
                log("returned")
            "#,
            expect: expect![[r#"
                tick0
                tick1
                main ends
                tick2
                returned
            "#]],
        },
        Scenario {
            name: "overdue timers come at once on resume, by deadline",
            rust: |el| {
                for (name, seconds) in [("c", 0.03), ("a", 0.01), ("b", 0.02)] {
                    drop(ensure_future(job(name, seconds)));
                }
                el.run_until_complete(say("main"));
                block(0.05);
                log("resume");
                el.run_until_complete(async {
                    for i in 0..3 {
                        log(format!("turn {i}"));
                        sleep(0).await;
                    }
                });
            },
            python: r#"
                async def say(name): log(name)
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                async def turns():
                    for i in range(3):
                        log(f"turn {i}")
                        await sleep(0)
                for name, seconds in [("c", 0.03), ("a", 0.01), ("b", 0.02)]:
                    ensure_future(job(name, seconds))
                loop.run_until_complete(say("main"))
                block(0.05)
                log("resume")
                loop.run_until_complete(turns())
            "#,
            expect: expect![[r#"
                >>> c
                >>> a
                >>> b
                main
                resume
                turn 0
                turn 1
                <<< a
                <<< b
                <<< c
                turn 2
            "#]],
        },
        Scenario {
            name: "timers keep their deadline while the loop stands still",
            rust: |el| {
                drop(ensure_future(job("40", 0.04)));
                el.run_until_complete(say("main"));
                block(0.02);
                el.run_until_complete(gather([job("at 30", 0.01), job("at 60", 0.04)]));
            },
            python: r#"
                async def say(name): log(name)
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                ensure_future(job("40", 0.04))
                loop.run_until_complete(say("main"))
                block(0.02)
                loop.run_until_complete(gather(job("at 30", 0.01), job("at 60", 0.04)))
            "#,
            expect: expect![[r#"
                >>> 40
                main
                >>> at 30
                >>> at 60
                <<< at 30
                <<< 40
                <<< at 60
            "#]],
        },
        Scenario {
            name: "run_until_complete of an ended task returns its result",
            rust: |el| {
                let task = ensure_future(async { 5 });
                el.run_until_complete(say("main"));
                log(task.done());
                log(el.run_until_complete(task));
            },
            python: r#"
                async def five(): return 5
                async def say(name): log(name)
                task = ensure_future(five())
                loop.run_until_complete(say("main"))
                log(str(task.done()).lower())
                log(loop.run_until_complete(task))
            "#,
            expect: expect![[r#"
                main
                true
                5
            "#]],
        },
        Scenario {
            name: "a KeyboardInterrupt out of a task stops the run and keeps the other handles",
            rust: |el| {
                let failing = ensure_future(async {
                    log("failing");
                    sleep(0).await;
                    std::panic::resume_unwind(Box::new(asyncio::KeyboardInterrupt));
                });
                drop(ensure_future(async {
                    log("other");
                    sleep(0).await;
                    log("other again");
                    sleep(0.01).await;
                    log("other ends");
                }));
                let main = ensure_future(job("main", 0.02));
                let watched = main.as_any();
                log(asyncio::catch_interrupt(|| el.run_until_complete(main)).is_err());
                log(format!("{} {}", failing.done(), watched.done()));
                log(failing.exception().map_or("none", |exception| exception.name()));
                drop(ensure_future(say("new")));
                el.run_until_complete(sleep(0.03));
                log(watched.done());
            },
            python: r#"
                async def fail():
                    log("failing")
                    await sleep(0)
                    raise KeyboardInterrupt
                async def other():
                    log("other")
                    await sleep(0)
                    log("other again")
                    await sleep(0.01)
                    log("other ends")
                async def say(name): log(name)
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                failing = ensure_future(fail())
                ensure_future(other())
                main = ensure_future(job("main", 0.02))
                try:
                    loop.run_until_complete(main)
                except KeyboardInterrupt:
                    log("true")
                log(f"{failing.done()} {main.done()}".lower())
                log(type(failing.exception()).__name__)
                ensure_future(say("new"))
                loop.run_until_complete(sleep(0.03))
                log(str(main.done()).lower())
            "#,
            expect: expect![[r#"
                failing
                other
                >>> main
                true
                true false
                KeyboardInterrupt
                other again
                new
                other ends
                <<< main
                true
            "#]],
        },
    ]
}

fn several() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "loops are independent, and an old one stays usable",
            rust: |old| {
                drop(ensure_future(job("old", 0.01)));
                let new = new_event_loop();
                set_event_loop(&new);
                drop(ensure_future(job("new", 0.01)));
                new.run_until_complete(sleep(0.02));
                log("--");
                old.run_until_complete(sleep(0.02));
            },
            python: r#"
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                ensure_future(job("old", 0.01))
                new = new_event_loop()
                set_event_loop(new)
                ensure_future(job("new", 0.01))
                new.run_until_complete(sleep(0.02))
                log("--")
                loop.run_until_complete(sleep(0.02))
            "#,
            expect: expect![[r#"
                >>> new
                <<< new
                --
                >>> old
                <<< old
            "#]],
        },
        Scenario {
            name: "inside a coroutine get_event_loop is the running loop",
            rust: |el| {
                set_event_loop(new_event_loop());
                let this = el.clone();
                el.run_until_complete(async move {
                    log(get_event_loop() == this && get_running_loop() == this);
                });
                log(get_event_loop() == *el);
            },
            python: r#"
                set_event_loop(new_event_loop())
                async def main():
                    log(str(get_event_loop() is loop and get_running_loop() is loop).lower())
                loop.run_until_complete(main())
                log(str(get_event_loop() is loop).lower())
            "#,
            expect: expect![[r#"
                true
                false
            "#]],
        },
        Scenario {
            name: "a task of another loop is refused",
            rust: |el| {
                let task = ensure_future(say("never"));
                log(raised(|| new_event_loop().run_until_complete(task)));
                let task = ensure_future(job("mine", 0.01));
                let foreign = new_event_loop();
                log(raised(|| foreign.run_until_complete(task)).split(' ').next().unwrap_or("").to_owned());
                drop(foreign);
                el.run_until_complete(sleep(0.02));
            },
            python: r#"
                async def say(name): log(name)
                async def job(name, seconds):
                    log(f">>> {name}")
                    await sleep(seconds)
                    log(f"<<< {name}")
                task = ensure_future(say("never"))
                log(raised(new_event_loop().run_until_complete, task))
                task = ensure_future(job("mine", 0.01))
                log(raised(new_event_loop().run_until_complete, task).split(' ')[0])
                loop.run_until_complete(sleep(0.02))
            "#,
            expect: expect![[r#"
                ValueError: The future belongs to a different loop than the one specified as the loop argument
                ValueError:
                never
                >>> mine
                <<< mine
            "#]],
        },
        Scenario {
            name: "a loop that runs cannot be run again, nor another one be run inside",
            rust: |el| {
                let this = el.clone();
                el.run_until_complete(async move {
                    log(raised(|| this.run_forever()));
                    log(raised(|| this.run_until_complete(say("never"))));
                    log(raised(|| new_event_loop().run_forever()));
                    log(raised(|| run(say("never"))));
                    log(raised(|| this.close()));
                    log("still here");
                });
            },
            python: r#"
                async def say(name): log(name)
                async def main():
                    log(raised(loop.run_forever))
                    log(raised(loop.run_until_complete, say("never")))
                    log(raised(new_event_loop().run_forever))
                    log(raised(run, say("never")))
                    log(raised(loop.close))
                    log("still here")
                loop.run_until_complete(main())
            "#,
            expect: expect![[r#"
                RuntimeError: This event loop is already running
                RuntimeError: This event loop is already running
                RuntimeError: Cannot run the event loop while another loop is running
                RuntimeError: asyncio.run() cannot be called from a running event loop
                RuntimeError: Cannot close a running event loop
                still here
            "#]],
        },
        Scenario {
            name: "a closed loop refuses everything",
            rust: |el| {
                el.close();
                el.close();
                log(el.is_closed());
                log(raised(|| el.run_forever()));
                log(raised(|| el.run_until_complete(say("never"))));
                log(raised(|| el.call_soon(|| log("never"))));
                log(raised(|| el.call_later(1, || log("never"))));
                log(raised(|| el.call_soon_threadsafe(|| log("never"))));
                log(raised(|| ensure_future(say("never"))));
            },
            python: r#"
                async def say(name): log(name)
                loop.close()
                loop.close()
                log(str(loop.is_closed()).lower())
                log(raised(loop.run_forever))
                log(raised(loop.run_until_complete, say("never")))
                log(raised(loop.call_soon, log, "never"))
                log(raised(loop.call_later, 1, log, "never"))
                log(raised(loop.call_soon_threadsafe, log, "never"))
                log(raised(ensure_future, say("never")))
            "#,
            expect: expect![[r#"
                true
                RuntimeError: Event loop is closed
                RuntimeError: Event loop is closed
                RuntimeError: Event loop is closed
                RuntimeError: Event loop is closed
                RuntimeError: Event loop is closed
                RuntimeError: Event loop is closed
            "#]],
        },
        Scenario {
            name: "run cancels what is left, and the loop is closed afterwards",
            rust: |_| {
                struct Cleanup(&'static str);
                impl Drop for Cleanup {
                    fn drop(&mut self) {
                        log(format!("cleanup {}", self.0));
                    }
                }
                async fn left(name: &'static str) {
                    let _cleanup = Cleanup(name);
                    sleep(10).await;
                }
                let result = run(async {
                    drop(ensure_future(left("a")));
                    drop(ensure_future(left("b")));
                    sleep(0.01).await;
                    log("main ends");
                    3
                });
                log(result);
            },
            python: r#"
                async def left(name):
                    try:
                        await sleep(10)
                    finally:
                        log(f"cleanup {name}")
                async def main():
                    global a, b
                    a = ensure_future(left("a"))
                    b = ensure_future(left("b"))
                    await sleep(0.01)
                    log("main ends")
                    return 3
                import sys
                import asyncio.runners
                # all_tasks is a set there, so the order of two cancellations is not fixed: sort it.
                real = asyncio.tasks.all_tasks
                asyncio.tasks.all_tasks = lambda loop=None: sorted(real(loop), key=lambda t: int(t.get_name()[5:]))
                log(run(main()))
                asyncio.tasks.all_tasks = real
            "#,
            expect: expect![[r#"
                main ends
                cleanup a
                cleanup b
                3
            "#]],
        },
    ]
}
