//! Notes what the current task awaits, and where, for whoever asks later: `:tasks`, `print_call_graph`, the timeline.
//! Everything of this library that suspends a task calls it.
//!
//! A note is two stores in the task's head. It is made when something suspends, so of several things around one another
//! the outermost has the last word: a barrier, not the lock inside it.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::current;
use crate::place;
use crate::state::what::{Place, What};

/// Says what the current task awaits, and where.
#[inline]
pub(crate) fn note(what: What, place: Place) {
    current::with_task(|task| {
        task.head.awaits_what.set(what);
        task.head.place.set(Some(place));
    });
}

/// Something around a body has suspended with it. Where the body is a future of this library, so that what it has noted is
/// a place in here, the task counts as awaiting at the outer one's `place`.
pub(crate) fn note_around(place: Place) {
    current::with_task(|task| {
        if task.head.place.get().is_some_and(|noted| place::is_internal(noted)) {
            task.head.place.set(Some(place));
        }
    });
}

/// `future`, whose waits count as waits for `what`, at the place that calls the function around it. Where `what` is
/// unknown, what is noted inside stands.
#[track_caller]
pub(crate) fn awaiting<F: Future>(what: What, future: F) -> Awaiting<F> {
    Awaiting { future, what, place: Location::caller() }
}

pin_project! {
    /// The future of [`awaiting`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub(crate) struct Awaiting<F> {
        #[pin]
        future: F,
        what: What,
        place: Place,
    }
}

impl<F: Future> Future for Awaiting<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if polled.is_pending() && *this.what != What::Unknown {
            note(*this.what, this.place);
        }
        polled
    }
}
