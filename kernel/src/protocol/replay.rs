//! Remembers the signatures of messages that came in, so that a recorded message cannot be sent
//! a second time. Called by `protocol::wire` after a signature has been found valid.

use std::collections::{HashSet, VecDeque};

use super::signature::Digest;

/// As many as jupyter_client remembers.
const CAPACITY: usize = 65_536;

/// The signatures seen so far; the oldest tenth is forgotten when it is full.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    known: HashSet<Digest>,
    oldest_first: VecDeque<Digest>,
}

impl Seen {
    /// Notes `digest` and says whether it is new.
    pub(crate) fn insert(&mut self, digest: Digest) -> bool {
        if !self.known.insert(digest) {
            return false;
        }
        self.oldest_first.push_back(digest);
        if self.oldest_first.len() > CAPACITY {
            for forgotten in self.oldest_first.drain(..CAPACITY / 10) {
                self.known.remove(&forgotten);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        let mut digest = Digest::default();
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest
    }

    #[test]
    fn the_oldest_tenth_goes_when_it_is_full() {
        let mut seen = Seen::default();
        for number in 0..CAPACITY {
            assert!(seen.insert(digest(number)));
        }
        assert!(!seen.insert(digest(0)), "all are known while there is room");
        assert!(seen.insert(digest(CAPACITY)));
        assert_eq!(seen.known.len(), CAPACITY + 1 - CAPACITY / 10);
        assert!(!seen.insert(digest(CAPACITY / 10)), "the newer ones stay");
        assert!(seen.insert(digest(0)), "the oldest are forgotten");
    }
}
