//! A name for the type of what never returns. A variable such as a task that loops for ever has it in its own type, and
//! the next cell has to write that down, but `!` can only be written as the result of a function.

/// What a function returns.
pub trait Returns {
    /// Its type.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

/// `!`
pub type Never = <fn() -> ! as Returns>::Output;
