//! Knows rustc and cargo: builds the runtime that cells link against, and compiles generated source into libraries.
//! Called by the engine. Knows nothing of Jupyter and nothing of what a session holds.

mod cache;
pub(crate) mod cargo;
pub(crate) mod deps;
pub(crate) mod diagnostics;
mod lease;
mod lines;
mod link;
mod mir;
mod prune;
pub(crate) mod render;
pub(crate) mod runtime;
mod rustc;
mod tool;
pub(crate) mod toolchain;

pub(crate) use cargo::Progress;
pub(crate) use diagnostics::{Diagnostic, Level, Span};
pub(crate) use mir::{fn_pointer, is_future, is_nameable};
pub(crate) use runtime::Runtime;
pub(crate) use rustc::{CompileError, Compiled, Compiler, Product, RELEASE, Request, Verdict};
