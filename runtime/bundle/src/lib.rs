//! The crates of a notebook. The kernel writes this package anew for each set of them (see its `compile/deps`).

pub extern crate asyncio;
