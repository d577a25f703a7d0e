//! The variables of a notebook, and how one cell ends. The worker owns the [`Scope`] and passes it to each cell.

use std::alloc::Layout;
use std::any::{Any, type_name};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use crate::display::{self, Event, Formats, MimeBundle};

/// How a cell, or a level of it, ends: well, or with the payload of what ended it.
pub type Ending = Result<(), Box<dyn Any + Send>>;

/// The payload of a cell that `?` ended.
#[derive(Debug)]
pub struct Failed {
    /// The error's type, without its path.
    pub name: String,
    /// The error, in words.
    pub message: String,
    /// What caused it, the nearest cause first.
    pub causes: Vec<String>,
    /// Where the `?` stands.
    pub location: &'static Location<'static>,
}

/// A variable that a cell has stored, and the number of the store in the generated code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAt {
    /// The variable's name.
    pub name: String,
    /// The store's number.
    pub site: u32,
}

/// The variables between cells.
#[derive(Default)]
pub struct Scope {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    variables: HashMap<String, Variable>,
    /// The cells that run: one may run between two turns of a loop that another one drives.
    cells: Vec<Frame>,
}

/// What a cell that runs has done.
struct Frame {
    stored: Vec<StoredAt>,
    discard: Vec<u32>,
    /// How values were written before.
    formats: Formats,
}

/// A value, and the name of its type.
struct Variable {
    value: Box<dyn Any>,
    type_name: &'static str,
}

impl Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("variables", &self.names()).finish_non_exhaustive()
    }
}

impl Scope {
    /// A cell begins: drops the variables of the given names, and remembers which stores to ignore. [`Scope::end`] belongs
    /// to it.
    pub fn begin(&self, forget: &[String], discard: Vec<u32>) {
        let formats = display::replace_formats(Formats::default());
        let dropped: Vec<_> = {
            let mut state = self.state.borrow_mut();
            state.cells.push(Frame { stored: Vec::new(), discard, formats });
            forget.iter().filter_map(|name| state.variables.remove(name)).collect()
        };
        // Destructors are the user's code and may do anything, so no borrow is held here.
        drop(dropped);
    }

    /// The cell that has begun last has ended; what it has stored.
    pub fn end(&self) -> Vec<StoredAt> {
        let Some(Frame { stored, formats, .. }) = self.state.borrow_mut().cells.pop() else { return Vec::new() };
        display::replace_formats(formats);
        stored
    }

    /// The names of all variables, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.state.borrow().variables.keys().cloned().collect();
        names.sort();
        names
    }

    /// Takes a variable out.
    ///
    /// # Panics
    /// If there is none of this name and type, which would be a mistake of the kernel.
    ///
    /// # Safety
    /// The variable must have been stored with this type. Its `TypeId` may be another one by now, since all types get new
    /// ones when one of them changes; so it is the kernel that knows, and only the type's name and size are compared here.
    #[must_use]
    pub unsafe fn take<T: 'static>(&self, name: &str) -> T {
        let value = self.take_any(name, type_name::<T>(), Layout::new::<T>());
        // SAFETY: by the contract of this function, the box was made of a `T`.
        *unsafe { Box::from_raw(Box::into_raw(value).cast::<T>()) }
    }

    fn take_any(&self, name: &str, type_name: &'static str, layout: Layout) -> Box<dyn Any> {
        let mut state = self.state.borrow_mut();
        match state.variables.remove(name) {
            Some(variable) if variable.type_name == type_name && Layout::for_value(&*variable.value) == layout => {
                variable.value
            }
            Some(variable) => {
                state.variables.insert(name.to_owned(), variable);
                drop(state);
                panic!(
                    "the variable `{name}` is not the `{type_name}` that Boucle takes it for; run its definition again"
                )
            }
            None => {
                drop(state);
                panic!("Boucle has lost the variable `{name}`; this is a bug in Boucle")
            }
        }
    }

    /// Never runs: the compiler is asked for the type of the value.
    pub fn probe<T>(&self, _site: u32, _name: &str, _value: Kept<T>) {}

    /// Stores a variable. The first store of a name in a cell counts: cells store the innermost variable first.
    pub fn put<T: 'static>(&self, site: u32, name: &str, kept: Kept<T>) {
        self.put_any(site, name, Variable { value: Box::new(kept.value), type_name: type_name::<T>() });
    }

    fn put_any(&self, site: u32, name: &str, value: Variable) {
        let surplus = {
            let State { variables, cells } = &mut *self.state.borrow_mut();
            match cells.last_mut() {
                Some(cell) if !cell.stored.iter().any(|stored| stored.name == name) => {
                    cell.stored.push(StoredAt { name: name.to_owned(), site });
                    if cell.discard.contains(&site) { Some(value) } else { variables.insert(name.to_owned(), value) }
                }
                _ => Some(value),
            }
        };
        // As in `begin`: no borrow while the user's destructor runs. A panic in it must not stop the other stores.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(surplus)));
    }

    /// Runs a level of a cell, so that whatever ends it the level around it goes on to store its variables.
    ///
    /// # Errors
    /// What ended the level early.
    pub fn run<F: FnOnce() -> Ending>(&self, level: F) -> Ending {
        let mut level = Some(level);
        let mut ending = Ok(());
        let caught = catch(&mut || {
            if let Some(level) = level.take() {
                ending = level();
            }
        });
        caught.and(ending)
    }
}

fn catch(level: &mut dyn FnMut()) -> Ending {
    catch_unwind(AssertUnwindSafe(level))
}

/// Shows the value of the cell, unless there is nothing to show.
pub fn result(bundle: Option<MimeBundle>) {
    if let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) {
        display::emit(Event::Result(bundle));
    }
}

/// A value on its way into the store. It has a size even where the value has none: rustc replaces what has none by a
/// constant, of which it does not write the type in full.
#[derive(Debug)]
pub struct Kept<T> {
    value: T,
    _size: u8,
}

/// The value, through a call that rustc does not look into.
#[inline(never)]
pub fn keep<T>(value: T) -> Kept<T> {
    Kept { value, _size: 0 }
}

/// Ends the cell as a `return` of the user's asks for; the value is dropped.
///
/// # Errors
/// Never.
pub fn returned<T>(value: T) -> Ending {
    drop(value);
    Ok(())
}
