//! `dbg!` in cells: like the standard library's, with the place in the cell and the text that the user wrote.
//! The engine puts it where a cell calls `dbg!`; the worker says what a place in a generated file is called.

use std::fmt::Debug;
use std::panic::Location;

use crate::place;

/// Prints a value and its text to stderr, and returns it.
#[track_caller]
pub fn debug<T: Debug>(text: &str, value: T) -> T {
    print(text, &value, Location::caller());
    value
}

/// Prints the place alone.
#[track_caller]
pub fn debug_place() {
    print_line(&name(Location::caller()));
}

fn print(text: &str, value: &dyn Debug, location: &Location<'_>) {
    print_line(&format!("{} {text} = {value:#?}", name(location)));
}

fn name(location: &Location<'_>) -> String {
    format!("[{}]", place::name(location))
}

#[expect(clippy::print_stderr, reason = "that is what `dbg!` is for")]
fn print_line(line: &str) {
    eprintln!("{line}");
}

/// `dbg!` with the texts of its arguments in front.
#[doc(hidden)]
#[macro_export]
macro_rules! __boucle_dbg {
    (;) => { $crate::cell::debug_place() };
    ($text:literal,; $value:expr $(,)?) => { $crate::cell::debug($text, $value) };
    ($($text:literal,)+; $($value:expr),+ $(,)?) => { ($($crate::cell::debug($text, $value),)+) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_passed_through() {
        assert_eq!(crate::__boucle_dbg!("1 + 1",; 1 + 1), 2);
        assert_eq!(crate::__boucle_dbg!("a","b",; 'a', "b"), ('a', "b"));
        crate::__boucle_dbg!(;);
    }
}
