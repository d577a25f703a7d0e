//! A task's address: which loop, which place in that loop's table, which tenant of the place. Wakers consist of nothing
//! else, so they own nothing, can be copied and dropped on any thread, and may outlive the task, the loop and the
//! thread: an address where nobody lives any more wakes nobody.

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::loops;

/// Where a task lives.
///
/// The parts are counters of 16, 20 and 28 bits that start anew when they overflow. A waker that was kept while
/// its place had a million tenants, or while 65,536 loops were made, may wake a stranger. Futures must expect to be
/// polled without need, so that costs a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

const PLACE_BITS: u32 = 28;
const TENANT_BITS: u32 = 20;

// A key is as wide as a waker's pointer.
const _: () = assert!(usize::BITS == 64);

impl Key {
    /// How many tasks a loop can have at a time.
    pub(crate) const PLACES: usize = 1 << PLACE_BITS;

    /// The address of no task: no place is that far.
    pub(crate) const NOWHERE: Self = Self(Self::PLACES as u64 - 1);

    /// A place in `home` and its present tenant; both wrap.
    #[inline]
    pub(crate) fn new(home: u16, tenant: u32, place: u32) -> Self {
        let tenant = u64::from(tenant) & ((1 << TENANT_BITS) - 1);
        Self(u64::from(home) << (TENANT_BITS + PLACE_BITS) | tenant << PLACE_BITS | u64::from(place))
    }

    /// The loop's number.
    #[inline]
    pub(crate) fn home(self) -> u16 {
        (self.0 >> (TENANT_BITS + PLACE_BITS)) as u16
    }

    /// The place in the loop's table.
    #[inline]
    pub(crate) fn place(self) -> usize {
        (self.0 & (Self::PLACES as u64 - 1)) as usize
    }

    /// A waker of this task. It has nothing to drop.
    #[inline]
    pub(crate) fn waker(self) -> ManuallyDrop<Waker> {
        // SAFETY: the functions of the table below may be called on any thread, any number of times: they take the
        // pointer for a number, which `data` made of a key, and never follow it.
        ManuallyDrop::new(unsafe { Waker::from_raw(raw(self.data())) })
    }

    /// Whom `waker` wakes, if that is a task of some loop.
    #[inline]
    pub(crate) fn of(waker: &Waker) -> Option<Self> {
        ptr::eq(waker.vtable(), &TABLE).then(|| Self::from_data(waker.data()))
    }

    fn data(self) -> *const () {
        ptr::without_provenance(self.0 as usize)
    }

    fn from_data(data: *const ()) -> Self {
        Self(data.addr() as u64)
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(raw, wake, wake, |_| ());

fn raw(data: *const ()) -> RawWaker {
    RawWaker::new(data, &TABLE)
}

fn wake(data: *const ()) {
    loops::wake(Key::from_data(data));
}

#[cfg(test)]
mod tests {
    use super::{Key, Waker};

    #[test]
    fn a_key_keeps_its_parts() {
        let key = Key::new(u16::MAX, u32::MAX, 12_345);
        assert_eq!((key.home(), key.place()), (u16::MAX, 12_345));
        assert_eq!(Key::new(7, 1 << 20, 9), Key::new(7, 0, 9), "tenants start anew");
        assert_ne!(Key::new(7, 1, 9), Key::new(7, 2, 9));
    }

    #[test]
    fn wakers_of_one_task_know_each_other_and_those_of_no_loop_do_nothing() {
        let waker = Key::NOWHERE.waker();
        assert!(waker.will_wake(&waker.clone()) && !waker.will_wake(&Key::new(3, 1, 4).waker()));
        waker.wake_by_ref();
        assert_eq!((Key::of(&waker), Key::of(Waker::noop())), (Some(Key::NOWHERE), None));
        let elsewhere = (*waker).clone();
        std::thread::spawn(move || elsewhere.wake()).join().expect("it wakes nobody");
    }
}
