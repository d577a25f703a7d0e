//! Fetches memory that will be needed in a moment, so that nobody waits for it then. The schedule uses it: with a million
//! tasks nearly every step begins with memory that is not in the processor's cache.

/// How many entries of a queue are fetched ahead: about as many as memory takes to answer.
pub(crate) const AHEAD: usize = 8;

/// Begins to fetch what `target` points to. It need not point to anything.
#[inline]
pub(crate) fn prefetch<T>(target: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetching has no effect that a program could see, wherever the pointer points to, and every processor
        // of this kind can do it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(target.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = target;
}
