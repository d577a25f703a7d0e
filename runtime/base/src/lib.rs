//! Nothing but its manifest, on which each bundle depends.
//!
//! Many crates are built on these few, each with features of its own choice. If they came one after the other, a crate that
//! is added later would change those that a notebook has already, and with them the types of its variables, which would be
//! lost. So all features that are in use are switched on from the start. What a notebook does not use is not linked.
