//! Nothing but its manifest, on which `asyncio` depends.
//!
//! A crate that a notebook adds may ask for features of a crate that tokio is built from, such as `syn`. cargo would then
//! build another tokio, which would not be the one that the event loop runs on. So all features that are in use in the
//! ecosystem are switched on from the start: those of procedural macros here, the others in `asyncio`'s own manifest.
