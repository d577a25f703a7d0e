//! Placeholder until the frames land.
