//! Where everything goes that is shown: one sink for the process, since any thread and any task may show something.
//! The worker installs one that tells the kernel; without one, plain text goes to stdout.

use std::io::{self, Write};
use std::sync::OnceLock;

use super::{Content, MimeBundle};

/// Something to show, or to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The value of a cell.
    Result(MimeBundle),
    /// Something beside the value.
    Display {
        /// What to show.
        bundle: MimeBundle,
        /// The name by which it can be changed.
        id: String,
    },
    /// Another content for all that has been shown under this name.
    Update {
        /// What to show instead.
        bundle: MimeBundle,
        /// The name.
        id: String,
    },
    /// The output of the cell is to go.
    ClearOutput {
        /// Whether it stays until there is something in its place.
        wait: bool,
    },
}

type Sink = Box<dyn Fn(Event) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// Sends everything that the process shows to `sink`, from now on. Only the first call counts.
pub fn set_sink(sink: impl Fn(Event) + Send + Sync + 'static) {
    let _ = SINK.set(Box::new(sink));
}

/// Shows something.
pub(crate) fn emit(event: Event) {
    match SINK.get() {
        Some(sink) => sink(event),
        None => print(event),
    }
}

fn print(event: Event) {
    let (Event::Result(bundle) | Event::Display { bundle, .. } | Event::Update { bundle, .. }) = event else { return };
    let (contents, _) = bundle.into_parts();
    let text = match contents.get("text/plain") {
        Some(Content::Text(text)) => text.clone(),
        _ => format!("<{}>", contents.into_keys().collect::<Vec<_>>().join(", ")),
    };
    // Nothing can be done about a closed stdout.
    let _ = writeln!(io::stdout(), "{text}");
}
