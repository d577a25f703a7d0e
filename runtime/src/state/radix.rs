//! A queue by number, for numbers that mostly grow: what timers are sorted by. Equal numbers come out in the order in
//! which they went in.
//!
//! A radix heap: an item lies in the bucket of the highest bit in which its number differs from the last one taken out.
//! Taking the least empties the first bucket that holds anything into lower ones. So putting in costs a push, and each
//! item moves a few times at most, always from end to end of a vector: several times faster than a binary heap once
//! that outgrows the processor's cache. Numbers below the last one taken, which are rare, lie in a binary heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;

/// Bucket 0 is apart: its items all have the last number. The others belong to the 64 bits.
const BUCKETS: usize = 64;

/// See the module.
pub(crate) struct RadixHeap<T> {
    /// The number taken out last.
    last: u64,
    /// Items with that number.
    equal: VecDeque<T>,
    buckets: [Bucket<T>; BUCKETS],
    /// Which buckets hold anything, as bits.
    occupied: u64,
    /// Numbers below the last one, with the order in which they came.
    late: BinaryHeap<Reverse<(u64, u64, T)>>,
    late_count: u64,
    len: usize,
}

struct Bucket<T> {
    items: Vec<(u64, T)>,
    least: u64,
}

impl<T: Ord> Default for RadixHeap<T> {
    fn default() -> Self {
        Self {
            last: 0,
            equal: VecDeque::new(),
            buckets: std::array::from_fn(|_| Bucket { items: Vec::new(), least: u64::MAX }),
            occupied: 0,
            late: BinaryHeap::new(),
            late_count: 0,
            len: 0,
        }
    }
}

impl<T: Ord> RadixHeap<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All items with their numbers, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let equal = self.equal.iter().map(|item| (self.last, item));
        let buckets = self.buckets.iter().flat_map(|bucket| bucket.items.iter().map(|(number, item)| (*number, item)));
        equal.chain(buckets).chain(self.late.iter().map(|Reverse((number, _, item))| (*number, item)))
    }

    /// Puts an item in.
    #[inline]
    pub(crate) fn push(&mut self, number: u64, item: T) {
        self.len += 1;
        if number < self.last {
            self.late_count += 1;
            self.late.push(Reverse((number, self.late_count, item)));
        } else {
            self.place(number, item);
        }
    }

    #[inline]
    fn place(&mut self, number: u64, item: T) {
        let differing = number ^ self.last;
        if differing == 0 {
            self.equal.push_back(item);
            return;
        }
        let index = differing.ilog2() as usize;
        let bucket = &mut self.buckets[index];
        bucket.least = bucket.least.min(number);
        bucket.items.push((number, item));
        self.occupied |= 1 << index;
    }

    /// The least number.
    #[inline]
    pub(crate) fn least(&self) -> Option<u64> {
        if let Some(Reverse((number, ..))) = self.late.peek() {
            return Some(*number);
        }
        if !self.equal.is_empty() {
            return Some(self.last);
        }
        (self.occupied != 0).then(|| self.buckets[self.occupied.trailing_zeros() as usize].least)
    }

    /// Takes an item with the least number out, if that is not above `limit`.
    #[inline]
    pub(crate) fn pop_up_to(&mut self, limit: u64) -> Option<T> {
        if self.least()? > limit {
            return None;
        }
        self.len -= 1;
        if let Some(Reverse((.., item))) = self.late.pop() {
            return Some(item);
        }
        if self.equal.is_empty() {
            self.advance();
        }
        self.equal.pop_front()
    }

    /// Makes the least number the last one: its items go to `equal`, the rest of its bucket to lower buckets.
    fn advance(&mut self) {
        let index = self.occupied.trailing_zeros() as usize;
        self.occupied &= !(1 << index);
        let bucket = &mut self.buckets[index];
        self.last = mem::replace(&mut bucket.least, u64::MAX);
        let mut items = mem::take(&mut bucket.items);
        for (number, item) in items.drain(..) {
            self.place(number, item);
        }
        // Small vectors are kept; what was there for a crowd is given back.
        if items.capacity() <= 1024 {
            self.buckets[index].items = items;
        }
    }

    /// Drops the items that `keep` does not want.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.late.retain(|Reverse((.., item))| keep(item));
        self.equal.retain(|item| keep(item));
        self.occupied = 0;
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            bucket.items.retain(|(_, item)| keep(item));
            bucket.least = bucket.items.iter().map(|(number, _)| *number).min().unwrap_or(u64::MAX);
            if !bucket.items.is_empty() {
                self.occupied |= 1 << index;
            }
        }
        self.len =
            self.late.len() + self.equal.len() + self.buckets.iter().map(|bucket| bucket.items.len()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::RadixHeap;

    /// A small generator of numbers that look random.
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        }
    }

    #[test]
    fn it_does_what_a_sorted_map_does() {
        for seed in 0..200 {
            let mut number = numbers(seed);
            let (mut heap, mut model) = (RadixHeap::default(), BTreeMap::<(u64, u64), u64>::new());
            let spread = 1 << (1 + number(40));
            let mut now = 0;
            for item in 0..500_u64 {
                match number(8) {
                    0 => now += number(spread),
                    1 => {
                        let odd = number(2);
                        heap.retain(|item| item % 7 != odd);
                        model.retain(|_, item| *item % 7 != odd);
                    }
                    2 | 3 => {
                        let expected =
                            model.first_entry().filter(|first| first.key().0 <= now).map(|first| first.remove());
                        assert_eq!(heap.pop_up_to(now), expected);
                    }
                    _ => {
                        // Mostly later than now, sometimes long ago.
                        let at = (now + number(spread)).saturating_sub(if number(10) == 0 { spread } else { 0 });
                        heap.push(at, item);
                        model.insert((at, item), item);
                    }
                }
                assert_eq!((heap.least(), heap.len()), (model.keys().next().map(|key| key.0), model.len()));
            }
            let rest: Vec<_> = std::iter::from_fn(|| heap.pop_up_to(u64::MAX)).collect();
            assert_eq!(rest, model.into_values().collect::<Vec<_>>());
        }
    }
}
