//! In which order a queue gives its items.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What holds a queue's items.
pub(super) trait Store: Default {
    type Item;
    fn put(&mut self, item: Self::Item);
    fn get(&mut self) -> Option<Self::Item>;
}

impl<T> Store for VecDeque<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        self.push_back(item);
    }

    fn get(&mut self) -> Option<T> {
        self.pop_front()
    }
}

impl<T: Ord> Store for BinaryHeap<Reverse<T>> {
    type Item = T;

    fn put(&mut self, item: T) {
        self.push(Reverse(item));
    }

    fn get(&mut self) -> Option<T> {
        self.pop().map(|Reverse(item)| item)
    }
}

impl<T> Store for Vec<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        self.push(item);
    }

    fn get(&mut self) -> Option<T> {
        self.pop()
    }
}
