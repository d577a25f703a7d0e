//! The crate's integration tests, one binary. Order, cancellation and misuse are written down as scripts with their
//! transcripts (`conformance`), which CPython runs, too, wherever `python3` is installed.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::print_stderr, reason = "what a failing test has to say")]

mod as_completed;
mod bad_input;
mod conformance;
mod context;
mod dropped;
mod examples;
mod harness;
mod idle;
mod input;
mod interrupts;
mod introspection;
mod misuse;
mod outside;
mod soak;
mod stress;
mod threads;
mod timeline;
mod virtual_time;
