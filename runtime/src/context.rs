//! Context variables: values that belong to a task and to those it starts, without being passed along. Python's
//! `contextvars`, for request numbers, users, loggers.
//!
//! The current context is that of the task whose step runs, or of what [`Context::run`] runs; else the thread's own. A task
//! gets a copy of the current one when it is made, and so does a function given to `call_soon` and its like. Until a
//! variable is set for the first time, all that costs nothing.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::current;
use crate::error::value_error;
use crate::state::context::{Values, is_used};
use crate::state::key::Key;

thread_local! {
    /// The context of plain code.
    static OUTSIDE: RefCell<Values> = RefCell::default();
    /// The contexts in which functions run, each with the task that runs it.
    static ENTERED: RefCell<Vec<(Key, Values)>> = const { RefCell::new(Vec::new()) };
}

/// Works with the current values. `work` must not run foreign code.
fn with_current<R>(work: impl FnOnce(&mut Values) -> R) -> R {
    let mut values = exchange(Values::default());
    let result = work(&mut values);
    let nothing = exchange(values);
    debug_assert!(nothing.is_empty(), "nobody else was at work here");
    result
}

/// Puts values in the place of the current ones, which are returned.
fn exchange(values: Values) -> Values {
    let key = current::key();
    // When a thread ends, the last values of its own may still ask for others.
    let entered = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let (_, current) = entered.last_mut().filter(|(runner, _)| *runner == key)?;
        Some(mem::replace(current, values.clone()))
    });
    if let Ok(Some(current)) = entered {
        return current;
    }
    match current::with_task(|task| task.head.with_rare(|rare| rare.context.replace(values.clone()))) {
        Some(current) => current.unwrap_or_default(),
        None => OUTSIDE.try_with(|outside| outside.replace(values)).unwrap_or_default(),
    }
}

/// The current values, for a task or a callback that is being made; `None` when there are none.
#[inline]
pub(crate) fn inherited() -> Option<Values> {
    if is_used() { copy() } else { None }
}

#[cold]
fn copy() -> Option<Values> {
    Some(with_current(|values| values.clone())).filter(|values| !values.is_empty())
}

/// A variable whose value depends on the context: Python's `contextvars.ContextVar`. Made for a `static`.
///
/// ```
/// use asyncio::{ContextVar, gather};
///
/// static USER: ContextVar<&str> = ContextVar::new("user");
///
/// async fn greet() -> String {
///     asyncio::sleep(0).await;
///     format!("hello {}", USER.get().unwrap_or("stranger"))
/// }
/// async fn greet_as(user: &'static str) -> String {
///     USER.set(user);
///     greet().await
/// }
/// let greetings = asyncio::run(async { gather!(greet_as("Ada"), greet_as("Grace"), greet()).await });
/// assert_eq!(greetings, ("hello Ada".into(), "hello Grace".into(), "hello stranger".into()));
/// ```
pub struct ContextVar<T> {
    name: &'static str,
    default: Option<fn() -> T>,
    /// Given out at the first use.
    number: AtomicU64,
}

impl<T: Clone + 'static> ContextVar<T> {
    /// A variable without a value.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, default: None, number: AtomicU64::new(0) }
    }

    /// A variable that has the value of `default` where none was set.
    ///
    /// ```
    /// use asyncio::ContextVar;
    /// static LEVEL: ContextVar<u32> = ContextVar::with_default("level", || 1);
    /// assert_eq!((LEVEL.name(), LEVEL.get()), ("level", Some(1)));
    /// ```
    #[must_use]
    pub const fn with_default(name: &'static str, default: fn() -> T) -> Self {
        Self { name, default: Some(default), number: AtomicU64::new(0) }
    }

    /// Its name, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The value in the current context, else the default; `None` where Python raises `LookupError`.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        let value = with_current(|values| values.get(self.number()));
        let value = value.as_deref().and_then(|value| value.downcast_ref::<T>()).cloned();
        value.or_else(|| self.default.map(|default| default()))
    }

    /// Sets the value in the current context. The token gives it back to [`reset`](Self::reset).
    ///
    /// ```
    /// use asyncio::{ContextVar, Token};
    /// static DEPTH: ContextVar<u32> = ContextVar::new("depth");
    /// let before: Token<u32> = DEPTH.set(1);
    /// DEPTH.set(2);
    /// assert_eq!((DEPTH.get(), before.old_value()), (Some(2), None));
    /// DEPTH.reset(before);
    /// assert_eq!(DEPTH.get(), None);
    /// ```
    pub fn set(&self, value: T) -> Token<T> {
        let value: Rc<dyn Any> = Rc::new(value);
        let old = with_current(|values| values.replace(self.number(), Some(value)));
        Token { variable: self.number(), old, of: PhantomData }
    }

    /// Sets the value that was there before the [`set`](Self::set) that gave the token, or none.
    ///
    /// # Panics
    /// Raises [`ValueError`](crate::ValueError) for a token of another variable.
    #[track_caller]
    pub fn reset(&self, token: Token<T>) {
        if token.variable != self.number() {
            value_error("the token was created by a different ContextVar");
        }
        let set = with_current(|values| values.replace(token.variable, token.old));
        drop(set);
    }

    fn number(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        match self.number.load(Ordering::Relaxed) {
            0 => {
                let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
                // Another thread may have been first.
                self.number
                    .compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed)
                    .map_or_else(|known| known, |_| fresh)
            }
            number => number,
        }
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<ContextVar name='{}'>", self.name)
    }
}

/// What a variable was before it was set: Python's `contextvars.Token`.
pub struct Token<T> {
    variable: u64,
    old: Option<Rc<dyn Any>>,
    of: PhantomData<T>,
}

impl<T: Clone + 'static> Token<T> {
    /// The value before, `None` when there was none.
    #[must_use]
    pub fn old_value(&self) -> Option<T> {
        self.old.as_deref().and_then(|value| value.downcast_ref::<T>()).cloned()
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Token>")
    }
}

/// The values of all context variables: Python's `contextvars.Context`.
#[derive(Clone, Default)]
pub struct Context {
    values: Values,
}

/// A copy of the current context: Python's `contextvars.copy_context`.
///
/// ```
/// use asyncio::{Context, ContextVar, copy_context};
/// static USER: ContextVar<&str> = ContextVar::new("user");
/// USER.set("Ada");
/// let mut context: Context = copy_context();
/// context.run(|| drop(USER.set("Grace")));
/// assert_eq!((USER.get(), context.run(|| USER.get())), (Some("Ada"), Some("Grace")));
/// ```
#[must_use]
pub fn copy_context() -> Context {
    Context { values: with_current(|values| values.clone()) }
}

impl Context {
    /// Runs `function` in this context, which keeps what it sets.
    ///
    /// # Panics
    /// With what `function` raises.
    pub fn run<R>(&mut self, function: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(&mut self.values);
        function()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Context>")
    }
}

/// A context is the current one while this lives.
struct Entered<'a> {
    home: &'a mut Values,
}

impl<'a> Entered<'a> {
    fn new(home: &'a mut Values) -> Self {
        let values = mem::take(home);
        ENTERED.with_borrow_mut(|entered| entered.push((current::key(), values)));
        Self { home }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some((_, values)) = ENTERED.with_borrow_mut(Vec::pop) {
            *self.home = values;
        }
    }
}

/// A callback that will run in the context in which it was made.
pub(crate) fn bound(function: Box<dyn FnOnce()>) -> Box<dyn FnOnce()> {
    match inherited() {
        Some(values) => Box::new(move || Context { values }.run(function)),
        None => function,
    }
}
