//! Tests of the real `boucle` binary, spoken to as a front end does: through ZeroMQ.
//! Run by `cargo test`. One binary for all, and a hard time limit for each test.

mod bad_input;
mod cells;
mod client;
mod ending;
mod process;
mod requests;

use std::future::Future;
use std::time::Duration;

/// Ample even when the first cell waits for the runtime to be built.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs one test; fails it when it takes too long.
#[track_caller]
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, test).await });
    assert!(outcome.is_ok(), "the test took more than {LIMIT:?}");
}
