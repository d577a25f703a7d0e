//! What `:fmt` and `:types` have set for the values of a cell. Set by generated code, read by `debug`.

use std::any::type_name;
use std::cell::Cell;
use std::fmt::{self, Debug, Display, Write};

use super::MimeBundle;

/// Writes a value in the user's format.
pub type Writer = fn(&mut dyn Write, &dyn Debug) -> fmt::Result;

thread_local! {
    static WRITER: Cell<Option<Writer>> = const { Cell::new(None) };
    static TYPES: Cell<bool> = const { Cell::new(false) };
}

/// Sets how the values of the cell that runs are written, and whether their types are.
pub fn set_formats(writer: Option<Writer>, types: bool) {
    replace_formats(Formats { writer, types });
}

/// How values are written, and whether their types are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Formats {
    writer: Option<Writer>,
    types: bool,
}

/// As [`set_formats`]; what was set before.
pub(crate) fn replace_formats(formats: Formats) -> Formats {
    let Formats { writer, types } = formats;
    Formats { writer: WRITER.replace(writer), types: TYPES.replace(types) }
}

/// Whether a format has been set, so that the text is not Rust's own.
pub(super) fn is_set() -> bool {
    WRITER.get().is_some()
}

/// Writes a value in the format that has been set.
///
/// # Errors
/// Those of the value and of the target.
pub(super) fn write(target: &mut dyn Write, value: &dyn Debug) -> fmt::Result {
    match WRITER.get() {
        Some(writer) => writer(target, value),
        None => write!(target, "{value:?}"),
    }
}

/// What stands before a value: its type, if that has been asked for.
pub(super) fn prefix(type_name: &str) -> String {
    if TYPES.get() { format!(": {} = ", super::without_paths(type_name)) } else { String::new() }
}

/// A value that is to be shown by its `Display` form, if it has one. Which it is the compiler decides, as in `choice`.
#[derive(Debug)]
pub struct Displayed<'a, T: ?Sized>(pub &'a T);

/// The value has a `Display` form.
pub trait ByDisplay {
    /// That form.
    fn displayed(&self) -> Option<MimeBundle>;
}

impl<T: Display + ?Sized> ByDisplay for Displayed<'_, T> {
    fn displayed(&self) -> Option<MimeBundle> {
        Some(MimeBundle::new().text(format!("{}{}", prefix(type_name::<T>()), self.0)))
    }
}

/// The value has none.
pub trait ByNoDisplay {
    /// `None`.
    fn displayed(&self) -> Option<MimeBundle>;
}

impl<T: ?Sized> ByNoDisplay for &Displayed<'_, T> {
    fn displayed(&self) -> Option<MimeBundle> {
        None
    }
}
