//! Turns the text of a cell into a crate that rustc can compile: text → [`Parsed`] → [`CellPlan`] → [`Generated`].
//! Called by the engine for each cell. Pure: nothing here touches files, processes or sockets.
//!
//! Each stage takes a value and returns a value. Only `split` and `rewrite` look at the user's text; later stages know
//! ranges of it, so that every byte that rustc complains about can be traced back to the cell it came from.

mod assemble;
mod bindings;
mod calls;
mod complete;
mod extent;
mod failing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod item;
mod item_macros;
mod items;
mod lexer;
mod mentions;
mod optimized;
mod own;
mod plan;
mod prelude;
mod rewrite;
mod shape;
mod source;
mod split;
mod statics;

pub(crate) use assemble::{Form, Layout, STATIC_PREFIX, Site, SiteMode, assemble, assemble_unparsed};
pub(crate) use calls::{Caller, call};
pub(crate) use complete::{IsComplete, is_balanced, is_complete};
pub(crate) use failing::failing;
pub(crate) use item::{Item, ItemKind, Use};
pub(crate) use item_macros::ItemMacros;
pub(crate) use lexer::{Lexeme, lexeme};
pub(crate) use mentions::identifiers_in;
pub(crate) use own::Own;
pub(crate) use plan::{CellPlan, ErrorFormat, Formats, Known, Purpose, Static, ValueFormat, plan};
pub(crate) use prelude::{IMPORTABLE, PRELUDE};
pub(crate) use rewrite::FUNCTION_MACROS;
pub(crate) use source::{Edit, Generated, Source, UserPiece};
#[cfg(test)]
pub(crate) use split::split;
pub(crate) use split::{Parsed, SyntaxError, split_part, unsplit};
