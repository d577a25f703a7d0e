//! `Queue`, `PriorityQueue`, `LifoQueue`: how tasks hand things to one another.

mod base;
mod store;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use self::base::Base;
pub use crate::error::QueueShutDown;
use crate::iterate::{AsyncIterator, inherent_iteration};
use crate::state::what::What;
use crate::task::awaiting::awaiting;

/// Nothing is in the queue: Python's `asyncio.QueueEmpty`.
///
/// ```
/// use asyncio::{Queue, QueueEmpty, ensure_future};
///
/// asyncio::run(async {
///     let queue = Queue::new(0);
///     assert_eq!(queue.get_nowait(), Err(QueueEmpty));
///     let worker = queue.clone();
///     let worker = ensure_future(async move {
///         loop {
///             let job: u32 = worker.get().await;
///             assert!(job < 3);
///             worker.task_done();
///         }
///     });
///     for job in 0..3 {
///         queue.put_nowait(job).unwrap();
///     }
///     queue.join().await;
///     worker.cancel();
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueEmpty;

impl fmt::Display for QueueEmpty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is empty")
    }
}

impl Error for QueueEmpty {}

/// There is no room in the queue: Python's `asyncio.QueueFull`. It gives the item back.
///
/// ```
/// use asyncio::{Queue, QueueFull};
///
/// let queue = Queue::new(1);
/// queue.put_nowait("first").unwrap();
/// let QueueFull(item) = queue.put_nowait("second").unwrap_err();
/// assert_eq!(item, "second");
/// assert!(queue.full() && !queue.empty());
/// assert_eq!((queue.qsize(), queue.maxsize()), (1, 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueFull<T>(pub T);

impl<T> fmt::Display for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> fmt::Debug for QueueFull<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueFull")
    }
}

impl<T> Error for QueueFull<T> {}

