//! Lets a fuzzer look for a text that the engine mistreats. The kernel is a program, so its pure stages are compiled into this one.
//!
//! ```text
//! cargo fuzz run -s none cell
//! ```
//!
//! `-s none` is for a stable toolchain. What it finds belongs into `known_troublemakers` of `cell/fuzz/tests.rs`.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the kernel uses more of these modules than the fuzzer")]

#[path = "../../src/cell/mod.rs"]
mod cell;
#[path = "../../src/magics/mod.rs"]
mod magics;
#[path = "../../src/nearest.rs"]
mod nearest;

mod publish {
    //! What the commands know of the front end.
    pub(crate) type MimeBundle = serde_json::Map<String, serde_json::Value>;
}

libfuzzer_sys::fuzz_target!(|text: &str| cell::fuzz::check(text));
