//! Tests of the real `boucle` binary, spoken to as a front end does: through ZeroMQ.
//! Run by `cargo test`. One binary for all, and a hard time limit for each test.

mod bad_input;
mod cells;
mod client;
mod ending;
mod process;
mod requests;
mod strict;

use std::future::Future;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Builds what cells run on, once: a cell that had to wait for it would show the progress among its output.
fn build_the_runtime() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let built = Command::new(env!("CARGO_BIN_EXE_boucle")).arg("runtime").output().expect("boucle can be run");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    });
}

/// Runs one test; fails it when it takes too long.
#[track_caller]
fn run(test: impl Future<Output = ()>) {
    build_the_runtime();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, test).await });
    assert!(outcome.is_ok(), "the test took more than {LIMIT:?}");
}
