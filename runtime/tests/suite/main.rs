//! The crate's integration tests, one binary. What a program can observe of the loop is written down as transcripts;
//! most of them have a Python twin, which is run too wherever `python3` is installed.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::print_stderr, reason = "what a failing test has to say")]

mod bad_input;
mod conformance;
mod dropped;
mod examples;
mod harness;
mod input;
mod interrupts;
mod introspection;
mod misuse;
mod order;
mod outside;
mod python;
mod runs;
mod scenario;
mod soak;
mod stress;
mod tasks;
mod threads;
mod virtual_time;
