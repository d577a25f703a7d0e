//! Ranges in strips: optimized cells go through a range of numbers a few thousand at a time, and look between them whether
//! they are interrupted. Within a strip there is nothing that would keep the compiler from vectorizing a loop.

use std::ops::{Range, RangeInclusive};

use crate::interrupt::checkpoint;

/// How many numbers a strip has.
const LENGTH: u16 = 4096;

/// What can be gone through in strips.
pub trait Strips {
    /// The strips, one after the other.
    type Strips: Iterator;

    /// All of them.
    fn strips(self) -> Self::Strips;
}

/// A number of which there are ranges.
pub trait Step: Copy + PartialOrd {
    /// The number so many steps further on; `None` if that is more than there are.
    fn ahead(self, steps: u16) -> Option<Self>;
}

macro_rules! step {
    ($($number:ty)*) => {
        $(impl Step for $number {
            #[inline]
            fn ahead(self, steps: u16) -> Option<Self> {
                <$number>::try_from(steps).ok().and_then(|steps| self.checked_add(steps))
            }
        })*
    };
}

step!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// The strips of a range.
#[derive(Debug)]
pub struct Strip<T> {
    next: T,
    end: T,
}

impl<T: Step> Iterator for Strip<T> {
    type Item = Range<T>;

    #[inline]
    fn next(&mut self) -> Option<Range<T>> {
        if self.next >= self.end {
            return None;
        }
        checkpoint();
        let end = self.next.ahead(LENGTH).filter(|ahead| *ahead < self.end).unwrap_or(self.end);
        Some(std::mem::replace(&mut self.next, end)..end)
    }
}

impl<T: Step> Strips for Range<T> {
    type Strips = Strip<T>;

    #[inline]
    fn strips(self) -> Strip<T> {
        Strip { next: self.start, end: self.end }
    }
}

/// The strips of a range with its end; `None` behind the last.
#[derive(Debug)]
pub struct StripInclusive<T>(Option<(T, T)>);

impl<T: Step> Iterator for StripInclusive<T> {
    type Item = RangeInclusive<T>;

    #[inline]
    fn next(&mut self) -> Option<RangeInclusive<T>> {
        let (next, end) = self.0?;
        checkpoint();
        let ahead = next.ahead(LENGTH).filter(|ahead| *ahead <= end);
        self.0 = ahead.map(|ahead| (ahead, end));
        // `ahead` begins the next strip, so this one ends before it.
        Some(next..=ahead.and_then(|_| next.ahead(LENGTH - 1)).unwrap_or(end))
    }
}

impl<T: Step> Strips for RangeInclusive<T> {
    type Strips = StripInclusive<T>;

    #[inline]
    fn strips(self) -> StripInclusive<T> {
        let (start, end) = self.into_inner();
        StripInclusive((start <= end).then_some((start, end)))
    }
}

/// The strips of a range.
#[inline]
pub fn strips<R: Strips>(range: R) -> R::Strips {
    range.strips()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strips give what the range gives, and none is longer than the others.
    #[track_caller]
    fn check<T: Step + std::fmt::Debug>(range: Range<T>, inclusive: RangeInclusive<T>)
    where
        Range<T>: Iterator<Item = T> + Clone,
        RangeInclusive<T>: Iterator<Item = T> + Clone,
    {
        assert!(strips(range.clone()).flatten().eq(range.clone()), "{range:?}");
        assert!(strips(inclusive.clone()).flatten().eq(inclusive.clone()), "{inclusive:?}");
        assert!(strips(range).all(|strip| strip.count() <= usize::from(LENGTH)));
        assert!(strips(inclusive).all(|strip| strip.count() <= usize::from(LENGTH)));
    }

    #[test]
    fn strips_are_the_range() {
        check(5..4096, 5..=4096);
        check(0..4096u64, 0..=4096);
        check(0..4097u32, 0..=4095);
        check(-9000..9000i64, -9000..=9000);
        check(i8::MIN..i8::MAX, i8::MIN..=i8::MAX);
        check(u8::MIN..u8::MAX, u8::MIN..=u8::MAX);
        check(u16::MIN..u16::MAX, u16::MIN..=u16::MAX);
        check(u64::MAX - 5000..u64::MAX, u64::MAX - 5000..=u64::MAX);
        check(i32::MAX - 4096..i32::MAX, i32::MAX - 4095..=i32::MAX);
    }

    #[test]
    fn a_range_without_numbers_between_has_no_strips() {
        let (one, two) = (1, 2);
        assert_eq!(strips(two..one).count() + strips(two..=one).count(), 0);
        assert_eq!(strips(one..=one).flatten().count(), 1);
    }
}
