//! `?` at the top level of a cell, which ends the cell with the error. `:efmt` decides how the error is written, and so
//! which of these functions generated code calls. Usually an error says what it is and what has caused it; cells with an
//! error that is no [`Error`], and no text either, are compiled once more to show its `Debug` form.

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::panic::Location;

use super::Failed;
use crate::display;

/// How many causes of an error are told: one that is its own cause must not end the process.
const MOST_CAUSES: usize = 16;

/// What `?` can be applied to at the top level of a cell, as long as its error explains itself.
pub trait ExplainedQuestion {
    /// What is left when all is well.
    type Output;

    /// The value, or what ends the cell: what the error says of itself and of its causes.
    ///
    /// # Errors
    /// The payload of [`Ending`](super::Ending).
    fn question(self, location: &'static Location<'static>) -> Result<Self::Output, Box<dyn Any + Send>>;
}

/// Into a boxed error goes whatever people return as one: errors, texts, boxed errors, and those of anyhow and eyre.
impl<'a, T, E: Into<Box<dyn Error + 'a>>> ExplainedQuestion for Result<T, E> {
    type Output = T;

    fn question(self, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        self.map_err(|error| explained(type_name::<E>(), error.into(), location))
    }
}

impl<T> ExplainedQuestion for Option<T> {
    type Output = T;

    fn question(self, location: &'static Location<'static>) -> Result<T, Box<dyn Any + Send>> {
        self.ok_or_else(|| nothing(location))
    }
}

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
pub fn question<T: ExplainedQuestion>(value: T) -> Result<T::Output, Box<dyn Any + Send>> {
    value.question(Location::caller())
}

/// The same with `:efmt {:?}`.
///
/// # Errors
/// What ends the cell.
#[track_caller]
pub fn question_debug<T: Question>(value: T) -> Result<T::Output, Box<dyn Any + Send>> {
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
    Box::new(Failed { name: name_of(type_name), message, causes: Vec::new(), location })
}

fn explained(type_name: &str, error: Box<dyn Error + '_>, location: &'static Location<'static>) -> Box<dyn Any + Send> {
    let message = match error.to_string() {
        message if message.is_empty() => format!("{error:?}"),
        message => message,
    };
    let causes = causes(&message, &*error);
    Box::new(Failed { name: name_of(type_name), message, causes, location })
}

/// What an error's type is called. Many crates call theirs `Error`, so that one is named with its crate, as people write it.
fn name_of(type_name: &str) -> String {
    let path: Vec<&str> = type_name.split("::").collect();
    let family = match path.as_slice() {
        // A type of the notebook's own.
        ["cell", ..] => None,
        ["std" | "core" | "alloc", module, .., "Error"] => Some(module),
        [family, .., "Error"] => Some(family),
        _ => None,
    };
    match family {
        Some(family) if !type_name.contains('<') => format!("{family}::Error"),
        _ => display::without_paths(type_name),
    }
}

/// What the causes of an error say, the nearest first. Many errors quote their cause, which need not be said twice.
fn causes(message: &str, error: &dyn Error) -> Vec<String> {
    let mut said = message.to_owned();
    let mut causes = Vec::new();
    let mut next = error.source();
    for _ in 0..MOST_CAUSES {
        let Some(cause) = next else { break };
        let text = cause.to_string();
        if !said.ends_with(&text) {
            causes.push(text.clone());
            said = text;
        }
        next = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_called_error_are_named_with_their_crate() {
        let names = [
            "std::io::error::Error",
            "core::fmt::Error",
            "serde_json::error::Error",
            "anyhow::Error",
            "cell::Error",
            "cell::shop::Error",
            "core::num::error::ParseIntError",
            "alloc::boxed::Box<dyn core::error::Error>",
        ];
        let expected = [
            "io::Error",
            "fmt::Error",
            "serde_json::Error",
            "anyhow::Error",
            "Error",
            "Error",
            "ParseIntError",
            "Box<dyn Error>",
        ];
        assert_eq!(names.map(name_of), expected);
    }

    /// An error that says this, because of that one.
    #[derive(Debug)]
    struct Because(&'static str, Option<Box<Because>>);

    impl Display for Because {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Because {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    /// What ends a cell for such an error.
    fn ending<E>(error: E) -> Failed
    where
        Result<(), E>: ExplainedQuestion<Output = ()>,
    {
        *question(Err(error)).unwrap_err().downcast().unwrap()
    }

    #[test]
    fn an_error_is_explained_with_its_causes() {
        let because = |text, cause: Option<Because>| Because(text, cause.map(Box::new));
        let disk = || because("the disk is full", None);
        let failed = ending(because("cannot save", Some(because("cannot write: the disk is full", Some(disk())))));
        assert_eq!(
            (failed.name.as_str(), failed.message.as_str(), failed.causes),
            ("Because", "cannot save", vec!["cannot write: the disk is full".to_owned()])
        );
        assert_eq!(ending(because("a", Some(because("b", Some(disk()))))).causes, ["b", "the disk is full"]);
        // What says nothing shows what it is made of.
        assert_eq!(ending(because("", None)).message, "Because(\"\", None)");
    }

    #[test]
    fn whatever_people_return_as_an_error_is_explained() {
        assert_eq!(ending("a text").message, "a text");
        assert_eq!(ending(String::from("a text")).message, "a text");
        assert_eq!(ending::<Box<dyn Error>>("boxed".into()).message, "boxed");
        let lock = std::sync::Mutex::new(1);
        assert_eq!(question(lock.lock()).map(|guard| *guard).ok(), Some(1));
    }
}
