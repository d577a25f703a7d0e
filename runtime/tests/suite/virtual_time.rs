//! Virtual time: what jumps, what holds it up, and what it leaves as it was.

use std::io::Write;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use asyncio::{EventLoop, ensure_future, gather, get_event_loop, new_event_loop, set_event_loop, sleep};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::harness::{fresh_loop, limited, log, raised, transcript};

/// A loop in virtual time, made this thread's current one.
fn virtual_loop() -> EventLoop {
    let event_loop = EventLoop::with_virtual_time();
    set_event_loop(&event_loop);
    event_loop
}

/// The loop's time in nanoseconds.
fn now() -> u128 {
    Duration::from_secs_f64(get_event_loop().time()).as_nanos()
}

/// Says `name` after `seconds`, and how late that is, in steps of 100 nanoseconds: what an `f64` keeps.
async fn say_after(name: &str, seconds: f64) {
    let due = now() + Duration::from_secs_f64(seconds).as_nanos();
    sleep(seconds).await;
    log(format!("{name} {}", now().abs_diff(due) / 100));
}

#[test]
fn hours_pass_at_once_and_exactly() {
    limited(|| {
        let event_loop = virtual_loop();
        event_loop.block_on(gather([say_after("day", 86_400.0), say_after("hour", 3600.0), say_after("µs", 1e-6)]));
        event_loop.block_on(say_after("1.5 ms", 0.0015));
        assert_eq!(transcript(), "µs 0\nhour 0\nday 0\n1.5 ms 0\n");
    });
}

#[test]
fn tokio_timers_jump_along_in_their_order() {
    limited(|| {
        let event_loop = virtual_loop();
        event_loop.block_on(async {
            let theirs = ensure_future(async {
                tokio::time::sleep(Duration::from_secs(500)).await;
                log("theirs");
            });
            gather([say_after("before", 499.9), say_after("after", 500.1)]).await;
            theirs.await;
        });
        assert_eq!(transcript(), "before 0\ntheirs\nafter 0\n");
    });
}

#[test]
fn an_answer_from_outside_is_waited_for() {
    limited(|| {
        let event_loop = virtual_loop();
        let server = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = server.local_addr().expect("an address");
        let server = thread::spawn(move || {
            let (mut client, _) = server.accept().expect("accepted");
            // Real time, which the loop must not jump over.
            thread::sleep(Duration::from_millis(50));
            client.write_all(b"at last").expect("written");
        });
        event_loop.block_on(async {
            let impatient = ensure_future(say_after("impatient", 50.0));
            let start = now();
            let mut client = TcpStream::connect(address).await.expect("connected");
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("read");
            log(&answer);
            // As far as the thread slept: on a busy machine part of the time passes while it is kept from running.
            assert!(now() > start, "the clock has followed the real one");
            drop(client);
            impatient.await;
        });
        server.join().expect("the server is fine");
        assert_eq!(transcript(), "at last\nimpatient 0\n");
    });
}

#[test]
fn a_blocking_call_of_tokio_is_waited_for() {
    limited(|| {
        let event_loop = virtual_loop();
        event_loop.block_on(async {
            let impatient = ensure_future(say_after("impatient", 50.0));
            let work = tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(50)));
            work.await.expect("it works");
            log("worked");
            impatient.await;
        });
        assert_eq!(transcript(), "worked\nimpatient 0\n");
    });
}

#[test]
fn time_stands_still_between_runs_and_goes_on_when_it_becomes_real() {
    limited(|| {
        let event_loop = virtual_loop();
        event_loop.block_on(sleep(1000));
        let before = event_loop.time();
        thread::sleep(Duration::from_millis(2));
        assert_eq!(event_loop.time(), before);
        let late = ensure_future(sleep(1e6));
        event_loop.block_on(sleep(0));
        event_loop.set_virtual_time(false);
        assert!(event_loop.time() >= before && event_loop.time() < before + 1e5);
        event_loop.block_on(sleep(0.001));
        assert!(!late.done());
        event_loop.set_virtual_time(true);
        event_loop.block_on(late);
    });
}

#[test]
fn a_real_loop_beside_a_virtual_one_keeps_its_pace() {
    limited(|| {
        let real = fresh_loop();
        let slow = ensure_future(sleep(1e6));
        real.block_on(sleep(0));
        virtual_loop().block_on(sleep(1e7));
        real.block_on(sleep(0.001));
        assert!(!slow.done());
    });
}

#[test]
fn a_loop_made_where_time_is_virtual_goes_on_with_it() {
    limited(|| {
        let event_loop = virtual_loop();
        event_loop.block_on(sleep(1000));
        let before = event_loop.time();
        let next = new_event_loop();
        assert!(next.has_virtual_time());
        assert_eq!(next.time(), before);
        asyncio::run(sleep(1e6));
    });
}

#[test]
fn blocking_code_takes_virtual_time() {
    limited(|| {
        let event_loop = virtual_loop();
        let start = now();
        asyncio::cell::thread_sleep(Duration::from_secs(1000));
        event_loop.block_on(async { asyncio::cell::thread_sleep(Duration::from_secs(500)) });
        assert_eq!((now() - start + 50) / 1_000_000_000, 1500);
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    limited(|| {
        let real = fresh_loop();
        assert_eq!(raised(|| real.advance_time(1)), "RuntimeError: the time of this event loop is real");
        real.block_on(async {
            let refused = raised(|| get_event_loop().set_virtual_time(true));
            assert_eq!(refused, "RuntimeError: This event loop is already running");
        });
    });
}
