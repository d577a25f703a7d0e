//! `as_completed` in a plain `for` loop: awaitables, each of which has the result of whoever ends next, in whatever way they are
//! awaited. The async iteration is written down as scripts, which CPython runs, too.

use asyncio::{EventLoop, TimeoutError, as_completed, gather, sleep};

use crate::harness::limited;

async fn after(seconds: f64, name: &'static str) -> &'static str {
    sleep(seconds).await;
    assert_ne!(name, "bad");
    name
}

/// What the awaitables give, awaited one after the other.
fn in_order(awaited: impl AsyncFnOnce() + Send + 'static) {
    limited(|| EventLoop::with_virtual_time().block_on(awaited()));
}

#[test]
fn each_has_the_next_result() {
    in_order(async || {
        let mut seen = vec![];
        for next in as_completed([after(0.3, "c"), after(0.1, "a"), after(0.2, "b")]) {
            seen.push(next.await);
        }
        assert_eq!(seen, ["a", "b", "c"]);
    });
}

#[test]
fn they_may_be_awaited_together() {
    in_order(async || {
        let all = as_completed([after(0.3, "c"), after(0.1, "a"), after(0.2, "b")]);
        assert_eq!(gather(all).await, ["a", "b", "c"]);
    });
}

#[test]
fn a_failure_is_one_of_them() {
    in_order(async || {
        let all = as_completed([after(0.3, "c"), after(0.1, "a"), after(0.2, "bad")]);
        let outcomes = gather(all).return_exceptions().await;
        let seen: Vec<_> =
            outcomes.into_iter().map(|outcome| outcome.map_err(|exception| exception.name().to_owned())).collect();
        assert_eq!(seen, [Ok("a"), Err("panic".to_owned()), Ok("c")]);
    });
}

#[test]
fn time_may_be_over_for_some() {
    in_order(async || {
        let mut seen = vec![];
        for next in as_completed([after(5.0, "c"), after(0.1, "a"), after(7.0, "b")]).timeout(1) {
            seen.push(next.await);
        }
        assert_eq!(seen, [Ok("a"), Err(TimeoutError), Err(TimeoutError)]);
    });
}
