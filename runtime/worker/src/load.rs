//! Opens the libraries that hold cells: the only place that does, and none is ever closed. Called by `run`.

use std::error::Error;
use std::path::Path;

use asyncio::cell::{Ending, Scope};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};

/// The function that a cell's library exports.
pub(crate) type Entry = fn(&Scope) -> Ending;

/// Opens a library and finds the cell in it; `None` if it holds only definitions.
///
/// # Errors
/// What the dynamic linker says.
pub(crate) fn load(library: &Path) -> Result<Option<Entry>, String> {
    // SAFETY: the kernel has compiled the library for this very process, against the `asyncio` and std that are loaded
    // here; it has no initializers of its own. Its statics are visible to later cells, which declare them.
    let library = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) };
    let library = library.map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        format!("the compiled cell cannot be loaded: {cause}")
    })?;
    // SAFETY: the kernel gives the function this name and type.
    let entry: Option<Entry> =
        unsafe { library.get::<Entry>(b"boucle_cell\0") }.ok().map(|symbol: Symbol<Entry>| *symbol);
    // Tasks, variables and statics point into the library for as long as the process lives.
    std::mem::forget(library);
    Ok(entry)
}
