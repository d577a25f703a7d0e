//! Where panics happen, in terms of cells rather than of generated files. `run` adds each cell's map before it runs;
//! the panic hook reads them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};
use std::thread;

use boucle_wire::{Failure, FromWorker, Location, Piece};

use crate::control::Kernel;
use crate::frames;

/// Generated file → where the user's text stands in it.
static MAPS: Mutex<Option<HashMap<String, Vec<Piece>>>> = Mutex::new(None);

thread_local! {
    /// Where the last panic of this thread happened, and what was on the stack.
    static LAST: RefCell<(Option<Location>, Vec<usize>)> = const { RefCell::new((None, Vec::new())) };
}

/// Remembers the map of a generated file; a file of the same name is replaced.
pub(crate) fn add(file: String, pieces: Vec<Piece>) {
    MAPS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(file, pieces);
}

/// The place in a cell that a place in a generated file is. Other files' places are what they are.
pub(crate) fn translate(file: &str, line: u32, column: u32) -> Location {
    let maps = MAPS.lock().unwrap_or_else(PoisonError::into_inner);
    let pieces = maps.as_ref().and_then(|maps| maps.get(file)).map_or(&[][..], Vec::as_slice);
    // A place in what the engine has put between stands for the text that follows it.
    let ended = pieces.partition_point(|piece| (piece.end_line, piece.end_column) <= (line, column));
    match pieces.get(ended).or(pieces.last()) {
        None => Location { file: file.to_owned(), line, column },
        Some(piece) if (piece.line, piece.column) > (line, column) => piece.place.clone(),
        Some(piece) if piece.line == line => {
            Location { column: piece.place.column + (column - piece.column), ..piece.place.clone() }
        }
        Some(piece) => {
            Location { file: piece.place.file.clone(), line: piece.place.line + (line - piece.line), column }
        }
    }
}

/// Takes the place of this thread's last panic, and the addresses that were on its stack.
pub(crate) fn take_last() -> (Option<Location>, Vec<usize>) {
    LAST.take()
}

/// Reads a place that [`show`] has written.
pub(crate) fn parse(text: &str) -> Option<Location> {
    let mut parts = text.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some(Location { file: parts.next()?.to_owned(), line, column })
}

/// A place as `file:line:column`.
pub(crate) fn show(location: &Location) -> String {
    format!("{}:{}:{}", location.file, location.line, location.column)
}

/// Panics of the cell's own thread are reported by the kernel, which hears of them at once, and those of tasks by the
/// event loop; those of other threads have nobody else, so they are printed.
pub(crate) fn install_panic_hook(kernel: Kernel) {
    asyncio::error::assume_external_hook();
    asyncio::cell::name_places(|place| show(&translate(place.file(), place.line(), place.column())));
    let cell_thread = thread::current().id();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let place = info.location().map(|place| translate(place.file(), place.line(), place.column()));
        let addresses = frames::on_the_stack();
        asyncio::error::note_origin(place.as_ref().map(show), addresses.clone());
        let (name, message) = asyncio::error::describe_panic(info);
        if thread::current().id() == cell_thread {
            // If the kernel is gone, this process is about to end.
            let failure = Failure { name, message, location: place.clone(), ..Failure::default() };
            let _ = kernel.send(&FromWorker::Panicking { cell: kernel.jobs().current(), failure });
        } else {
            let thread = thread::current();
            let place = place.as_ref().map_or_else(|| "an unknown place".to_owned(), show);
            let told = if name == "panic" { message } else { format!("{name}: {message}") };
            super::run::complain(&format!(
                "thread '{}' panicked at {place}:\n{told}",
                thread.name().unwrap_or("<unnamed>")
            ));
        }
        LAST.set((place, addresses));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, line: u32, column: u32) -> Location {
        Location { file: file.into(), line, column }
    }

    #[test]
    fn places_are_those_of_the_piece_they_lie_in() {
        let piece = |line, column, end_line, place| Piece { line, column, end_line, end_column: 60, place };
        add("In[7]".into(), vec![piece(1, 50, 2, place("In[7]", 1, 1)), piece(4, 1, 5, place("In[2]", 9, 5))]);
        assert_eq!(translate("In[7]", 1, 20), place("In[7]", 1, 1));
        assert_eq!(translate("In[7]", 3, 2), place("In[2]", 9, 5));
        assert_eq!(translate("In[7]", 9, 2), place("In[2]", 14, 2));
        assert_eq!(translate("In[7]", 1, 52), place("In[7]", 1, 3));
        assert_eq!(translate("In[7]", 2, 5), place("In[7]", 2, 5));
        assert_eq!(translate("In[7]", 4, 3), place("In[2]", 9, 7));
        assert_eq!(translate("In[7]", 5, 3), place("In[2]", 10, 3));
        assert_eq!(translate("lib.rs", 5, 3), place("lib.rs", 5, 3));
    }

    #[test]
    fn places_can_be_read_back() {
        let place = place("a:b.rs", 3, 4);
        assert_eq!(parse(&show(&place)), Some(place));
        assert_eq!(parse("nowhere"), None);
    }
}
