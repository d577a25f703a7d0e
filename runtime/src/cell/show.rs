//! The value of a cell's final expression: its `Debug` form, or its type where it has none.
//!
//! Which of the two it is, the compiler decides by method lookup: for a `Show<T>` with `T: Debug` it finds
//! [`ShowDebug`] first, and otherwise, one reference further, [`ShowType`].

use std::any::type_name;
use std::fmt::Debug;

use super::Scope;
use crate::coroutine::function_of;

/// A value to be shown.
#[derive(Debug)]
pub struct Show<'a, T: ?Sized>(pub &'a T);

/// Shows values that have a `Debug` form.
pub trait ShowDebug {
    /// Shows the value as that of the cell.
    fn __boucle_show(&self, scope: &Scope);
}

impl<T: Debug + ?Sized> ShowDebug for Show<'_, T> {
    fn __boucle_show(&self, scope: &Scope) {
        show_debug(scope, &self.0, type_name::<T>());
    }
}

/// Shows the type of all other values.
pub trait ShowType {
    /// Shows the value as that of the cell.
    fn __boucle_show(&self, scope: &Scope);
}

impl<T: ?Sized> ShowType for &Show<'_, T> {
    fn __boucle_show(&self, scope: &Scope) {
        show_type(scope, type_name::<T>());
    }
}

fn show_debug(scope: &Scope, value: &dyn Debug, type_name: &str) {
    // A statement's value, like Python's `None`, is not worth a line.
    if type_name != "()" {
        scope.show(true, vec![("text/plain".to_owned(), format!("{value:?}"))]);
    }
}

fn show_type(scope: &Scope, type_name: &str) {
    let text = if type_name.ends_with("{{closure}}") {
        // The compiler calls the future of an `async fn` a closure in it.
        format!("<coroutine object {}>", function_of(type_name))
    } else {
        format!("<{}>", without_paths(type_name))
    };
    scope.show(true, vec![("text/plain".to_owned(), text)]);
}

/// A type's name with the paths left out: `alloc::vec::Vec<cell::Point>` → `Vec<Point>`.
pub(super) fn without_paths(type_name: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    let mut chars = type_name.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '_' || c.is_alphanumeric() {
            word.push(c);
        } else if c == ':' && chars.peek() == Some(&':') {
            chars.next();
            word.clear();
        } else {
            short.push_str(&std::mem::take(&mut word));
            short.push(c);
        }
    }
    short + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_left_out() {
        assert_eq!(without_paths("alloc::vec::Vec<(cell::Point, &str)>"), "Vec<(Point, &str)>");
        assert_eq!(without_paths("i32"), "i32");
    }
}
