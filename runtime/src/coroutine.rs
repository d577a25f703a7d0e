//! A coroutine that can be put into a variable: its own type has no name, and no `Debug` form.
//! Notebook cells box futures into it; as a task it is still called after the function it came from.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::current;
use crate::report::{Report, deliver};

/// A boxed future that remembers which function made it: Python's coroutine object.
///
/// Nothing runs until it is awaited or made a task. Dropping it unawaited drops the future.
///
/// ```
/// use asyncio::Coroutine;
///
/// async fn c1() -> i32 {
///     41 + 1
/// }
///
/// let coroutine: Coroutine<i32> = Coroutine::new(c1());
/// assert_eq!(format!("{coroutine:?}"), "<coroutine object c1>");
/// assert_eq!(coroutine.name(), "c1");
/// assert_eq!(asyncio::run(coroutine), 42);
/// ```
#[must_use = "a coroutine does nothing unless it is awaited or made a task"]
pub struct Coroutine<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    type_name: &'static str,
    /// Somebody has awaited it or made it a task.
    taken: Cell<bool>,
}

impl<T> Coroutine<T> {
    /// Boxes `future`.
    pub fn new<F: Future<Output = T> + 'static>(future: F) -> Self {
        Self { future: Box::pin(future), type_name: std::any::type_name::<F>(), taken: Cell::new(false) }
    }

    /// It becomes a task; the type name of the future inside.
    pub(crate) fn becomes_task(&self) -> &'static str {
        self.taken.set(true);
        self.type_name
    }

    /// The name of the function that made it: `c1` for `c1()`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        function_of(self.type_name)
    }
}

impl<T> Future for Coroutine<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.taken.set(true);
        self.future.as_mut().poll(cx)
    }
}

impl<T> Drop for Coroutine<T> {
    fn drop(&mut self) {
        if !self.taken.get() {
            never_awaited(self.type_name);
        }
    }
}

/// In debug mode, says that a coroutine has done nothing.
#[cold]
fn never_awaited(type_name: &str) {
    if let Some(core) = current::known().filter(|core| core.debug.get()) {
        let message = format!("coroutine '{}' was never awaited", function_of(type_name));
        deliver(Some(&core), &Report::remark(message));
    }
}

/// As Python's: `<coroutine object c1>`.
impl<T> fmt::Debug for Coroutine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<coroutine object {}>", self.name())
    }
}

/// `crate::module::c1::{{closure}}` → `c1`: the function a coroutine was made by, from its type's name.
pub(crate) fn function_of(type_name: &str) -> &str {
    let mut path = type_name;
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    // A coroutine of this library may be wrapped, see `task/awaiting.rs`.
    if let Some(inner) = path.strip_prefix("asyncio::task::awaiting::Awaiting<").and_then(|path| path.strip_suffix('>'))
    {
        return function_of(inner);
    }
    let path = without_arguments(path);
    match path.rsplit("::").next().unwrap_or(path) {
        // What Boucle calls the function around a notebook cell.
        "boucle_cell" => "async_block",
        name => name,
    }
}

/// A path without the generic arguments at its end.
fn without_arguments(path: &str) -> &str {
    if !path.ends_with('>') {
        return path;
    }
    let mut depth = 0;
    for (at, c) in path.char_indices().rev() {
        match c {
            // Not that of an arrow.
            '>' if !path[..at].ends_with('-') => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return if at > 0 { path[..at].trim_end_matches("::") } else { path };
        }
    }
    path
}

/// How a callback is named in a message: by its function, if it is one.
pub(crate) fn callback_of(type_name: &str) -> &str {
    if type_name.ends_with("{{closure}}") { "<closure>" } else { function_of(type_name) }
}

#[cfg(test)]
mod tests {
    use super::{Coroutine, function_of};

    #[test]
    fn a_coroutine_is_called_after_its_function() {
        assert_eq!(function_of("cell::c1::{{closure}}"), "c1");
        assert_eq!(function_of("cell::Player::run::{{closure}}::{{closure}}"), "run");
        assert_eq!(function_of("cell::job<alloc::string::String>::{{closure}}"), "job");
        assert_eq!(function_of("cell::job<fn(i32) -> Vec<u8>>::{{closure}}"), "job");
        assert_eq!(function_of("cell::Queue<Vec<(u8, f64)>>::put::{{closure}}"), "put");
        assert_eq!(function_of("<cell::A<u8> as cell::B>::next::{{closure}}"), "next");
        assert_eq!(function_of("alloc::boxed::Box<dyn core::future::Future>"), "Box");
        assert_eq!(function_of("asyncio::time::Sleep"), "Sleep");
        let wrapped = std::any::type_name_of_val(&crate::Event::new().wait()).to_owned();
        assert_eq!(function_of(&wrapped), "wait", "{wrapped}");
        assert_eq!(function_of("cell::boucle_cell::{{closure}}::{{closure}}"), "async_block");
    }

    #[test]
    fn a_boxed_coroutine_keeps_its_name() {
        async fn c1() {}
        assert_eq!(format!("{:?}", Coroutine::new(c1())), "<coroutine object c1>");
    }
}
