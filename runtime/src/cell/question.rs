//! `?` at the top level of a cell, which ends the cell with the error. `:efmt` decides how the error is written, and so
//! which of these functions generated code calls.

use std::any::{Any, type_name};
use std::fmt::{Debug, Display};
use std::panic::Location;

use super::Failed;
use crate::display;

/// What `?` can be applied to at the top level of a cell.
#[diagnostic::on_unimplemented(
    message = "the `?` operator can only be applied to a `Result` or an `Option`, not to `{Self}`",
    label = "cannot use `?` on this"
)]
pub trait Question {
    /// What is left when all is well.
    type Output;

    /// The value, or what ends the cell: the error in its `Debug` form, perhaps the one over several lines.
    ///
    /// # Errors
    /// The payload of [`Ending`](super::Ending).
    fn question(self, pretty: bool, location: &'static Location<'static>) -> Result<Self::Output, Box<dyn Any + Send>>;
}

impl<T, E: Debug> Question for Result<T, E> {
    type Output = T;

    fn question(self, pretty: bool, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        let write = |error: E| if pretty { format!("{error:#?}") } else { format!("{error:?}") };
        self.map_err(|error| failed(type_name::<E>(), write(error), location))
    }
}

impl<T> Question for Option<T> {
    type Output = T;

    fn question(self, _: bool, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        self.ok_or_else(|| nothing(location))
    }
}

/// What `?` can be applied to after `:efmt {}`.
#[diagnostic::on_unimplemented(
    message = "after `:efmt {{}}` the `?` operator needs an `Option`, or a `Result` whose error has a `Display` form, not `{Self}`",
    label = "cannot use `?` on this"
)]
pub trait DisplayedQuestion {
    /// What is left when all is well.
    type Output;

    /// The value, or what ends the cell: the error in its `Display` form.
    ///
    /// # Errors
    /// The payload of [`Ending`](super::Ending).
    fn question(self, location: &'static Location<'static>) -> Result<Self::Output, Box<dyn Any + Send>>;
}

impl<T, E: Display> DisplayedQuestion for Result<T, E> {
    type Output = T;

    fn question(self, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        self.map_err(|error| failed(type_name::<E>(), error.to_string(), location))
    }
}

impl<T> DisplayedQuestion for Option<T> {
    type Output = T;

    fn question(self, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        self.ok_or_else(|| nothing(location))
    }
}

/// The value of `x?` at the top level of a cell.
///
/// # Errors
/// What ends the cell.
#[track_caller]
pub fn question<T: Question>(value: T) -> Result<T::Output, Box<dyn Any + Send>> {
    value.question(false, Location::caller())
}

/// The same with `:efmt {:#?}`.
///
/// # Errors
/// What ends the cell.
#[track_caller]
pub fn question_pretty<T: Question>(value: T) -> Result<T::Output, Box<dyn Any + Send>> {
    value.question(true, Location::caller())
}

/// The same with `:efmt {}`.
///
/// # Errors
/// What ends the cell.
#[track_caller]
pub fn question_displayed<T: DisplayedQuestion>(value: T) -> Result<T::Output, Box<dyn Any + Send>> {
    value.question(Location::caller())
}

fn nothing(location: &'static Location<'static>) -> Box<dyn Any + Send> {
    failed("None", "`?` found `None`".to_owned(), location)
}

fn failed(type_name: &str, message: String, location: &'static Location<'static>) -> Box<dyn Any + Send> {
    Box::new(Failed { name: display::without_paths(type_name), message, location })
}
