//! Makes crates usable in cells: what stands behind `:dep` becomes a *bundle*, one library with all crates of a notebook.
//! Called by the engine. Knows cargo, and nothing of Jupyter.
//!
//! ```text
//! `:dep` lines ─request▶ Dependencies ─manifest▶ package ─cargo▶ artifacts ─store▶ Bundle
//! ```
//!
//! cargo builds the bundle in the workspace in which the runtime was built, so that it links the very tokio that runs.
//! A finished bundle is found by what was asked for; then cargo is not run at all.
//!
//! A bundle that follows another in a session starts from its `Cargo.lock`. So versions stay, and with them the crates'
//! symbols and types: values and tasks of the earlier bundle go on, and the loader makes both share what they share.

mod artifacts;
mod build;
mod local;
mod lock;
mod manifest;
mod request;
mod store;

pub(crate) use build::{DependencyError, own_runtime, provide, refresh};
pub(crate) use request::Dependencies;
pub(crate) use store::Bundle;
