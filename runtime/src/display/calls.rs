//! `display`, `update_display` and `clear_output`, as in `IPython.display`. The macros take any value and decide by its
//! type how it is shown; the functions, for code that has no macro at hand, take what is [`Rich`].

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sink::{Event, emit};
use super::{MimeBundle, Rich, Updatable};

/// Something that has been displayed, and can be changed: Python's `DisplayHandle`.
///
/// ```
/// use asyncio::display::{DisplayHandle, Html, clear_output, display, update_display};
///
/// let handle: DisplayHandle = display(Html("<b>0 %</b>"));
/// handle.update(Html("<b>50 %</b>"));
/// update_display(Html("<b>100 %</b>"), &handle);
/// DisplayHandle::new(handle.display_id()).display(Html("shown a second time"));
/// clear_output(true);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DisplayHandle {
    id: String,
}

impl DisplayHandle {
    /// The handle of what is, or will be, displayed under this name: a text, or another handle.
    pub fn new(display_id: impl AsRef<str>) -> DisplayHandle {
        DisplayHandle { id: display_id.as_ref().to_owned() }
    }

    /// Its name.
    #[must_use]
    pub fn display_id(&self) -> &str {
        &self.id
    }

    /// Displays a value under this name once more.
    pub fn display(&self, value: impl Rich) {
        display_bundle(Some(value.mime_bundle()), Some(&self.id));
    }

    /// Replaces what has been displayed under this name, wherever it stands in the notebook.
    ///
    /// Where updates come faster than people can see, only the last one of each 20 ms is shown.
    pub fn update(&self, value: impl Updatable) {
        self.update_bundle(value.bundle());
    }

    /// What [`update_display!`](crate::update_display!) expands to. Nothing changes for a value that has shown itself.
    #[doc(hidden)]
    pub fn update_bundle(&self, bundle: Option<MimeBundle>) {
        if let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) {
            emit(Event::Update { bundle, id: self.id.clone() });
        }
    }
}

impl AsRef<str> for DisplayHandle {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl Rich for DisplayHandle {
    /// Nothing: a cell that ends with `display(x)` has shown `x` already.
    fn mime_bundle(&self) -> MimeBundle {
        MimeBundle::new()
    }
}

/// Displays a value that is [`Rich`]; returns the handle by which it can be changed. The macro of the same name takes
/// any value.
pub fn display(value: impl Rich) -> DisplayHandle {
    display_bundle(Some(value.mime_bundle()), None)
}

/// Replaces what is displayed under `display_id` by a value that is [`Rich`]. The macro of the same name takes any value.
pub fn update_display(value: impl Rich, display_id: impl AsRef<str>) {
    DisplayHandle::new(display_id).update_bundle(Some(value.mime_bundle()));
}

/// Removes the output of the cell; with `wait`, only when there is new output to take its place.
pub fn clear_output(wait: bool) {
    emit(Event::ClearOutput { wait });
}

/// What [`display!`](crate::display!) expands to. Nothing is shown for a value that has shown itself.
#[doc(hidden)]
pub fn display_bundle(bundle: Option<MimeBundle>, display_id: Option<&str>) -> DisplayHandle {
    let handle = DisplayHandle { id: display_id.map_or_else(new_id, str::to_owned) };
    if let Some(bundle) = bundle.filter(|bundle| !bundle.is_empty()) {
        emit(Event::Display { bundle, id: handle.id.clone() });
    }
    handle
}

/// A name that no other display has, in this session or another.
fn new_id() -> String {
    static SESSION: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let session = SESSION.get_or_init(|| RandomState::new().hash_one(()));
    format!("{session:016x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Displays values of any type, and returns the handle of the last one: `display!(x)`, `display!(x, y)`, and
/// `display!(x, display_id = "plot")` under a name of your own. A cell may call it `display(x)`.
///
/// Works in functions, tasks and threads, and keeps the order of what is displayed and what is printed.
#[macro_export]
macro_rules! display {
    () => {
        ::core::compile_error!("`display` needs a value: `display(x)`")
    };
    ($value:expr, display_id = $id:expr $(,)?) => {
        $crate::display::display_bundle(
            $crate::representation!($value),
            ::core::option::Option::Some(::core::convert::AsRef::<str>::as_ref(&$id)),
        )
    };
    ($value:expr $(,)?) => {
        $crate::display::display_bundle($crate::representation!($value), ::core::option::Option::None)
    };
    ($value:expr, $($more:expr),+ $(,)?) => {{
        $crate::display!($value);
        $crate::display!($($more),+)
    }};
}

/// Replaces what is displayed under a name, given as a text or by a handle, by a value of any type:
/// `update_display!(x, display_id = "plot")`, `update_display!(x, handle)`. A cell may call it `update_display(…)`.
#[macro_export]
macro_rules! update_display {
    ($($value:expr)? $(,)?) => {
        ::core::compile_error!(
            "`update_display` needs a value and where to show it: `update_display(x, display_id = handle)`"
        )
    };
    ($value:expr, display_id = $id:expr $(,)?) => {
        $crate::update_display!($value, $id)
    };
    ($value:expr, $id:expr $(,)?) => {
        $crate::display::DisplayHandle::new(&$id).update_bundle($crate::representation!($value))
    };
}

/// Removes the output of the cell: `clear_output!()`, or `clear_output!(wait = true)` when there is new output to take
/// its place. A cell may call it `clear_output(…)`.
#[macro_export]
macro_rules! clear_output {
    () => {
        $crate::display::clear_output(false)
    };
    (wait = $wait:expr) => {
        $crate::display::clear_output($wait)
    };
    ($wait:expr) => {
        $crate::display::clear_output($wait)
    };
}
