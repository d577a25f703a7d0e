//! How tasks are written: `<Task pending name='Task-1' coro=<c1()>>`, Python's form.
//! Used by `Debug`, by reports, and so by a notebook cell whose value is a task.

use std::any::Any;
use std::fmt::Write;

use crate::coroutine::function_of;
use crate::state::cell::{AnyCell, Status};

/// The task's name: the one it was given, else `Task-N`.
pub(crate) fn name(cell: &AnyCell) -> String {
    let given = cell.head.if_rare(|rare| rare.name.as_deref().map(str::to_owned)).flatten();
    given.unwrap_or_else(|| format!("Task-{}", cell.head.number()))
}

/// The task in Python's form; `value` is its result where that can be written.
pub(crate) fn of(cell: &AnyCell, value: Option<&dyn Any>) -> String {
    let head = &cell.head;
    let status = match head.status.get() {
        Status::Pending if head.must_cancel.get() => "cancelling",
        Status::Pending => "pending",
        Status::Finished | Status::Failed => "finished",
        Status::Cancelled => "cancelled",
    };
    let mut text = if head.number() == 0 {
        format!("<{} {status}", kind(cell))
    } else {
        let state = if head.is_pending() { "" } else { " done" };
        let coroutine = coroutine(cell);
        format!("<Task {status} name='{}' coro=<{coroutine}(){state}>", name(cell))
    };
    // Writing to a string cannot fail.
    if let Some(exception) = head.if_rare(|rare| rare.exception.clone()).flatten() {
        let _ = write!(text, " exception={exception:?}");
    } else if let Some(result) = value.and_then(write_value) {
        let _ = write!(text, " result={result}");
    }
    text.push('>');
    text
}

/// What it is: a task, a gathering, or a plain future.
pub(crate) fn kind(cell: &AnyCell) -> &'static str {
    if cell.head.number() != 0 {
        "Task"
    } else if cell.head.if_rare(|rare| rare.parts.is_some()) == Some(true) {
        "_GatheringFuture"
    } else {
        "Future"
    }
}

/// The name of the function whose coroutine the task runs.
pub(crate) fn coroutine(cell: &AnyCell) -> &'static str {
    function_of(cell.type_name())
}

/// Values of the everyday types; for others, whether they implement `Debug` cannot be known here.
fn write_value(value: &dyn Any) -> Option<String> {
    macro_rules! try_types {
        ($($ty:ty),*) => {$(
            if let Some(value) = value.downcast_ref::<$ty>() {
                return Some(format!("{value:?}"));
            }
        )*};
    }
    try_types!(
        (),
        bool,
        char,
        &str,
        String,
        i8,
        i16,
        i32,
        i64,
        i128,
        isize,
        u8,
        u16,
        u32,
        u64,
        u128,
        usize,
        f32,
        f64,
        Vec<()>,
        Vec<i32>,
        Vec<i64>,
        Vec<u64>,
        Vec<usize>,
        Vec<f64>,
        Vec<String>,
        Vec<&str>,
        Option<i32>,
        Option<String>
    );
    None
}
