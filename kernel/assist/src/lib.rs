//! The assistant: a process that knows Rust as an editor does, and answers the kernel's questions about code that is not
//! run. The kernel starts it, and uses `message` to speak with it.
//!
//! ```text
//! kernel ─Project, Question▶ serve ─▶ analyzer (rust-analyzer) ─▶ completion | help ─Answer▶ kernel
//! ```
//!
//! It runs no code of the user's: it reads sources, asks cargo and rustc which there are, and reads what cargo has said when
//! it built the crates. Only procedural macros are run, by a program of the toolchain's.

#[cfg(feature = "analyzer")]
mod analyzer;
#[cfg(feature = "analyzer")]
mod completion;
#[cfg(feature = "analyzer")]
mod help;
pub mod library;
#[cfg(feature = "analyzer")]
mod memory;
pub mod message;
pub mod readable;
#[cfg(feature = "analyzer")]
mod serve;
pub mod snippet;

#[cfg(feature = "analyzer")]
pub use serve::serve;
