//! Which places of a table nobody has: the tables of tasks and of timers ask for the lowest.
//!
//! The lowest rather than the latest, because a crowd leaves in no order. The next crowd then walks through the table
//! from end to end, which takes half the time of jumping about in it.

/// A bit for each free place, and above that two levels which say where bits are set.
#[derive(Default)]
pub(crate) struct Free {
    places: Vec<u64>,
    words: Vec<u64>,
    blocks: Vec<u64>,
}

impl Free {
    /// Takes the lowest free place.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<u32> {
        let block = lowest(&self.blocks, 0..self.blocks.len())?;
        let word = lowest(&self.words, block..block + 1)?;
        let place = lowest(&self.places, word..word + 1)?;
        if clear(&mut self.places, place) && clear(&mut self.words, word) {
            clear(&mut self.blocks, block);
        }
        Some(place as u32)
    }

    /// Says that nobody has `place` any more.
    #[inline]
    pub(crate) fn give(&mut self, place: u32) {
        let place = place as usize;
        if place / 64 >= self.places.len() {
            self.grow(place);
        }
        set(&mut self.places, place);
        set(&mut self.words, place / 64);
        set(&mut self.blocks, place / 64 / 64);
    }

    #[cold]
    fn grow(&mut self, place: usize) {
        let mut count = place + 1;
        for level in [&mut self.places, &mut self.words, &mut self.blocks] {
            count = count.div_ceil(64);
            if level.len() < count {
                level.resize(count, 0);
            }
        }
    }
}

/// The lowest bit that is set in these words.
#[inline]
fn lowest(level: &[u64], mut words: std::ops::Range<usize>) -> Option<usize> {
    let word = words.find(|&word| level[word] != 0)?;
    Some(word * 64 + level[word].trailing_zeros() as usize)
}

#[inline]
fn set(level: &mut [u64], bit: usize) {
    level[bit / 64] |= 1 << (bit % 64);
}

/// Clears a bit; true when it was the last one of its word.
#[inline]
fn clear(level: &mut [u64], bit: usize) -> bool {
    level[bit / 64] &= !(1 << (bit % 64));
    level[bit / 64] == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Free;

    #[test]
    fn it_does_what_a_sorted_set_does() {
        let (mut free, mut model, mut seed) = (Free::default(), BTreeSet::new(), 7_u64);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if seed >> 63 == 0 {
                assert_eq!(free.take(), model.pop_first());
            } else {
                let place = (seed >> 33) as u32 % 1_000_000;
                if model.insert(place) {
                    free.give(place);
                }
            }
        }
        while let Some(place) = model.pop_first() {
            assert_eq!(free.take(), Some(place));
        }
        assert_eq!(free.take(), None);
    }
}
