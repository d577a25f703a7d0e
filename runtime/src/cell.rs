//! What the code that Boucle generates around a notebook cell calls: variables that outlive their cell, the value that
//! a cell shows, `.await` and `?` at top level. Not for people; every item here may change with any version.
//!
//! Everything generic is thin: it is compiled again in every cell, so it boxes what it is given and calls code that is
//! not generic and lives in this library.

mod debug;
mod measure;
mod never;
mod question;
mod scope;
mod strips;
mod wait;

pub use crate::display::{ByDisplay, ByNoDisplay, Displayed, set_formats};
pub use crate::input::{Asker, Prompt, set_asker};
pub use crate::interrupt::checkpoint;
pub use crate::place::set_names as name_places;
pub use crate::rest::watch_rest;
pub use crate::trace::record_timeline;
pub use crate::visitors::{knock, welcome};
pub use debug::{debug, debug_place};
pub use measure::measure;
pub use never::Never;
pub use question::{
    DisplayedQuestion, ExplainedQuestion, Question, question, question_debug, question_displayed, question_pretty,
};
pub use scope::{Ending, Failed, Kept, Scope, StoredAt, keep, result, returned};
pub use strips::{Step, Strip, StripInclusive, Strips, strips};
pub use wait::{assume_notebook, coroutine, thread_sleep, wait};
