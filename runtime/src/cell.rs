//! What the code that Boucle generates around a notebook cell calls: variables that outlive their cell, the value that
//! a cell shows, `.await` and `?` at top level. Not for people; every item here may change with any version.
//!
//! Everything generic is thin: it is compiled again in every cell, so it boxes what it is given and calls code that is
//! not generic and lives in this library.

mod debug;
mod measure;
mod never;
mod scope;
mod wait;

pub use crate::interrupt::checkpoint;
pub use debug::{debug, debug_place, name_debug_places};
pub use measure::measure;
pub use never::Never;
pub use scope::{Ending, Failed, Question, Scope, StoredAt, keep, question, result, returned};
pub use wait::{coroutine, thread_sleep, wait};
