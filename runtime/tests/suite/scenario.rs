//! A scenario: the same small program in Rust and in Python, and the transcript that both must give.

use expect_test::Expect;

use crate::harness::{limited, transcript};
use asyncio::{EventLoop, set_event_loop};

/// One program in both languages. Python's `loop` and Rust's argument are a fresh loop, already the current one.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) rust: fn(&EventLoop),
    pub(crate) python: &'static str,
    pub(crate) expect: Expect,
}

/// What the Rust program writes; its time is virtual.
pub(crate) fn run(rust: fn(&EventLoop)) -> String {
    limited(move || {
        let event_loop = EventLoop::with_virtual_time();
        set_event_loop(&event_loop);
        rust(&event_loop);
        transcript()
    })
}

/// Runs each scenario and compares.
#[track_caller]
pub(crate) fn check(scenarios: Vec<Scenario>) {
    for scenario in scenarios {
        let actual = run(scenario.rust);
        eprintln!("{}", scenario.name);
        scenario.expect.assert_eq(&actual);
    }
}
