//! Turns ZeroMQ frames into typed Jupyter requests and messages of ours into frames.
//! Called by `dispatch` for what comes in and by `dispatch` and `sockets::iopub` for what goes out.
//!
//! Invariants:
//! 1. Nothing here does I/O, except reading the connection file.
//! 2. A header that came in is copied byte for byte into the `parent_header` of every answer to
//!    it, so fields that we do not know survive (subshells depend on it).
//! 3. What comes in may lack fields or have more of them; what goes out has all of them.

pub(crate) mod connection;
pub(crate) mod header;
pub(crate) mod incoming;
mod replay;
pub(crate) mod request;
pub(crate) mod signature;
pub(crate) mod wire;

/// The version of the Jupyter messaging protocol that this kernel speaks.
pub(crate) const PROTOCOL_VERSION: &str = "5.5";
