//! A loop with nothing to do does nothing: it sleeps in the system until the first deadline or a message.

use std::future::pending;
use std::mem::MaybeUninit;
use std::time::Duration;

use asyncio::{ensure_future, get_running_loop, sleep};

use crate::harness::{fresh_loop, limited};

/// What this thread has cost so far: its processor time, and how often it went to sleep by itself.
fn costs() -> (Duration, i64) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for writing, and all zeros are an `rusage`, whether the call fills it in or not.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec.unsigned_abs(), time.tv_usec as u32 * 1000);
    (time(usage.ru_utime) + time(usage.ru_stime), usage.ru_nvcsw)
}

/// What `run_forever` costs in half a second, with tasks that wait and timers that are far away.
fn half_a_second() -> (Duration, i64) {
    let event_loop = fresh_loop();
    drop(ensure_future(pending::<()>()));
    drop(ensure_future(sleep(3600)));
    event_loop.call_later(0.5, || get_running_loop().stop());
    let (time, sleeps) = costs();
    event_loop.run_forever().expect("it is stopped");
    let (time_then, sleeps_then) = costs();
    (time_then - time, sleeps_then - sleeps)
}

#[test]
fn an_idle_loop_uses_no_processor_time() {
    let (time, sleeps) = limited(half_a_second);
    // tokio's timer wheel wakes the thread a few times on the way to a deadline.
    assert!(sleeps <= 10, "it woke up {sleeps} times");
    assert!(time < Duration::from_millis(10), "it was busy for {time:?}");
}
