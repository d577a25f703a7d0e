//! The one thing of a loop that other threads touch: what they hand in waits here until the loop's next turn. Wakers
//! that are called on other threads and `call_soon_threadsafe` send; the loop takes.
//!
//! 1. What `send` accepted is in a later `take` or in `close`, once, in the order of sending.
//! 2. Who sends wakes the driver, after the item is in and outside the lock. So a driver that has made itself known, and
//!    then found no mail, is woken for whatever comes.
//! 3. A closed inbox takes nothing in.
//!
//! `tests/inbox.rs` compiles this file once more, against loom's types, and tries all orders in which threads can act.

use std::mem;
use std::task::Waker;

use super::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// A loop's inbox for items of type `T`.
pub(crate) struct Inbox<T> {
    /// There is mail; set and reset under the lock, read without.
    mail: AtomicBool,
    letters: Mutex<Letters<T>>,
}

struct Letters<T> {
    open: bool,
    items: Vec<T>,
    driver: Option<Waker>,
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        let letters = Letters { open: true, items: Vec::new(), driver: None };
        Self { mail: AtomicBool::new(false), letters: Mutex::new(letters) }
    }

    fn letters(&self) -> MutexGuard<'_, Letters<T>> {
        // Nothing that is done under the lock can leave the record half-changed.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in `item` and wakes the loop. It is left out when `repeats` says that the item before says the same.
    ///
    /// # Errors
    /// Gives it back when the inbox is closed.
    pub(crate) fn send(&self, item: T, repeats: impl FnOnce(&T, &T) -> bool) -> Result<(), T> {
        let driver = {
            let mut letters = self.letters();
            if !letters.open {
                return Err(item);
            }
            if !letters.items.last().is_some_and(|last| repeats(last, &item)) {
                letters.items.push(item);
            }
            self.mail.store(true, Ordering::Release);
            letters.driver.clone()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(())
    }

    /// Whom to wake when something arrives; `None` when nobody drives the loop.
    pub(crate) fn set_driver(&self, driver: Option<Waker>) {
        let old = mem::replace(&mut self.letters().driver, driver);
        drop(old);
    }

    /// Whether something has arrived.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.mail.load(Ordering::Acquire)
    }

    /// What has arrived.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut letters = self.letters();
        self.mail.store(false, Ordering::Release);
        mem::take(&mut letters.items)
    }

    /// Takes nothing in from now on; what had arrived.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut letters = self.letters();
        letters.open = false;
        mem::take(&mut letters.items)
    }
}
