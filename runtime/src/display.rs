//! Shows values as more than text: HTML, images, formulas, plots, data. Notebook cells use it by name, and any program
//! may; there, the plain text of what is shown goes to stdout.
//!
//! ```
//! use asyncio::display;
//! use asyncio::display::{Html, MimeBundle, Rich};
//!
//! struct Color(u8, u8, u8);
//!
//! impl Rich for Color {
//!     fn mime_bundle(&self) -> MimeBundle {
//!         let Color(red, green, blue) = self;
//!         MimeBundle::new()
//!             .html(format!("<div style='background: rgb({red}, {green}, {blue})'>&nbsp;</div>"))
//!             .text(format!("#{red:02x}{green:02x}{blue:02x}"))
//!     }
//! }
//!
//! display!(Color(255, 128, 0));
//! let state = display!(Html("<b>working</b>"));
//! state.update(Html("<b>done</b>"));
//! ```
//!
//! In a cell, `display(x)` without the exclamation mark means the macro. The names are those of `IPython.display`. What
//! a value is shown as: its [`Rich`] form if it has one; what its method `evcxr_display` prints, if it has one; its
//! `Debug` form, in several lines if it is long, and as a table if it is a vector of structs or a map; its type.

mod bundle;
mod calls;
mod choice;
mod debug;
mod format;
mod layout;
mod marks;
mod rich;
mod sink;
mod table;
mod updatable;

pub use bundle::{Content, MimeBundle};
pub use calls::{DisplayHandle, clear_output, display, display_bundle, update_display};
pub use choice::{Absent, Answer, ByDebug, ByEvcxr, ByItself, ByRich, ByType, Probe};
#[doc(hidden)]
pub use format::{ByDisplay, ByNoDisplay, Displayed, Writer, set_formats};
pub use rich::{Html, Jpeg, Json, Latex, Markdown, Png, Rich, Svg, Text, VegaLite};
pub use sink::{Event, set_sink};
pub use updatable::Updatable;

pub(crate) use choice::without_paths;
pub(crate) use format::{Formats, replace_formats};
pub(crate) use sink::emit;
