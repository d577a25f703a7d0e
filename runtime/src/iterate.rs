//! Iteration that waits: `while let Some(item) = it.next().await`, Python's `async for`.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A source of items that may have to be waited for: Python's asynchronous iterator. The types of this crate have its methods
/// also without the trait in scope.
///
/// ```
/// use asyncio::{AsyncIterator, generator, sleep};
/// # let event_loop = asyncio::new_event_loop();
/// let mut ticks = generator(async |out| {
///     for n in 1..=3 {
///         sleep(0.001).await;
///         out.yield_(n).await;
///     }
/// });
/// event_loop.run_until_complete(async move {
///     while let Some(n) = ticks.next().await {
///         assert!(n <= 3);
///     }
/// });
/// ```
#[allow(async_fn_in_trait, reason = "a loop belongs to one thread, so its futures need no bound")]
pub trait AsyncIterator {
    /// What it gives.
    type Item;

    /// The next item, `None` at the end: Python's `__anext__`.
    async fn next(&mut self) -> Option<Self::Item>;

    /// Calls `function` with each item: `async for item in it: function(item)`.
    async fn for_each(mut self, mut function: impl FnMut(Self::Item))
    where
        Self: Sized,
    {
        while let Some(item) = self.next().await {
            function(item);
        }
    }

    /// All items in a collection: `[item async for item in it]`.
    ///
    /// ```
    /// # let event_loop = asyncio::new_event_loop();
    /// # asyncio::set_event_loop(&event_loop);
    ///
    /// use asyncio::{Yielder, generator};
    ///
    /// async fn count(to: u32, out: Yielder<u32>) {
    ///     for n in 1..=to {
    ///         out.yield_(n).await;
    ///     }
    /// }
    ///
    /// asyncio::run(async {
    ///     let all: Vec<u32> = generator(async |out| count(3, out).await).collect().await;
    ///     assert_eq!(all, [1, 2, 3]);
    ///     let mut sum = 0;
    ///     generator(async |out| count(3, out).await).for_each(|n| sum += n).await;
    ///     assert_eq!(sum, 6);
    /// });
    /// ```
    async fn collect<C: Default + Extend<Self::Item>>(mut self) -> C
    where
        Self: Sized,
    {
        let mut all = C::default();
        while let Some(item) = self.next().await {
            all.extend([item]);
        }
        all
    }
}

/// Gives a type the methods of its [`AsyncIterator`] without the trait in scope, as notebook cells have it.
macro_rules! inherent_iteration {
    (impl [$($generics:tt)*] $name:ty, $item:ty, $what:ident) => {
        impl<$($generics)*> $name {
            /// The next item, `None` at the end. See [`AsyncIterator`](crate::AsyncIterator).
            #[track_caller]
            #[allow(clippy::should_implement_trait, reason = "it is the name that Python's has, too")]
            pub fn next(&mut self) -> impl Future<Output = Option<$item>> {
                $crate::task::awaiting::awaiting(
                    $crate::state::what::What::$what,
                    $crate::iterate::AsyncIterator::next(self),
                )
            }

            /// Calls `function` with each item that is still to come.
            #[track_caller]
            pub fn for_each(self, function: impl FnMut($item)) -> impl Future<Output = ()> {
                $crate::task::awaiting::awaiting(
                    $crate::state::what::What::$what,
                    $crate::iterate::AsyncIterator::for_each(self, function),
                )
            }

            /// All items that are still to come, in a collection.
            #[track_caller]
            pub fn collect<C: Default + Extend<$item>>(self) -> impl Future<Output = C> {
                $crate::task::awaiting::awaiting(
                    $crate::state::what::What::$what,
                    $crate::iterate::AsyncIterator::collect(self),
                )
            }
        }
    };
}
pub(crate) use inherent_iteration;

impl<I: AsyncIterator> AsyncIterator for &mut I {
    type Item = I::Item;

    async fn next(&mut self) -> Option<Self::Item> {
        (**self).next().await
    }
}

/// An async iterator whose items a coroutine gives: Python's asynchronous generator, `async def` with `yield`.
///
/// The coroutine runs only while somebody waits for [`next`](AsyncIterator::next), in the waiting task. Dropping the
/// generator drops the coroutine at its await point. `next` is cancel-safe: dropped, the coroutine stays where it is. A
/// coroutine that raises ends the generator.
pub fn generator<'a, T: 'a>(coroutine: impl AsyncFnOnce(Yielder<T>) + 'a) -> AsyncGenerator<'a, T> {
    let slot = Rc::new(Cell::new(None));
    let yielder = Yielder { slot: Rc::clone(&slot) };
    AsyncGenerator { coroutine: Some(Box::pin(async move { coroutine(yielder).await })), slot }
}

/// The async iterator of [`generator`].
#[must_use = "an async iterator does nothing by itself"]
pub struct AsyncGenerator<'a, T> {
    coroutine: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
    slot: Rc<Cell<Option<T>>>,
}

impl<T> AsyncGenerator<'_, T> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(mut coroutine) = self.coroutine.take() else { return Poll::Ready(None) };
        let ended = coroutine.as_mut().poll(cx).is_ready();
        if !ended {
            self.coroutine = Some(coroutine);
        }
        match self.slot.take() {
            Some(item) => Poll::Ready(Some(item)),
            None if ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl<T> AsyncIterator for AsyncGenerator<'_, T> {
    type Item = T;

    async fn next(&mut self) -> Option<T> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

inherent_iteration!(impl ['a, T] AsyncGenerator<'a, T>, T, Unknown);

impl<T> std::fmt::Debug for AsyncGenerator<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<async_generator object>")
    }
}

/// Where a generator's coroutine puts its items.
pub struct Yielder<T> {
    slot: Rc<Cell<Option<T>>>,
}

impl<T> Yielder<T> {
    /// Gives `item` to whoever waits for the next one, and goes on when the one after it is asked for: Python's `yield`.
    pub async fn yield_(&self, item: T) {
        self.slot.set(Some(item));
        let mut given = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut given, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }
}

impl<T> std::fmt::Debug for Yielder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<Yielder>")
    }
}
