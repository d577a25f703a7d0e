//! All orders in which threads can reach a loop's inbox, tried one after the other by loom.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]

#[allow(dead_code, reason = "a test needs not all of it")]
#[path = "../src/state/inbox.rs"]
mod inbox;

/// What `inbox.rs` takes from the standard library in the crate itself.
mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

use std::future::poll_fn;
use std::task::Poll;

use inbox::Inbox;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

/// Drives a loop that does nothing but take its mail, as `Driver::poll` does: make itself known, look, wait.
fn receive(inbox: &Inbox<u32>, count: usize) -> Vec<u32> {
    let mut received = Vec::new();
    block_on(poll_fn(|cx| {
        inbox.set_driver(Some(cx.waker().clone()));
        while inbox.has_mail() {
            received.extend(inbox.take());
        }
        if received.len() >= count { Poll::Ready(()) } else { Poll::Pending }
    }));
    received
}

/// Tries all orders in which threads interrupt each other at most three times: what is wrong shows with two.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn what_is_sent_arrives_once_and_wakes_the_driver() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let senders = [1, 2].map(|item| {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.send(item, |_, _| false).expect("it is open"))
        });
        let mut received = receive(&inbox, 2);
        senders.into_iter().for_each(|sender| sender.join().expect("it sends"));
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
        assert!(!inbox.has_mail());
    });
}

#[test]
fn a_repetition_that_is_left_out_still_finds_the_loop_awake() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let senders = [(); 2].map(|()| {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.send(7, |last, next| last == next).expect("it is open"))
        });
        // Whether one or both arrive: after each send there is one to come.
        assert!(receive(&inbox, 1).iter().all(|item| *item == 7));
        senders.into_iter().for_each(|sender| sender.join().expect("it sends"));
    });
}

#[test]
fn what_is_accepted_before_the_end_is_handed_over_at_the_end() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let sender = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || [1, 2].map(|item| inbox.send(item, |_, _| false).is_ok()))
        };
        let mut received = inbox.take();
        received.extend(inbox.close());
        let accepted = sender.join().expect("it sends");
        let expected: Vec<_> =
            [1, 2].into_iter().zip(accepted).filter_map(|(item, sent)| sent.then_some(item)).collect();
        assert_eq!(received, expected);
        assert!(inbox.send(3, |_, _| false).is_err());
    });
}