macro_rules! queue {
    ($(#[$doc:meta])* $name:ident, $store:ident<$($inside:ident)?>, $($bound:tt)*) => {
        $(#[$doc])*
        pub struct $name<T> {
            base: Rc<Base<queue!(@store $store $($inside)?)>>,
        }

        impl<T: $($bound)*> $name<T> {
            /// An empty queue for at most `maxsize` items; 0 means any number.
            #[must_use]
            pub fn new(maxsize: usize) -> Self {
                Self { base: Rc::new(Base::new(maxsize)) }
            }

            /// Puts `item` in, waiting for room while the queue is full; gives no turn away when there is room at once.
            ///
            /// Cancel-safe in that nothing is half done: either the item is in the queue, or it was dropped with the
            /// future, and the room was passed on to the next who waits.
            ///
            /// # Panics
            /// Raises [`QueueShutDown`].
            #[track_caller]
            pub fn put(&self, item: T) -> impl Future<Output = ()> {
                awaiting(What::Put, self.base.put(item))
            }

            /// Takes an item, waiting for one while the queue is empty; gives no turn away when there is one at once.
            /// Cancel-safe: one who is cancelled while it waits takes nothing and passes its place on.
            ///
            /// # Panics
            /// Raises [`QueueShutDown`] when the queue is empty and was shut down. See also [`next`](Self::next).
            #[track_caller]
            pub fn get(&self) -> impl Future<Output = T> {
                awaiting(What::Get, self.base.get())
            }

            /// Puts `item` in, if there is room.
            ///
            /// # Errors
            /// [`QueueFull`], with the item.
            ///
            /// # Panics
            /// Raises [`QueueShutDown`].
            #[track_caller]
            pub fn put_nowait(&self, item: T) -> Result<(), QueueFull<T>> {
                self.base.put_nowait(item).map_err(QueueFull)
            }

            /// Takes an item, if there is one.
            ///
            /// # Errors
            /// [`QueueEmpty`].
            ///
            /// # Panics
            /// Raises [`QueueShutDown`] when the queue is empty and was shut down.
            #[track_caller]
            pub fn get_nowait(&self) -> Result<T, QueueEmpty> {
                self.base.get_nowait()
            }

            /// Shuts the queue down: nothing can be put in any more, and it can be emptied; with `immediate` it is
            /// emptied now, and its items count as done. Who waits raises [`QueueShutDown`]. (Python 3.13.)
            pub fn shutdown(&self, immediate: bool) {
                self.base.shutdown(immediate);
            }
        }

        impl<T> $name<T> {
            /// How many items are in the queue.
            #[must_use]
            pub fn qsize(&self) -> usize {
                self.base.common.len.get()
            }

            /// How many items may be in the queue; 0 means any number.
            #[must_use]
            pub fn maxsize(&self) -> usize {
                self.base.common.maxsize
            }

            /// Whether no item is in the queue.
            #[must_use]
            pub fn empty(&self) -> bool {
                self.base.common.is_empty()
            }

            /// Whether there is no room; never for a queue without a size.
            #[must_use]
            pub fn full(&self) -> bool {
                self.base.common.is_full()
            }

            /// Says that one item that was taken has been dealt with, for [`join`](Self::join).
            ///
            /// # Panics
            /// Raises [`ValueError`](crate::ValueError) "task_done() called too many times".
            #[track_caller]
            pub fn task_done(&self) {
                self.base.common.task_done();
            }

            /// Waits until each item that was put in has been taken and dealt with. Cancel-safe.
            #[track_caller]
            pub fn join(&self) -> impl Future<Output = ()> {
                awaiting(What::Join, self.base.common.join())
            }
        }

        /// The items as they come, until the queue is shut down and empty: `while let Some(item) = queue.next().await`.
        /// `next` is as cancel-safe as `get`.
        impl<T: $($bound)*> AsyncIterator for $name<T> {
            type Item = T;

            async fn next(&mut self) -> Option<T> {
                self.base.next().await
            }
        }

        inherent_iteration!(impl [T: $($bound)*] $name<T>, T, Get);

        /// Clones are the same queue.
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self { base: Rc::clone(&self.base) }
            }
        }

        impl<T: $($bound)*> Default for $name<T> {
            fn default() -> Self {
                Self::new(0)
            }
        }

        /// As Python's, with the number of items instead of the items.
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.base.common.write(stringify!($name), f)
            }
        }
    };
    (@store $store:ident) => { $store<T> };
    (@store $store:ident $inside:ident) => { $store<$inside<T>> };
}

queue! {
    /// First in, first out: Python's `asyncio.Queue`. Clones are the same queue.
    ///
    /// ```
    /// use asyncio::{Queue, ensure_future};
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    /// let queue = Queue::new(1);
    /// let producer = queue.clone();
    /// drop(ensure_future(async move {
    ///     for n in 1..=3 {
    ///         producer.put(n).await;
    ///     }
    ///     producer.shutdown(false);
    /// }));
    /// let all: Vec<i32> = event_loop.run_until_complete(async move { queue.collect().await });
    /// assert_eq!(all, [1, 2, 3]);
    /// ```
    Queue, VecDeque<>, Sized
}

queue! {
    /// The least item first: Python's `asyncio.PriorityQueue`. Clones are the same queue. Of equal items, any may come first.
    ///
    /// ```
    /// let queue = asyncio::PriorityQueue::new(0);
    /// queue.put_nowait((2, "later")).unwrap();
    /// queue.put_nowait((1, "sooner")).unwrap();
    /// assert_eq!(queue.get_nowait(), Ok((1, "sooner")));
    /// ```
    PriorityQueue, BinaryHeap<Reverse>, Ord
}

queue! {
    /// Last in, first out: Python's `asyncio.LifoQueue`. Clones are the same queue.
    ///
    /// ```
    /// let queue = asyncio::LifoQueue::new(0);
    /// queue.put_nowait(1).unwrap();
    /// queue.put_nowait(2).unwrap();
    /// assert_eq!(queue.get_nowait(), Ok(2));
    /// ```
    LifoQueue, Vec<>, Sized
}
