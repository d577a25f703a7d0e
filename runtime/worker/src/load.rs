//! Opens the libraries that hold cells: the only place that does, and none is ever closed. Called by `run`.

use std::error::Error;
use std::path::{Path, PathBuf};

use asyncio::cell::{Ending, Scope};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};

/// The function that a cell's library exports.
pub(crate) type Entry = fn(&Scope) -> Ending;

/// Opens a library, after those of the crates that it uses, and finds the cell in it; `None` if it holds only
/// definitions.
///
/// # Errors
/// What the dynamic linker says.
pub(crate) fn load(crates: &[PathBuf], library: &Path) -> Result<Option<Entry>, String> {
    for bundle in crates {
        // To open one again takes a few microseconds, and changes nothing.
        std::mem::forget(open(bundle).map_err(|cause| format!("the crates cannot be loaded: {cause}"))?);
    }
    let library = open(library).map_err(|cause| format!("the compiled cell cannot be loaded: {cause}"))?;
    // SAFETY: the kernel gives the function this name and type.
    let entry: Option<Entry> =
        unsafe { library.get::<Entry>(b"boucle_cell\0") }.ok().map(|symbol: Symbol<Entry>| *symbol);
    // Tasks, variables and statics point into the library for as long as the process lives.
    std::mem::forget(library);
    Ok(entry)
}

fn open(library: &Path) -> Result<Library, String> {
    // SAFETY: the kernel has compiled the library for this very process, against the `asyncio` and std that are loaded
    // here. A cell's has no initializers; those of a foreign library in a crate are what any program that uses the crate
    // runs. What it defines is visible to later cells, which declare it.
    let library = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_GLOBAL) };
    library.map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))
}
