//! How tasks are written: `<Task pending name='Task-1' coro=<c1()>>`, Python's form.
//! Used by `Debug`, by reports, and so by a notebook cell whose value is a task.

use std::any::Any;
use std::fmt::Write;

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
        format!("<_GatheringFuture {status}")
    } else {
        let state = if head.is_pending() { "" } else { " done" };
        let coroutine = coroutine(cell.body.type_name());
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

/// `crate::module::c1::{{closure}}` → `c1`: the function a coroutine was made by.
pub(crate) fn coroutine(type_name: &str) -> &str {
    let mut path = type_name;
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    let end = path.find('<').filter(|&at| at > 0).unwrap_or(path.len());
    let path = &path[..end];
    path.rsplit("::").next().unwrap_or(path)
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

#[cfg(test)]
mod tests {
    use super::coroutine;

    #[test]
    fn a_coroutine_is_called_after_its_function() {
        assert_eq!(coroutine("cell::c1::{{closure}}"), "c1");
        assert_eq!(coroutine("cell::Player::run::{{closure}}::{{closure}}"), "run");
        assert_eq!(coroutine("cell::job<alloc::string::String>::{{closure}}"), "job");
        assert_eq!(coroutine("asyncio::time::Sleep"), "Sleep");
    }
}
