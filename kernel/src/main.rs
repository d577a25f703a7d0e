//! Placeholder until the kernel lands.
fn main() {}
