//! What commands have set for the cells to come. Part of the engine.

use crate::cell::Formats;

/// The settings of a notebook.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// rustc's `opt-level`; without one it follows from the code.
    pub(super) opt_level: Option<u8>,
    pub(super) formats: Formats,
    /// Whether to tell after each cell what took how long.
    pub(super) timing: bool,
    /// Whether the event loops' time jumps instead of passing.
    pub(super) virtual_time: bool,
    /// Environment variables of the process in which cells run.
    pub(super) environment: Vec<(String, String)>,
    /// Environment variables of rustc and cargo.
    pub(super) build_environment: Vec<(String, String)>,
}

/// Sets a variable in a list of them.
pub(super) fn set(environment: &mut Vec<(String, String)>, name: &str, value: &str) {
    environment.retain(|(known, _)| known != name);
    environment.push((name.to_owned(), value.to_owned()));
}
